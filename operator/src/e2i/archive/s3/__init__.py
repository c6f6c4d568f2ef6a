"""The bucket: the only package that calls S3."""
