"""e2i deploys BentoML models on Kubernetes through the Yatai CRDs."""

__version__ = "0.2.0-dev0"
