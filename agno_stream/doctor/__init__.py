"""`agno-stream doctor`: tests from outside whether a deployed server streams.

`examine` runs the checks; each is a function that sends requests and returns a `Finding`.
"""

from agno_stream.doctor.examine import examine
from agno_stream.doctor.findings import Finding, Plan, exit_code

__all__ = ["Finding", "Plan", "examine", "exit_code"]
