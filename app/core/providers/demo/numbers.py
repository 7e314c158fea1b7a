"""Numbers in a text, in digits or English words."""

import re

NUMBER_WORDS = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen \
fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty \
ninety"""
NUMBERS = dict(zip(NUMBER_WORDS.split(), [*range(1, 20), *range(20, 100, 10)], strict=True))


def number_in(text: str) -> int:
    """The number at the start of a text, in digits or English words; 0 if there is none."""
    if digits := re.match(r"\d[\d,]*", text):
        return int(digits[0].replace(",", "")[:9])  # nine digits exceed every limit here
    total = part = 0
    for word in re.findall(r"[a-z]+", text[:80].lower()):
        if word in ("thousand", "million"):
            total, part = (part or 1) * (1_000 if word == "thousand" else 1_000_000), 0
        elif word == "hundred":
            part = (part or 1) * 100
        elif word in NUMBERS:
            part += NUMBERS[word]
        elif word not in ("a", "and"):
            break
    return total + part
