"""Evidence kept of a failed release: pod problems, log lines and answers, without secrets. Pure."""
