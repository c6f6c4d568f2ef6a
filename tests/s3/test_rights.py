"""The rights that docs/howto/install.md gives the operator: together they suffice, and none is too many."""

from __future__ import annotations

import copy
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.s3 import S3Server, s3_server
from support.stores import a_bento, a_model

from e2i.api.artifact import ArchivePlace, Artifact
from e2i.api.digest import PART_SIZE
from e2i.archive.errors import BucketAccessDenied
from e2i.archive.export import Exporter
from e2i.archive.export_progress import Attempt
from e2i.archive.s3.bucket import Bucket
from e2i.controller.edge.bucket_check import check_bucket
from e2i.controller.edge.jobs.turns import Turns
from e2i.local.toolchain import ensure_tools

BUCKET, PREFIX, TAG = "e2i-bentos", "team", "churn:1.0.0"
USER, SECRET = "e2i-operator", "operator-secret-key"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "install.md"
ROOT = f"{PREFIX}/namespaces/"


def documented() -> dict[str, Any]:
    text = PAGE.read_text().split("```json operator-policy.json\n")[1].split("```")[0]
    policy: dict[str, Any] = json.loads(text)
    return policy


RIGHTS = [right for statement in documented()["Statement"] for right in statement["Action"]]


@pytest.fixture(scope="module")
def guarded(
    server: S3Server, say: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Server]:
    """A server with a user for the operator beside its root."""
    server.own_data("it has this user")
    users = tmp_path_factory.mktemp("users")
    known = {"access": USER, "secret": SECRET, "role": "user", "userID": 0, "groupID": 0}
    (users / "users.json").write_text(json.dumps({"accessAccounts": {USER: known}}))
    own = os.environ.get("E2I_VERSITYGW")
    program = Path(own) if own else ensure_tools(say).versitygw
    with s3_server(program, tmp_path_factory.mktemp("s3"), users=users) as running:
        with closing(running.client()) as client:
            client.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def allow(guarded: S3Server) -> Iterator[Callable[..., None]]:
    """Let the operator do what the page says, without one right. An upload that nobody ends is there."""
    with closing(guarded.client()) as root:

        def allowed(without: str = "") -> None:
            policy = copy.deepcopy(documented())
            for statement in policy["Statement"]:
                statement["Action"] = [right for right in statement["Action"] if right != without]
            root.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))

        key = f"{ROOT}risk/bentos/abandoned"
        begun = root.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        root.upload_part(Bucket=BUCKET, Key=key, UploadId=begun, PartNumber=1, Body=b"x")
        yield allowed


@pytest.fixture
def bucket(guarded: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with closing(Bucket(BUCKET, endpoint=guarded.url)) as opened:
        yield opened


async def test_they_suffice_below_the_prefix(
    bucket: Bucket, allow: Callable[..., None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    allow()
    a_bento(tmp_path, TAG)
    a_model(tmp_path, size=PART_SIZE + 1000)
    with caplog.at_level(logging.WARNING, "e2i"):
        await check_bucket(bucket, ArchivePlace(BUCKET, PREFIX, is_shared=False), Turns("bucket", 1))
    assert caplog.text == ""
    stored = Exporter(tmp_path, bucket, PREFIX, is_shared=False)(Attempt(reference=TAG, namespace="risk"))
    assert isinstance(stored, Artifact), stored
    assert use(bucket) == 1


@pytest.mark.parametrize("right", RIGHTS)
def test_each_of_them_is_needed_and_named(bucket: Bucket, allow: Callable[..., None], right: str) -> None:
    allow(without=right)
    with pytest.raises(BucketAccessDenied) as refused:
        use(bucket)
    assert refused.value.right == right
    assert f"does not allow the operator {right}" in refused.value.message


def use(bucket: Bucket) -> int:
    """Do what the operator does with the bucket; return how many uploads that nobody ended were aborted."""
    key = f"{PREFIX}/releases/risk/churn/record.json"
    bucket.has_conditional_writes(f"{PREFIX}/")
    bucket.put_once(key, b"{}")
    assert list(bucket.keys(f"{PREFIX}/releases/")) == [key]
    bucket.delete(key)
    return bucket.abort_stale_uploads(ROOT, timedelta(seconds=-10))
