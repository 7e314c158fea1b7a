"""Counts of readers and of bytes sent, as plain numbers, because each write updates them."""


class Traffic:
    """Counts of readers and of bytes sent, for the metrics.

    `followers` and `streams` are the numbers that are open now; `resumes` and `bytes` are totals
    since the process began.
    """

    __slots__ = ("bytes", "followers", "resumes", "streams")

    def __init__(self) -> None:
        self.followers = self.streams = 0  # a stream is a follower whose client sees each token
        self.resumes = self.bytes = 0
