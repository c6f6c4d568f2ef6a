"""What the gateway decides, by values. Pure."""
