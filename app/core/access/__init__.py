"""Authentication: API keys, and the secret that signs stream URLs."""
