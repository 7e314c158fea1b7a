"""Where conversations are kept: Agno's session stores, and what is read from them."""
