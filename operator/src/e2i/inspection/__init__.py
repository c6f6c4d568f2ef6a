"""Makes one document of a model and its children, for commands and deployments that show or follow a release."""
