"""The rules that `table` asks in order. Each returns a `Plan` for its situation, or None in any other."""
