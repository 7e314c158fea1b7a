"""Runs that wait for a person: the list of them, who may decide, and the notice of a new one."""
