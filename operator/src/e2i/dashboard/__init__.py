"""Pages for people: the models of a cluster, their releases, and the evidence of failures. Read-only."""
