"""Durable Streams: a run's log as a stream of that protocol, to be read by its clients.

`routes` has its address, `offsets` the positions in a stream, `cursors` what clients echo, `pages`
the body of one read, `events` the same as Server-Sent Events, `description` its part of
OpenAPI. It starts no runs, and stores nothing: each response is made from the log.
"""

from .routes import router as router
