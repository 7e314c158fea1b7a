"""What the readers of several protocols have in common: framing, tables, normalisers."""
