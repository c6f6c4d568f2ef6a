"""e2i deploys BentoML models on Kubernetes through the Yatai CRDs."""

__version__ = "0.1.0"
