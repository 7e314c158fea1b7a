"""An agent whose tool waits until a person has approved it.

Shows: a run that pauses, the card in the page, and the same decision over HTTP or in a terminal.
Run, in this folder: agno-stream serve --agents approval:clerk
Ask on http://127.0.0.1:8000: Please refund order 4711
In a terminal: agno-stream runs list --paused, then agno-stream runs approve <run id>
"""

from agno.agent import Agent
from agno.tools import tool


@tool(requires_confirmation=True)
def refund(order_id: str, amount: float = 20.0) -> str:
    """Pay back an order.

    Args:
        order_id: The number of the order.
        amount: Euros to pay back.
    """
    return f"{amount:.2f} euros of order {order_id} have been paid back."


clerk = Agent(
    name="Refund Clerk",
    tools=[refund],
    instructions="Use the tool to refund an order. Somebody approves it before it is done.",
)
