"""Shows a stream of a running server character by character, slowly enough to watch.

python tests/streaming/stream_test_with_delay.py [--delay SECONDS] [--url URL] [MESSAGE]
"""

import argparse
import sys
import time

from agno_stream import Client, ServerUnreachable


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("message", nargs="?", default="Show me some markdown.")
    parser.add_argument("--model", help="one of the server's models; its default if absent")
    parser.add_argument("--delay", type=float, default=0.02, help="seconds between characters")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    arguments = parser.parse_args()
    with Client(url=arguments.url) as client:
        for chunk in client.generate_stream(arguments.message, model=arguments.model):
            for character in chunk.text:
                print(character, end="", flush=True)
                time.sleep(arguments.delay)
            if chunk.failure is not None:
                started = chunk.number > 0
                hint = " Start one with: make run"
                absent = isinstance(chunk.failure, ServerUnreachable)
                print("\n" * started + chunk.failure.message + hint * absent, file=sys.stderr)
                return 1
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
