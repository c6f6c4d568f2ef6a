"""A Kubernetes cluster on one Linux machine, without Docker and without root."""
