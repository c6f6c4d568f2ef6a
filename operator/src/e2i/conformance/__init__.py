"""`e2i conformance`: a bounded suite that users run on a cluster and bucket of their own, with a report to publish.

suite.py is the order of its checks. Each check is one function, which returns what it saw, or says why it failed.
"""
