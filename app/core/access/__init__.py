"""Who may call: API keys, and the secret that signs stream addresses."""
