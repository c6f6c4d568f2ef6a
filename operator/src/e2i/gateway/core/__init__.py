"""The decisions of the gateway, by values. Pure."""
