"""Agents that get pictures, and tools that make them."""

from collections.abc import Sequence

from agno.agent import Agent
from agno.media import Image
from agno.tools.function import ToolResult

from tests.applications.kind import PIXEL, Site, kind
from tests.applications.tools import calls
from tests.provider_replies import Reply


@kind(calls("measure", arguments="{}"), Reply("One picture."), seen="1 pictures", pictures=(PIXEL,))
def pictures_in_tool(site: Site) -> Agent:
    def measure(images: Sequence[Image] | None = None) -> str:
        """How many pictures there are."""
        return f"{len(images or [])} pictures"

    return Agent(model=site.model(), tools=[measure], send_media_to_model=False)


@kind(Reply("A white pixel."), seen="image_url", pictures=(PIXEL,))
def pictures_for_model(site: Site) -> Agent:
    return Agent(model=site.model())


@kind(calls("draw"), Reply("Here is the drawing."), seen="drawn", shows=("tool", "media"))
def picture_from_tool(site: Site) -> Agent:
    def draw(city: str) -> ToolResult:
        """Draw a city."""
        return ToolResult(content="drawn", images=[Image(content=PIXEL, mime_type="image/png")])

    return Agent(model=site.model(), tools=[draw])
