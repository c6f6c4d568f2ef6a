"""Golden predictions and the contract: what to ask a release, and whether its answer is right. Pure."""
