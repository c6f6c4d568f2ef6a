"""The model registry, and how people name what is in it."""
