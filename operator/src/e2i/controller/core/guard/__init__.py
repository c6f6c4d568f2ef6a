"""Judges a release by its own metrics after it has taken the address. Pure."""
