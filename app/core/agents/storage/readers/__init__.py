"""What is read of a store past Agno, by statements of our own where its tables are known."""
