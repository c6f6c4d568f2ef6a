"""The stack of the runbook: services with several models on fixed ports, with Prometheus, from one description."""
