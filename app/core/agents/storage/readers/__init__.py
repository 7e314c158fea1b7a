"""What is read of a store past Agno: lists of conversations, and whether it answers at all."""
