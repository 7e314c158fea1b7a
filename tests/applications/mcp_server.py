"""An MCP server over standard input and output, with one tool."""

from mcp.server import MCPServer

server = MCPServer("sums")


@server.tool()
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return f"sum: {a + b}"


if __name__ == "__main__":
    server.run("stdio")
