"""Runs whose process has died, and that this one goes on with."""
