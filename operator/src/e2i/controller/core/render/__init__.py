"""Manifests of the objects that the operator writes, and how they differ from what the cluster has. Pure."""
