"""The builder's download from the cluster's real S3 server."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from support.cluster import TestCluster

from e2i.local.credentials import ensure_credentials
from e2i.local.yatai.build.__main__ import main

pytestmark = pytest.mark.api


@pytest.fixture
def bucket(control_plane: TestCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bucket, and a downloader's environment that may read it."""
    home = control_plane.own_home("it looks into the S3 server")
    credentials = ensure_credentials(home)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", credentials.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key)
    monkeypatch.setenv("AWS_ENDPOINT_URL", home.s3_url)
    # A proxy of the machine must not come between.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("E2I_MOUNTS", str(tmp_path / "mounts"))
    plain = boto3.session.Config(proxies={})
    # The default session of the process keeps the credentials of the first test that used it.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return boto3.resource("s3", region_name="us-east-1", config=plain).Bucket("e2i")


def test_an_archive_is_fetched_and_unpacked(tmp_path: Path, bucket: Any) -> None:
    (tmp_path / "bento.yaml").write_text("name: echo")
    with tarfile.open(tmp_path / "echo.tar", "w") as tar:
        tar.add(tmp_path / "bento.yaml", "bento.yaml")
    bucket.upload_file(str(tmp_path / "echo.tar"), "download/echo.tar")
    assert main(["download", "--url", "s3://e2i/download/echo.tar"]) == 0
    assert (tmp_path / "mounts/workspace/buildcontext/bento.yaml").read_text() == "name: echo"
    assert not (tmp_path / "mounts/workspace/downloaded.tar").exists()


@pytest.mark.parametrize(
    ("url", "changes", "sentence"),
    [
        ("s3://e2i/none.tar", {}, "NoSuchKey"),
        ("s3://nobody/none.tar", {}, "NoSuchBucket"),
        ("s3://e2i/none.tar", {"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
        ("s3://e2i/none.tar", {"AWS_ACCESS_KEY_ID": "nobody"}, "check the secret named by the annotation"),
        ("s3://e2i/none.tar", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "check endpoint and credentials"),
    ],
)
def test_what_cannot_be_fetched_is_named(
    bucket: Any,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    url: str,
    changes: dict[str, str],
    sentence: str,
) -> None:
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    assert main(["download", "--url", url]) == 1
    last = capfd.readouterr().out.splitlines()[-1]
    assert last.startswith("download failed: ")
    assert sentence in last
