"""Connections to S3: clients with the operator's time limits and its signature."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.auth import AUTH_TYPE_MAPS, S3SigV4Auth
from botocore.config import Config
from botocore.loaders import create_loader

from e2i.archive.errors import BucketUnreachable, ExportError

CONNECT_TIMEOUT = 5.0
ABORT_TIMEOUT = 1.0
ATTEMPTS = 3
CONNECTIONS = 16
SIGNATURE = "e2i-s3v4"
LOADER = create_loader()
"""Keeps the description of S3's API for all sessions: each would read its own, 10 MiB."""


class HashOnceAuth(S3SigV4Auth):  # type: ignore[misc]
    """Signature version 4 with the part's checksum as payload hash: boto would compute the same sha256 again.

    The body stays signed, also over plain HTTP, and the server refuses a body with another hash.
    """

    def payload(self, request: Any) -> str:
        checksum = request.headers.get("x-amz-checksum-sha256")
        return base64.b64decode(checksum).hex() if checksum else str(super().payload(request))


AUTH_TYPE_MAPS[SIGNATURE] = HashOnceAuth


@dataclass(frozen=True)
class Clients:
    """Three clients of one server with different timeouts; threads may share each of them."""

    default: Any
    upload: Any
    abort: Any

    def close(self) -> None:
        for client in (self.default, self.upload, self.abort):
            client.close()

    def fence(self, may_write: Callable[[], bool], place: str) -> None:
        """Ask `may_write` before a request is sent that changes something; BucketUnreachable if it says no."""

        def look(request: Any, **_: Any) -> None:
            if request.method not in ("GET", "HEAD") and not may_write():
                raise BucketUnreachable(f"Nothing is written to {place}: another operator may be active now.")

        for client in (self.default, self.upload, self.abort):
            client.meta.events.register("before-send.s3", look)

    def count(self, asked: Callable[[str, int], None]) -> None:
        """Call `asked` with operation and status of each attempt that was sent; status 0 without an answer."""

        def look(operation: Any, response: Any, caught_exception: Exception | None, **_: Any) -> None:
            # What the fence refuses was not sent.
            if not isinstance(caught_exception, ExportError):
                asked(operation.name, response[0].status_code if response else 0)

        for client in (self.default, self.upload, self.abort):
            client.meta.events.register("needs-retry.s3", look)


def open_clients(endpoint: str, region: str, read_timeout: float) -> Clients:
    """Make clients with the default credential chain; nothing is sent yet. ValueError for an unusable endpoint."""
    # Not boto's default session: it would keep the first credentials that it finds for ever.
    core = botocore.session.get_session()
    core.register_component("data_loader", LOADER)
    session = boto3.session.Session(region_name=region, botocore_session=core)
    return Clients(
        default=_client(session, endpoint, CONNECT_TIMEOUT, read_timeout, ATTEMPTS),
        # The time to send a body counts against the connect timeout.
        upload=_client(session, endpoint, read_timeout, read_timeout, ATTEMPTS),
        # A short timeout for an abort: the next export of the archive tries again.
        abort=_client(session, endpoint, ABORT_TIMEOUT, ABORT_TIMEOUT, 1),
    )


def _client(session: Any, endpoint: str, connect: float, read: float, attempts: int) -> Any:
    config = Config(
        signature_version=SIGNATURE,
        s3={"addressing_style": "path"} if endpoint else {},
        connect_timeout=connect,
        read_timeout=read,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
        # Every upload has our own sha256; a second checksum would only cost time.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return session.client("s3", endpoint_url=endpoint or None, config=config)


def bucket_label(bucket: str, endpoint: str) -> str:
    """Return the bucket's name for messages, without the user and password that a URL may have."""
    address = urlsplit(endpoint)
    server = f"{address.scheme}://{address.netloc.rpartition('@')[2]}" if endpoint else "AWS"
    return f"the bucket {bucket} at {server}"
