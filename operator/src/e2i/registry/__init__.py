"""The MLflow model registry and the URIs of its models."""
