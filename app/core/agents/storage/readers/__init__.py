"""What reads a store by statements of our own where its tables are known."""
