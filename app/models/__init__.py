"""The data that the layers share; nothing here imports another part of the project."""
