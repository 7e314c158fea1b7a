"""`agno-stream doctor`: whether a deployed server streams, seen from outside.

`examine` runs the checks; each is a function that asks over the wire and returns a `Finding`.
"""

from agno_stream.doctor.examine import examine
from agno_stream.doctor.findings import Finding, Plan, exit_code

__all__ = ["Finding", "Plan", "examine", "exit_code"]
