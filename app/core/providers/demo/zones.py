"""Time zones of cities, so that "What time is it in Paris?" means the clock of Paris.

The database of time zones knows more of them, but to list it takes a third of a second.
"""

import re

#: Cities that zones are named after, by the region in the name.
ZONES = {
    "Africa": "Accra Addis_Ababa Algiers Cairo Casablanca Johannesburg Lagos Nairobi Tunis",
    "America": """Anchorage Argentina/Buenos_Aires Bogota Caracas Chicago Denver Halifax Havana Lima
        Los_Angeles Mexico_City Montevideo New_York Panama Phoenix Santiago Sao_Paulo St_Johns
        Toronto Vancouver Winnipeg""",
    "Asia": """Baghdad Bangkok Colombo Dhaka Dubai Ho_Chi_Minh Hong_Kong Jakarta Jerusalem Kabul
        Karachi Kathmandu Kolkata Kuala_Lumpur Kuwait Manila Qatar Riyadh Seoul Shanghai Singapore
        Taipei Tashkent Tehran Tokyo Yangon""",
    "Atlantic": "Azores Canary Reykjavik",
    "Australia": "Adelaide Brisbane Darwin Hobart Melbourne Perth Sydney",
    "Europe": """Amsterdam Athens Belgrade Berlin Brussels Bucharest Budapest Copenhagen Dublin
        Helsinki Istanbul Kyiv Lisbon London Luxembourg Madrid Malta Monaco Moscow Oslo Paris Prague
        Riga Rome Sofia Stockholm Tallinn Vienna Vilnius Warsaw Zagreb Zurich""",
    "Pacific": "Auckland Fiji Guam Honolulu Tahiti",
}

#: Other cities, by the zone that they are in.
OTHERS = {
    "America/Chicago": "Austin Dallas Houston",
    "America/Los_Angeles": "San_Francisco Seattle San_Diego Las_Vegas",
    "America/New_York": "Boston Miami Washington Philadelphia Atlanta",
    "America/Sao_Paulo": "Rio_de_Janeiro",
    "America/Toronto": "Montreal Ottawa",
    "Asia/Kolkata": "Bangalore Bengaluru Delhi Mumbai New_Delhi",
    "Asia/Shanghai": "Beijing Shenzhen Guangzhou",
    "Asia/Tokyo": "Kyoto Osaka",
    "Europe/Berlin": "Cologne Frankfurt Hamburg Munich",
    "Europe/London": "Edinburgh Manchester",
    "Europe/Madrid": "Barcelona",
    "Europe/Paris": "Lyon Marseille",
    "Europe/Rome": "Milan Naples Venice",
    "Europe/Zurich": "Basel Bern Geneva",
    "UTC": "UTC GMT",
}

#: The zone of each city, whose name is in lower case, with spaces.
CITIES = {
    place.rpartition("/")[2].replace("_", " ").lower(): f"{region}/{place}"
    for region, places in ZONES.items()
    for place in places.split()
} | {
    place.replace("_", " ").lower(): zone
    for zone, places in OTHERS.items()
    for place in places.split()
}

#: The name of a zone, and a place, as they stand in a text.
NAME = re.compile(r"\b[A-Z]\w+(?:/[\w-]+)+")
PLACE = re.compile(r"\b(?:in|for|at) ([^\W\d][\w'-]*(?: [^\W\d][\w'-]*){0,3})")


def zone_in(text: str) -> str | None:
    """The time zone that a text names, or whose city it names; None if there is none."""
    if name := NAME.search(text):
        return name[0]
    for place in PLACE.findall(text):
        words = place.lower().split()
        for count in range(len(words), 0, -1):
            if zone := CITIES.get(" ".join(words[:count])):
                return zone
    return None


def place_in(text: str) -> str | None:
    """The place that a text names with a capital letter; None if there is none."""
    return next((place for place in PLACE.findall(text) if place[0].isupper()), None)
