"""What writes turns into a store: in groups where the store is known, else by its own calls."""
