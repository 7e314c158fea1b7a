"""A team: a leader who gives each question to the member that it is for.

Shows: members that speak for themselves in the page, each with tools of its own.
Run, in this folder: agno-stream serve --agents team:desk
Ask on http://127.0.0.1:8000: How much is a ticket to Rome?
"""

from agno.agent import Agent
from agno.team import Team


def price_of_ticket(city: str) -> str:
    """Look up the price of a ticket to a city."""
    return f"A ticket to {city} is {20 + 7 * len(city)} euros."


def opening_hours(place: str) -> str:
    """Look up when a place opens."""
    return f"{place} is open from 9 to 17."


tickets = Agent(id="tickets", name="Ticket Office", role="Sells tickets", tools=[price_of_ticket])
guide = Agent(id="guide", name="City Guide", role="Knows the city", tools=[opening_hours])

desk = Team(
    name="Travel Desk",
    members=[tickets, guide],
    instructions="Give each question to the member that it is for, and answer with what it says.",
)
