"""What waits, and what a stream pays for it: a flag, and the timers of all streams."""
