"""Chooses by a name whether it is a file of this machine or an object of a bucket."""

from __future__ import annotations

from e2i.scoring.errors import ScoringError
from e2i.scoring.places import Files, LocalFiles

SCHEME = "s3://"


def files_of(name: str) -> Files:
    """Return how files with such names are read and written."""
    if not name.startswith(SCHEME):
        return LocalFiles()
    try:
        from e2i.scoring.bucket_files import BucketFiles
    except ModuleNotFoundError as error:
        raise ScoringError(f"{name} needs the package boto3: pip install 'e2i-operator[score]'.") from error
    return BucketFiles()
