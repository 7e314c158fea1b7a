"""Shows a stream of a running server character by character, slowly enough to watch.

python tests/streaming/stream_test_with_delay.py [--delay SECONDS] [--url URL] [MESSAGE]
"""

import argparse
import json
import sys
import time
from typing import Any

import httpx


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("message", nargs="?", default="Show me some markdown.")
    parser.add_argument("--model", help="one of the server's models; its default if absent")
    parser.add_argument("--delay", type=float, default=0.02, help="seconds between characters")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    arguments = parser.parse_args()
    asked = {"message": arguments.message, "model": arguments.model}
    try:
        with httpx.stream(
            "POST", f"{arguments.url}/api/v1/chat", json=asked, timeout=httpx.Timeout(10, read=150)
        ) as reply:
            if reply.status_code != 200:
                print(json.loads(reply.read())["error"]["message"], file=sys.stderr)
                return 1
            chunk: dict[str, Any] = {}
            for line in reply.iter_lines():
                if line.startswith("data: "):
                    chunk = json.loads(line.removeprefix("data: "))
                    for character in chunk["content"]:
                        print(character, end="", flush=True)
                        time.sleep(arguments.delay)
    except httpx.ConnectError:
        print(f"No server answers at {arguments.url}. Start one with: make run", file=sys.stderr)
        return 1
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        print(f"\nThe stream broke off: {error}", file=sys.stderr)
        return 1
    except (ValueError, LookupError, TypeError):
        print(f"What answers at {arguments.url} is another server.", file=sys.stderr)
        return 1
    print()
    if not chunk.get("done"):
        print("The stream ended without its last chunk.", file=sys.stderr)
    elif "error" in chunk:
        print(chunk["error"]["message"], file=sys.stderr)
    return 0 if chunk.get("done") and "error" not in chunk else 1


if __name__ == "__main__":
    sys.exit(main())
