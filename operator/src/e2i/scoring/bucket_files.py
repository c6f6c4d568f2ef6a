"""Inputs, outputs and what lies beside them as objects of a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from e2i.scoring.errors import ScoringError
from e2i.scoring.places import Folder


@contextmanager
def said(name: str) -> Iterator[None]:
    """Raise every failure of the bucket as a ScoringError about `name`."""
    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise ScoringError(
            f"{name}: the bucket failed: {error}. Check the name, AWS_ENDPOINT_URL and the credentials."
        ) from error


class BucketFolder:
    """A prefix of a bucket."""

    def __init__(self, s3: Any, bucket: str, prefix: str) -> None:
        self._s3, self._bucket, self._prefix = s3, bucket, prefix

    def names(self) -> set[str]:
        with said(self._prefix):
            return set(self._names())

    def _names(self) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        for page in pages:
            yield from (item["Key"].removeprefix(self._prefix) for item in page.get("Contents", ()))

    def read(self, name: str) -> bytes:
        with said(self._prefix):
            content: bytes = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read()
        return content

    def write(self, name: str, content: bytes) -> None:
        with said(self._prefix):
            self._s3.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=content)

    def remove(self) -> None:
        for name in self.names():
            with said(self._prefix):
                self._s3.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    def close(self) -> None:
        """Nothing is held."""


class BucketFiles:
    """Input and output as objects of buckets: s3://BUCKET/KEY. Address and credentials are those of the environment."""

    def __init__(self) -> None:
        self._s3 = boto3.session.Session().client("s3")

    def fetch(self, name: str, folder: Path) -> Path:
        bucket, key = _split(name)
        path = folder / "input"
        with said(name):
            self._s3.download_file(bucket, key, str(path))
        return path

    def mark(self, name: str) -> str:
        bucket, key = _split(name)
        with said(name):
            return str(self._s3.head_object(Bucket=bucket, Key=key)["ETag"])

    def folder(self, name: str) -> Folder:
        bucket, key = _split(name)
        return BucketFolder(self._s3, bucket, f"{key}.progress/")

    def publish(self, made: Path, name: str) -> None:
        bucket, key = _split(name)
        with said(name):
            self._s3.upload_file(str(made), bucket, key)


def _split(name: str) -> tuple[str, str]:
    parts = urlsplit(name)
    if not parts.netloc or not parts.path.strip("/"):
        raise ScoringError(f"{name} names no object: write s3://BUCKET/KEY.")
    return parts.netloc, parts.path.lstrip("/")
