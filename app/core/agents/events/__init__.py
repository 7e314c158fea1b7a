"""The events of Agno as chunks: one table that names every event, and what reads them."""
