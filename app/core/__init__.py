"""Runs, their logs, the agents that produce them and the conversations they belong to; no HTTP."""
