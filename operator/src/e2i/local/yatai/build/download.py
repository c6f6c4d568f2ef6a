"""Download an archive from s3://, http:// or https:// into a file, within the free space of the disk."""

from __future__ import annotations

import hashlib
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from e2i.local.yatai.build import BuildError

BLOCK = 4 << 20
DISK_RESERVE = 256 << 20
"""Bytes that must stay free on the disk."""
TIMEOUT = 60
REGION = "us-east-1"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def fetch(url: str, target: Path, environment: Mapping[str, str]) -> tuple[str, int]:
    """Download `url` to `target`; return its sha256 as hex and its size in bytes.

    Credentials and endpoint of S3 come from the AWS_* variables. BuildError if it cannot be downloaded completely.
    """
    scheme = urlsplit(url).scheme
    if scheme == "s3":
        return receive(s3_blocks(url, environment), target)
    if scheme in ("http", "https"):
        return receive(http_blocks(url), target)
    raise BuildError(
        f"downloadUrl {url!r} is neither s3:// nor http(s)://; put the archive where one of these is"
    )


def receive(blocks: Iterator[bytes], target: Path) -> tuple[str, int]:
    """Write the blocks to `target`; BuildError before the disk is full."""
    digest, size = hashlib.sha256(), 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for block in blocks:
            if shutil.disk_usage(target.parent).free < DISK_RESERVE + len(block):
                raise BuildError(
                    f"the disk of {target.parent} is full after {size} bytes; make room and try again"
                )
            file.write(block)
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def s3_blocks(url: str, environment: Mapping[str, str]) -> Iterator[bytes]:
    # Imported here, because loading it takes longer than the whole work of other commands.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    parts = urlsplit(url)
    bucket, key = parts.netloc, parts.path.removeprefix("/")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or REGION
    endpoint = environment.get("AWS_ENDPOINT_URL")
    # The machine's proxy cannot reach the machine's own S3 server.
    proxies: dict[str, str] | None = {} if urlsplit(endpoint or "").hostname in LOOPBACK else None
    settings = Config(connect_timeout=10, read_timeout=TIMEOUT, retries={"mode": "standard"}, proxies=proxies)
    try:
        client = boto3.session.Session().client(
            "s3", region_name=region, endpoint_url=endpoint, config=settings
        )
        answer = client.get_object(Bucket=bucket, Key=key)
        expected, size = answer["ContentLength"], 0
        for block in answer["Body"].iter_chunks(BLOCK):
            size += len(block)
            yield block
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise BuildError(f"S3 at {endpoint or 'AWS'} answered {code} for {url}; {s3_remedy(code)}") from error
    except BotoCoreError as error:
        raise BuildError(
            f"{url} from {endpoint or 'AWS'}: {error}; check endpoint and credentials"
        ) from error
    if size != expected:
        raise BuildError(f"{url} ended after {size} of {expected} bytes; it is tried again")


def s3_remedy(code: str) -> str:
    if code in ("NoSuchKey", "404"):
        return "upload the archive there, or correct downloadUrl"
    if code == "NoSuchBucket":
        return "create the bucket, or correct downloadUrl"
    return "check the secret named by the annotation yatai.ai/aws-access-key-secret-name"


def http_blocks(url: str) -> Iterator[bytes]:
    try:
        # Only for http(s); urllib itself refuses a redirect to another scheme.
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310
            expected, size = answer.headers.get("Content-Length"), 0
            while block := answer.read(BLOCK):
                size += len(block)
                yield block
    except urllib.error.HTTPError as error:
        raise BuildError(f"{url} answered {error.code} {error.reason}; correct downloadUrl") from error
    except (OSError, ValueError) as error:
        raise BuildError(f"{url} cannot be read: {error}; check that the server is up") from error
    if expected is not None and size != int(expected):
        raise BuildError(f"{url} ended after {size} of {expected} bytes; it is tried again")
