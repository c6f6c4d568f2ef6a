"""Export a bento from a BentoML store to an archive in a bucket: find it, list it, hash it, upload it. Blocking."""
