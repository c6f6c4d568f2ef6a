"""One versitygw for all tests of this folder, a bucket for each, and the credentials in the environment."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.s3 import ACCESS_KEY, SECRET_KEY, FaultProxy, S3Server, s3_server

from e2i.archive.s3.bucket import Bucket
from e2i.local.toolchain import ensure_tools


@pytest.fixture(scope="session")
def server(
    pytestconfig: pytest.Config, say: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Server]:
    if port := pytestconfig.getoption("s3_port"):
        yield S3Server(port)
        return
    own = os.environ.get("E2I_VERSITYGW")
    program = Path(own) if own else ensure_tools(say).versitygw
    with s3_server(program, tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    # A user's own configuration must not decide what the tests see.
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)


@pytest.fixture(autouse=True)
def _no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """All bentos here were made just now; the tests of settling set a time of their own."""
    monkeypatch.setattr("e2i.archive.export.SETTLED", 0.0)


@pytest.fixture
def s3(server: S3Server) -> Iterator[Any]:
    client = server.client()
    yield client
    client.close()


@pytest.fixture
def name(s3: Any) -> str:
    """A new, empty bucket."""
    bucket = f"test-{uuid.uuid4()}"
    s3.create_bucket(Bucket=bucket)
    return bucket


@pytest.fixture
def bucket(server: S3Server, name: str) -> Iterator[Bucket]:
    opened = Bucket(name, endpoint=server.url)
    yield opened
    opened.close()


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultProxy]:
    running = FaultProxy(server.port)
    yield running
    running.close()
    running.check()


@pytest.fixture
def behind_proxy(proxy: FaultProxy, name: str) -> Iterator[Bucket]:
    """The bucket as it is seen through the proxy, with short waits."""
    opened = Bucket(name, endpoint=proxy.url, read_timeout=2.0)
    yield opened
    opened.close()
