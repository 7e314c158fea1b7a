"""What goes out to readers, counted in plain numbers: a write must not cost more for it."""


class Traffic:
    """`followers` and `streams` are open now; `resumes` and `bytes` are since the process began."""

    __slots__ = ("bytes", "followers", "resumes", "streams")

    def __init__(self) -> None:
        self.followers = self.streams = 0  # a stream is a follower whose reader sees each token
        self.resumes = self.bytes = 0
