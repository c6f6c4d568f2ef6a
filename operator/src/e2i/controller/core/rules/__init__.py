"""The rules that `core.plan` asks in order. Each returns a `Plan` for its situation, or None in any other."""
