"""One module for each thing outside of the gateway: the cluster, files, issuers of tokens, the models."""
