"""Manifests of the objects that the operator writes, and their comparison with the cluster. Pure."""
