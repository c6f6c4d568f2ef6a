"""Releases of e2i itself: its version, its changelog, and its public surface (docs/howto/release.md)."""
