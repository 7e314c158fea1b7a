"""Chat completions posted without the SDK's HTTP client, and read as their bytes arrive."""
