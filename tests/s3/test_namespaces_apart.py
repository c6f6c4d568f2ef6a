"""Archives of each namespace in a folder of its own: a credential for it reads no other, and no digest leads there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from support.s3 import REGION, S3Server, s3_server
from support.stores import a_bento

from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.archive.export import Exporter
from e2i.archive.export_progress import Attempt
from e2i.archive.s3.bucket import Bucket
from e2i.controller.edge.release_store import ReleaseStore
from e2i.local.toolchain import ensure_tools

TAG = "churn:1.0.0"
PREFIX = "team"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "tenants.md"
KEYS = {"risk-download": "risk-secret-key", "churn-download": "churn-secret-key"}


@pytest.fixture(scope="module")
def guarded(
    server: S3Server, say: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Server]:
    """A server with users beside its root: the download credentials of two namespaces."""
    server.own_data("it has these users")
    users = tmp_path_factory.mktemp("users")
    (users / "users.json").write_text(
        json.dumps(
            {
                "accessAccounts": {
                    name: {"access": name, "secret": secret, "role": "user", "userID": 0, "groupID": 0}
                    for name, secret in KEYS.items()
                }
            }
        )
    )
    own = os.environ.get("E2I_VERSITYGW")
    program = Path(own) if own else ensure_tools(say).versitygw
    with s3_server(program, tmp_path_factory.mktemp("s3"), users=users) as running:
        with closing(running.client()) as client:
            client.create_bucket(Bucket="e2i-bentos")
            client.put_bucket_policy(Bucket="e2i-bentos", Policy=json.dumps(documented_policy()))
        yield running


@pytest.fixture
def bucket(guarded: S3Server) -> Iterator[Bucket]:
    with closing(Bucket("e2i-bentos", endpoint=guarded.url)) as opened:
        yield opened


def documented_policy() -> dict[str, Any]:
    """The policy of docs/howto/tenants.md, for both namespaces."""
    text = PAGE.read_text().split("```json policy.json\n")[1].split("```")[0]
    policy: dict[str, Any] = json.loads(text)
    return policy


def download(server: S3Server, user: str, archive: Artifact) -> int:
    """Read an archive as yatai-image-builder does; the size."""
    client = boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=user,
        aws_secret_access_key=KEYS[user],
        region_name=REGION,
        config=Config(s3={"addressing_style": "path"}),
    )
    with closing(client):
        key = archive.uri.split("/", 3)[3]
        return len(client.get_object(Bucket="e2i-bentos", Key=key)["Body"].read())


def export(exporter: Exporter, namespace: str, reference: str = TAG) -> Artifact | Problem:
    return exporter(Attempt(reference=reference, namespace=namespace))


def test_a_namespace_reads_its_own_archives_and_no_others(
    guarded: S3Server, bucket: Bucket, tmp_path: Path
) -> None:
    a_bento(tmp_path, TAG)
    exporter = Exporter(tmp_path, bucket, PREFIX, is_shared=False)
    risk, churn = export(exporter, "risk"), export(exporter, "churn")
    assert isinstance(risk, Artifact)
    assert isinstance(churn, Artifact)
    assert risk.uri.startswith("s3://e2i-bentos/team/namespaces/risk/bentos/churn/1.0.0/")
    assert risk.digest == churn.digest
    assert risk.uri != churn.uri
    assert download(guarded, "risk-download", risk) == risk.size
    assert download(guarded, "churn-download", churn) == churn.size
    for user, foreign in (("risk-download", churn), ("churn-download", risk)):
        with pytest.raises(ClientError, match="AccessDenied"):
            download(guarded, user, foreign)
    records = ReleaseStore(bucket, PREFIX, is_shared=False)
    assert records.archive_exists(risk, "risk")
    assert not records.archive_exists(risk, "churn")
    records.delete_archive(risk.uri, "churn")
    assert records.archive_exists(risk, "risk")
    record = f"{PREFIX}/releases/risk/churn/a.json"
    with closing(guarded.client()) as client:
        client.put_object(Bucket="e2i-bentos", Key=record, Body=b"{}")
    with pytest.raises(ClientError, match="AccessDenied"):
        download(guarded, "risk-download", replace(risk, uri=f"s3://e2i-bentos/{record}"))


def test_naming_the_digest_of_another_namespace_finds_nothing(bucket: Bucket, tmp_path: Path) -> None:
    a_bento(tmp_path, "risk:1.0.0")
    exporter = Exporter(tmp_path, bucket, PREFIX, is_shared=False)
    risk = export(exporter, "risk", "risk:1.0.0")
    assert isinstance(risk, Artifact)
    named = f"risk:1.0.0@{risk.digest}"
    assert export(exporter, "risk", named) == risk
    told = export(exporter, "churn", named)
    assert isinstance(told, Problem)
    assert told.reason is Reason.BentoNotFound
    assert "s3://e2i-bentos/team/namespaces/churn/bentos/risk/1.0.0/" in told.message
