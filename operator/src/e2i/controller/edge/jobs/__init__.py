"""Background jobs shared by all reconciles: exports, verifications and guards."""
