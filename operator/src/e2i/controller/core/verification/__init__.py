"""Golden predictions and contract: which requests to send to a release, and whether its answers are right. Pure."""
