"""The releases of a model: which one is desired, which one is the target, how many pods each gets. Pure."""
