"""The operator: watches E2IModels and releases their bentos."""
