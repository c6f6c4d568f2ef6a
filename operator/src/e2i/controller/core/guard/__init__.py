"""The guard: judges a release by its metrics after the switch. Pure."""
