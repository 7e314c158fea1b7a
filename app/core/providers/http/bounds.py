"""Times and sizes that bound how the body of a response is read."""

#: Seconds after the finish reason in which usage may follow; then the response counts as over,
#: whatever the provider sends to keep its connection open.
GRACE = 1.0

#: Bytes of a response with the status of an error that are read, at most.
REFUSAL = 2**20

#: Bytes that a reader gets at once, so that it is done with them in milliseconds: a small part
#: whole, as a slice would cut a line, and a large one in slices.
SMALL, SLICE = 16 * 1024, 8 * 1024

#: Bytes above which a part has so many tokens that it waits for its turn: a provider that sends
#: without a pause does not let the loop go on.
LIGHT = 2 * 1024

#: Of so many parts one waits for its turn, however small they are.
OFTEN = 64

#: Bytes of a response that are buffered before they are read: twice as many stop the provider, at
#: the next read of the socket.
READ_AHEAD = 32 * 1024

#: Bytes of a body from which on it is read in a thread.
LARGE = 256 * 1024

#: Seconds to read the rest of a body whose end has come, so that its connection can be reused.
DRAIN = 0.25

#: Parts for the SDK that its user has not read, behind which the provider has to wait.
MOST_UNREAD = 16
