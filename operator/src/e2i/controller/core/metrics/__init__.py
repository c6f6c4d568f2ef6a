"""The operator's metrics: which there are, and which series a model or the operator's state gives. Pure."""
