"""Readers of what providers send: one module for each protocol, pure, synchronous, without I/O."""
