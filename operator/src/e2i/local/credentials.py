"""The S3 server's credentials: created once for each cluster and kept in its folder."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from e2i.local.errors import ClusterError
from e2i.local.layout import ClusterHome


@dataclass(frozen=True)
class S3Credentials:
    """The keys for requests to the cluster's bucket, and the folder of the server's metadata."""

    access_key_id: str
    secret_access_key: str
    metadata_folder: str | None = None
    """The folder for the metadata of objects, if the file system has no extended attributes."""


def ensure_credentials(home: ClusterHome) -> S3Credentials:
    """Return the cluster's credentials; create them if there are none."""
    file = home.root / "s3-credentials.json"
    try:
        return S3Credentials(**json.loads(file.read_text()))
    except FileNotFoundError:
        pass
    except (ValueError, TypeError) as error:
        raise ClusterError(
            f"{file} is damaged ({error}). Delete it and run `e2i local up --name {home.name}` again: "
            "new credentials are made, the data stays."
        ) from error
    home.bucket_data.mkdir(parents=True, exist_ok=True)
    metadata = None if _has_attributes(home.bucket_data) else str(home.root / "s3-metadata")
    credentials = S3Credentials("E2I" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30), metadata)
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as target:
        json.dump(asdict(credentials), target)
    partial.replace(file)
    return credentials


def _has_attributes(folder: Path) -> bool:
    try:
        os.setxattr(folder, "user.e2i", b"1")
        os.removexattr(folder, "user.e2i")
    except OSError:
        return False
    return True
