"""One agent with a tool.

Shows: an agent of your own, a tool that is called, questions to begin with.
Run, in this folder: agno-stream serve --agents one_agent:assistant
Ask on http://127.0.0.1:8000: What is the weather in Oslo?
Without a key the demonstration model answers, which calls the tool, too.
"""

from agno.agent import Agent


def weather(city: str, days: int = 1) -> str:
    """Look up the weather of a city.

    Args:
        city: The name of the city.
        days: For how many days.
    """
    return f"Sunny in {city} for {days} day{'s' if days > 1 else ''}, 21 degrees."


assistant = Agent(
    name="Assistant",
    description="Knows the weather.",
    tools=[weather],
    instructions="Answer in one sentence. Ask the tool for the weather, and never guess it.",
    metadata={"suggestions": ["What is the weather in Oslo?"]},
)
