"""The gateway in front of the models: one address for all of them, with keys, limits and checked requests."""
