"""`python -m agno_stream` is the command line."""

import sys

from agno_stream.cli import main

sys.exit(main())
