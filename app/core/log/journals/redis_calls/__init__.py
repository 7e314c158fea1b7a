"""What the Redis journal does in several calls, or with a memory of its own."""
