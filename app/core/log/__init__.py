"""The numbered log of a run: its live end in memory, its journal, its readers."""
