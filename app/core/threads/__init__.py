"""Threads that work for the event loop, so that it never waits for a disk."""
