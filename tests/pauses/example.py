"""The agent of the examples in docs/protocol.md: it may refund tickets, if a person approves."""

from agno.agent import Agent
from agno.tools import tool


@tool(requires_confirmation=True)
def refund(ticket: int) -> str:
    """Refund a ticket."""
    return f"Ticket {ticket} is refunded."


clerk = Agent(id="clerk", tools=[refund])
