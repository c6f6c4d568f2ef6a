"""The ledger on a real S3 server: written once, read whatever lies beside it, and what may be deleted."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import http.client
import io
import logging
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest
from support.builders import NOON, an_artifact, seconds
from support.s3 import Fault, FaultProxy, S3Server, free_port
from support.stores import a_bento

from e2i.api.artifact import Artifact
from e2i.api.model import Shape
from e2i.api.release_record import FAILED, LARGEST, SERVED, Record, encode, good, key
from e2i.archive.errors import (
    ArchiveCorrupted,
    BucketAccessDenied,
    BucketNotFound,
    BucketRefused,
    BucketUnreachable,
    ExportError,
)
from e2i.archive.export import Exporter
from e2i.archive.export_progress import Attempt
from e2i.archive.s3.bucket import Bucket
from e2i.controller.edge.jobs.release_store_reader import ReleaseStoreReader
from e2i.controller.edge.jobs.turns import Turns
from e2i.controller.edge.release_store import ReleaseStore
from e2i.deploying.environments import BucketPlace
from e2i.deploying.push import send

PREFIX = "team"
CANARY = "CANARYKEY"
READ_IN_ANOTHER_PROCESS = """
import sys
from e2i.archive.s3.bucket import Bucket
from e2i.controller.edge.release_store import ReleaseStore
name, endpoint = sys.argv[1:]
print(ReleaseStore(Bucket(name, endpoint=endpoint), "team").read("models", "churn"))
"""


def a_record(after: float = 0, **changes: Any) -> Record:
    moment = NOON + seconds(after)
    record = Record(
        namespace="models",
        model="churn",
        release=f"{int(after):08x}",
        trial="77aa01ff",
        result=SERVED,
        artifact=an_artifact(),
        shape=Shape(type="Classification"),
        env=("GREETING",),
        message="Grüße 🦊",
        started_at=moment,
        at=moment,
    )
    return dataclasses.replace(record, **changes)


def of_digest(digits: str, **changes: Any) -> Record:
    return a_record(**{"artifact": an_artifact(digest=f"sha256:{digits * 8}"), **changes})


@pytest.fixture
def ledger(bucket: Bucket) -> ReleaseStore:
    return ReleaseStore(bucket, PREFIX)


def keys(s3: Any, name: str) -> list[str]:
    return [found["Key"] for found in s3.list_objects_v2(Bucket=name).get("Contents", [])]


def to_keep(ledger: ReleaseStore, but: tuple[str, str] | None = None) -> frozenset[str]:
    """What the operator finds in a listing."""

    async def find() -> frozenset[str]:
        return await ReleaseStoreReader(ledger, Turns("bucket", 1)).last_good_digests(but)

    return asyncio.run(find())


def content(s3: Any, name: str, record: Record) -> bytes:
    body: bytes = s3.get_object(Bucket=name, Key=key(record, PREFIX))["Body"].read()
    return body


def test_what_is_written_is_read_again_oldest_first(ledger: ReleaseStore, name: str) -> None:
    records = [a_record(120), a_record(0), a_record(60, result=FAILED, evidence={"log": ["a"]})]
    places = [ledger.write(record) for record in records]
    assert places == [key(record, PREFIX) for record in records]
    assert ledger.read("models", "churn") == (records[1], records[2], records[0])


def test_a_model_that_nobody_knows_has_no_records(ledger: ReleaseStore) -> None:
    assert ledger.read("models", "churn") == ()
    assert to_keep(ledger) == frozenset()
    ledger.delete_records("models", "churn")


def test_a_second_write_with_other_content_leaves_the_first(ledger: ReleaseStore, s3: Any, name: str) -> None:
    first = a_record(message="the first", evidence={"log": ["one"]})
    second = dataclasses.replace(first, message="the second", at=NOON + seconds(9), evidence={})
    assert ledger.write(first) == ledger.write(second)
    assert content(s3, name, first) == encode(first)
    assert ledger.read("models", "churn") == (first,)
    assert len(keys(s3, name)) == 1


@pytest.fixture
def seen_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes looked a moment before the other one wrote, as in a race."""
    monkeypatch.setattr(Bucket, "get", lambda *_, **__: None)


@pytest.mark.usefixtures("seen_too_early")
def test_the_server_itself_refuses_a_second_write(ledger: ReleaseStore, s3: Any, name: str) -> None:
    first = a_record(message="the first")
    ledger.write(first)
    ledger.write(dataclasses.replace(first, message="the second"))
    assert content(s3, name, first) == encode(first)


def test_a_server_that_would_overwrite_is_not_asked_to(
    ledger: ReleaseStore, bucket: Bucket, s3: Any, name: str
) -> None:
    def forget(request: Any, **_: Any) -> None:
        del request.headers["If-None-Match"]

    bucket._clients.upload.meta.events.register("before-sign.s3.PutObject", forget)
    first = a_record(message="the first")
    ledger.write(first)
    ledger.write(dataclasses.replace(first, message="the second"))
    assert content(s3, name, first) == encode(first)


def test_of_many_who_write_at_once_one_wins_and_all_are_content(ledger: ReleaseStore) -> None:
    records = [a_record(message=str(number)) for number in range(8)]
    places: list[str] = []
    writers = [
        threading.Thread(target=lambda record=record: places.append(ledger.write(record)))  # type: ignore[misc]
        for record in records
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(places) == 8
    assert len(set(places)) == 1
    (stored,) = ledger.read("models", "churn")
    assert stored in records


def test_only_the_newest_are_read_and_the_last_that_was_good(ledger: ReleaseStore) -> None:
    served = a_record(1)
    failed = [a_record(after, result=FAILED) for after in range(2, 8)]
    for record in (a_record(0), served, *failed):
        ledger.write(record)
    read = ledger.read("models", "churn", newest=2)
    assert read == (served, *failed[-2:])
    assert good(read) == (served,)


def test_models_whose_names_begin_alike_are_kept_apart(ledger: ReleaseStore, s3: Any, name: str) -> None:
    mine, other = a_record(), a_record(model="churn-b")
    elsewhere = a_record(namespace="models-b")
    for record in (mine, other, elsewhere):
        ledger.write(record)
    assert ledger.read("models", "churn") == (mine,)
    ledger.delete_records("models", "churn")
    assert sorted(keys(s3, name)) == sorted([key(other, PREFIX), key(elsewhere, PREFIX)])


def damaged(s3: Any, name: str) -> dict[str, bytes]:
    """What may lie in a model's directory and is no record of it."""
    record = a_record(60)
    body, place = encode(record), key(record, PREFIX)
    other = a_record(60, model="other")
    return {
        place: body[: len(body) // 2],
        key(a_record(61), PREFIX): b"",
        key(a_record(62), PREFIX): bytes(LARGEST + 1),
        key(a_record(63), PREFIX): encode(a_record(63)).replace(b"GREETING", b"GREETINX"),
        # A record that is sound, under the key of another.
        key(a_record(64), PREFIX): body,
        key(a_record(65), PREFIX): encode(other),
    }


def test_damaged_records_are_passed_over_with_a_warning_that_names_them(
    ledger: ReleaseStore, s3: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, last = a_record(0), a_record(120)
    ledger.write(first)
    bad = damaged(s3, name)
    for place, body in bad.items():
        s3.put_object(Bucket=name, Key=place, Body=body)
    ledger.write(last)
    with caplog.at_level(logging.WARNING, "e2i"):
        assert ledger.read("models", "churn") == (first, last)
    assert len(caplog.messages) == len(bad)
    for place in bad:
        assert any(f"s3://{name}/{place} " in message for message in caplog.messages)


def test_what_is_no_record_by_its_name_is_neither_read_nor_deleted(
    ledger: ReleaseStore, s3: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    note, deeper = f"{PREFIX}/releases/models/churn/notes.txt", f"{PREFIX}/releases/models/churn/old/"
    below = key(a_record(), PREFIX).replace("churn/", "churn/old/")
    for place in (note, deeper, below):
        s3.put_object(Bucket=name, Key=place, Body=b"")
    ledger.write(a_record())
    assert ledger.read("models", "churn") == (a_record(),)
    ledger.delete_records("models", "churn")
    assert sorted(keys(s3, name)) == sorted([note, deeper, below])
    assert caplog.messages == []


def test_the_digests_to_keep_are_told_by_a_listing_alone(
    ledger: ReleaseStore, s3: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for record in (
        of_digest("aaaaaaaa"),
        of_digest("bbbbbbbb", after=60),
        of_digest("cccccccc", after=120, result=FAILED),
        of_digest("dddddddd", model="other"),
        of_digest("eeeeeeee", model="never", result=FAILED),
    ):
        ledger.write(record)
    ReleaseStore(ledger._bucket, "another-team").write(of_digest("ffffffff"))
    for place in ("notes.txt", "models/churn/notes.txt"):
        s3.put_object(Bucket=name, Key=f"{PREFIX}/releases/{place}", Body=b"")
    monkeypatch.setattr(Bucket, "get", lambda *_: pytest.fail("an object was read"))
    assert to_keep(ledger) == {"b" * 16, "d" * 16}


def test_a_model_that_is_given_up_keeps_nothing_for_itself_and_all_for_others(ledger: ReleaseStore) -> None:
    for model, digits in (("churn", "aaaaaaaa"), ("churn-b", "bbbbbbbb"), ("shared", "aaaaaaaa")):
        ledger.write(of_digest(digits, model=model))
    assert to_keep(ledger, ("models", "churn-b")) == {"a" * 16}
    assert to_keep(ledger, ("models", "churn")) == {"a" * 16, "b" * 16}


def test_a_listing_of_more_than_one_page_is_read_to_its_end(
    ledger: ReleaseStore, server: S3Server, name: str
) -> None:
    data = server.own_data("it keeps objects as files, and so many requests would only cost time")
    records = [of_digest(f"{number:08x}", model=f"model-{number}") for number in range(1100)]
    for record in records:
        file = data / name / key(record, PREFIX)
        file.parent.mkdir(parents=True)
        file.touch()
    assert to_keep(ledger) == {record.artifact.digest[7:23] for record in records}


@pytest.fixture
def exported(bucket: Bucket, tmp_path: Path) -> Artifact:
    """A real bento in the bucket."""
    a_bento(tmp_path)
    artifact = Exporter(tmp_path, bucket, PREFIX)(Attempt(reference="churn:1.0.0", namespace="models"))
    assert isinstance(artifact, Artifact), artifact
    return artifact


def test_an_archive_is_there_only_with_its_size_and_digest(
    ledger: ReleaseStore, bucket: Bucket, exported: Artifact
) -> None:
    replace = dataclasses.replace
    assert ledger.archive_exists(exported, "models")
    assert not ledger.archive_exists(replace(exported, size=exported.size + 1), "models")
    assert not ledger.archive_exists(replace(exported, digest=an_artifact().digest), "models")
    assert not ledger.archive_exists(replace(exported, uri=exported.uri.replace("1.0.0", "1.0.1")), "models")
    assert not ledger.archive_exists(
        replace(exported, uri=exported.uri.replace(bucket.name, "other")), "models"
    )
    assert not ReleaseStore(bucket, "another-team").archive_exists(exported, "models")


def test_a_release_of_an_image_is_usable_although_nothing_of_it_is_in_the_bucket(
    ledger: ReleaseStore,
) -> None:
    digest = f"sha256:{'1' * 64}"
    image = Artifact(
        tag="churn_model:1.4.2",
        digest=digest,
        uri=f"docker://registry.example/churn@{digest}",
        size=0,
        image="registry.example/churn:1.4.2",
    )
    record = a_record(artifact=image)
    ledger.write(record)
    assert ledger.read_usable("models", "churn") == (record,)


def test_an_archive_that_was_overwritten_is_not_there(
    ledger: ReleaseStore, exported: Artifact, s3: Any, name: str
) -> None:
    s3.put_object(Bucket=name, Key=exported.uri.split("/", 3)[3], Body=bytes(exported.size))
    assert not ledger.archive_exists(exported, "models")


def test_an_archive_that_a_copy_of_the_bucket_left_without_metadata_is_there_and_stays(
    ledger: ReleaseStore, exported: Artifact, s3: Any, name: str
) -> None:
    """For whom it was uploaded is lost with the metadata, so nobody deletes it."""
    place = {"Bucket": name, "Key": exported.uri.split("/", 3)[3]}
    content = s3.get_object(**place)["Body"].read()
    s3.put_object(**place, Body=content)
    assert ledger.archive_exists(exported, "models")
    ledger.delete_archive(exported.uri, "models")
    assert ledger.archive_exists(exported, "models")


def test_an_archive_is_deleted_once_and_then_gone(
    ledger: ReleaseStore, exported: Artifact, s3: Any, name: str
) -> None:
    ledger.write(a_record())
    ledger.delete_archive(exported.uri, "models")
    assert not ledger.archive_exists(exported, "models")
    ledger.delete_archive(exported.uri, "models")
    assert keys(s3, name) == [key(a_record(), PREFIX)]


def test_nothing_but_an_archive_of_ours_is_deleted(
    ledger: ReleaseStore,
    bucket: Bucket,
    exported: Artifact,
    s3: Any,
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    record = ledger.write(a_record())
    before = keys(s3, name)
    for uri in (
        f"s3://{name}/{record}",
        exported.uri.replace(name, "other"),
        exported.uri.removesuffix(".tar"),
        exported.uri.replace("/bentos/", "/../team/bentos/"),
        f"s3://{name}/{PREFIX}/bentos/",
        f"s3://{name}/",
        "",
    ):
        ledger.delete_archive(uri, "models")
    ReleaseStore(bucket, "another-team").delete_archive(exported.uri, "models")
    assert keys(s3, name) == before
    assert caplog.text.count("it is not deleted") == 8


def test_an_archive_that_was_uploaded_for_another_namespace_stays(
    ledger: ReleaseStore, exported: Artifact, s3: Any, name: str
) -> None:
    before = keys(s3, name)
    ledger.delete_archive(exported.uri, "another-team")
    assert keys(s3, name) == before


@pytest.mark.parametrize("was_exported", [False, True])
def test_an_archive_that_ci_brought_stays(
    tmp_path: Path, bucket: Bucket, server: S3Server, s3: Any, name: str, was_exported: bool
) -> None:
    """Also if the operator had uploaded the same content before."""
    a_bento(tmp_path)
    if was_exported:
        Exporter(tmp_path, bucket, PREFIX)(Attempt(reference="churn:1.0.0", namespace="models"))
    place = BucketPlace(name=name, endpoint=server.url, prefix=PREFIX, shared=True)
    brought = send("churn:1.0.0", tmp_path, place, "models", threading.Event())
    before = keys(s3, name)
    for namespace in ("models", ""):
        ReleaseStore(bucket, PREFIX).delete_archive(brought.uri, namespace)
    assert keys(s3, name) == before
    assert ReleaseStore(bucket, PREFIX).archive_exists(brought, "models")


@pytest.mark.parametrize("model", ["", "..", "churn/../other", "*"])
def test_no_name_reaches_the_records_of_another_model(ledger: ReleaseStore, model: str) -> None:
    ledger.write(a_record())
    for ask in (ledger.read, ledger.delete_records):
        with pytest.raises(ValueError, match="model of a record cannot be"):
            ask("models", model)
    assert ledger.read("models", "churn") == (a_record(),)


def test_a_rebuilt_cluster_finds_the_last_good_release_and_all_it_needs(
    ledger: ReleaseStore, exported: Artifact, server: S3Server, name: str, s3: Any
) -> None:
    ledger.write(a_record(0, artifact=exported, image="registry.example/churn:1.0.0-9f"))
    ledger.write(a_record(60, result=FAILED, reason="VerificationFailed"))
    ledger.write(a_record(60, release="00000001", artifact=exported, result=FAILED, reason="CrashLoop"))
    # Nothing is left of the operator that wrote this, and no store.
    with contextlib.closing(Bucket(name, endpoint=server.url)) as bucket:
        rebuilt = ReleaseStore(bucket, PREFIX)
        last = good(rebuilt.read("models", "churn"))[0]
        assert (last.artifact, last.shape, last.result) == (exported, a_record().shape, SERVED)
        assert rebuilt.archive_exists(last.artifact, "models")
        assert to_keep(rebuilt) == {exported.digest[7:23]}
    body = s3.get_object(Bucket=name, Key=last.artifact.uri.split("/", 3)[3])["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert "bento.yaml" in archive.getnames()


def test_another_process_reads_the_very_same_values(
    ledger: ReleaseStore, server: S3Server, name: str
) -> None:
    ledger.write(a_record())
    argv = [sys.executable, "-c", READ_IN_ANOTHER_PROCESS, name, server.url]
    said = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    assert said.stdout.strip() == repr(ledger.read("models", "churn"))


Harm = Literal["503", "lose the reply", "cut the reply"]


class HarmfulServer(ThreadingHTTPServer):
    """Passes requests on to S3, and does harm to the answers that `harms` names by their method."""

    daemon_threads = True

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", 0), _Harmful)
        self.target = target
        self.harms: dict[str, list[Harm]] = {}
        self.done: list[Harm] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Harmful(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HarmfulServer

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        harm = self.server.harms[self.command].pop(0) if self.server.harms.get(self.command) else None
        if harm:
            self.server.done.append(harm)
        if harm == "503":
            self._answer(503, [("Content-Length", "0")], b"")
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.server.target, timeout=10)
        with contextlib.closing(connection):
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        if harm:
            self.close_connection = True
        if harm != "lose the reply":
            self._answer(
                answer.status, answer.getheaders(), content[: len(content) // 2] if harm else content
            )

    do_GET = do_HEAD = do_PUT = do_DELETE = _pass_on  # noqa: N815 - the names that the base class looks for

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() != "transfer-encoding":
                self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def harmful(server: S3Server) -> Iterator[HarmfulServer]:
    running = HarmfulServer(server.port)
    yield running
    running.shutdown()
    running.server_close()
    assert running.done, "no answer was harmed: the test has proved nothing"


@pytest.fixture
def harmed(harmful: HarmfulServer, name: str) -> Iterator[ReleaseStore]:
    opened = Bucket(name, endpoint=harmful.url, read_timeout=5.0)
    yield ReleaseStore(opened, PREFIX)
    opened.close()


ALWAYS = 100


def test_a_reply_that_is_lost_after_the_write_is_no_failure(
    harmed: ReleaseStore, harmful: HarmfulServer, ledger: ReleaseStore
) -> None:
    harmful.harms["PUT"] = ["lose the reply"]
    harmed.write(a_record())
    assert harmful.harms["PUT"] == []
    assert ledger.read("models", "churn") == (a_record(),)


@pytest.mark.usefixtures("seen_too_early")
def test_where_every_reply_is_lost_the_next_attempt_finds_the_record_written(
    harmed: ReleaseStore, harmful: HarmfulServer, s3: Any, name: str
) -> None:
    first = a_record(message="the first")
    harmful.harms["PUT"] = ["lose the reply"] * ALWAYS
    # Sent three times: the first one is stored, and that the others are refused gets lost as well.
    with pytest.raises(BucketUnreachable):
        harmed.write(first)
    harmful.harms.clear()
    harmed.write(a_record(message="the second"))
    assert content(s3, name, first) == encode(first)


def test_half_a_record_is_a_connection_that_broke_and_no_damaged_record(
    harmed: ReleaseStore, harmful: HarmfulServer, caplog: pytest.LogCaptureFixture
) -> None:
    harmed.write(a_record())
    harmful.harms["GET"] = ["cut the reply"]
    with pytest.raises(BucketUnreachable):
        harmed._bucket.get(key(a_record(), PREFIX), LARGEST)
    assert harmed.read("models", "churn") == (a_record(),)
    assert caplog.messages == []


Question = Callable[[ReleaseStore], object]
QUESTIONS: dict[str, Question] = {
    "write": lambda ledger: ledger.write(a_record()),
    "read": lambda ledger: ledger.read("models", "churn"),
    "last_good_digests": lambda ledger: to_keep(ledger),
    "archive_exists": lambda ledger: ledger.archive_exists(archived(ledger), "models"),
    "delete_archive": lambda ledger: ledger.delete_archive(archived(ledger).uri, "models"),
    "delete_records": lambda ledger: ledger.delete_records("models", "churn"),
}
asked = pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)


def archived(ledger: ReleaseStore) -> Artifact:
    artifact = an_artifact()
    uri = f"s3://{ledger._bucket.name}/{PREFIX}/bentos/churn_model/1.4.2/{artifact.digest[7:]}.tar"
    return dataclasses.replace(artifact, uri=uri)


def failure(question: Question, ledger: ReleaseStore) -> ExportError:
    with pytest.raises(ExportError) as raised:
        question(ledger)
    assert raised.value.__cause__ is None
    return raised.value


def failure_at(question: Question, name: str, endpoint: str) -> ExportError:
    with contextlib.closing(Bucket(name, endpoint=endpoint)) as bucket:
        return failure(question, ReleaseStore(bucket, PREFIX))


@asked
def test_a_server_that_is_down_is_unreachable(name: str, question: Question) -> None:
    said = failure_at(question, name, f"http://user:{CANARY}@127.0.0.1:{free_port()}")
    assert isinstance(said, BucketUnreachable)
    assert f"the bucket {name} at http://127.0.0.1:" in said.message
    assert CANARY not in said.message


@asked
@pytest.mark.parametrize("missing", ["no-such-bucket", "No_Bucket!"])
def test_a_missing_bucket_is_not_found(server: S3Server, question: Question, missing: str) -> None:
    said = failure_at(question, missing, server.url)
    assert isinstance(said, BucketNotFound)
    assert missing in said.message


@asked
@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials_are_refused_and_shown_nowhere(
    server: S3Server, name: str, monkeypatch: pytest.MonkeyPatch, question: Question, variable: str
) -> None:
    monkeypatch.setenv(variable, CANARY)
    said = failure_at(question, name, server.url)
    assert isinstance(said, BucketAccessDenied)
    for secret in (CANARY, "Signature=", "AWS4-HMAC"):
        assert secret not in repr(said)


@asked
def test_without_credentials_it_says_so(
    server: S3Server, name: str, monkeypatch: pytest.MonkeyPatch, question: Question
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    said = failure_at(question, name, server.url)
    assert isinstance(said, BucketAccessDenied)
    assert "no usable credentials" in said.message


@asked
def test_a_server_in_trouble_cannot_answer_now(
    harmed: ReleaseStore, harmful: HarmfulServer, question: Question, name: str
) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        harmful.harms[method] = ["503"] * ALWAYS
    said = failure(question, harmed)
    assert isinstance(said, BucketUnreachable)
    assert said.is_temporary
    assert name in said.message


def test_a_record_that_the_server_refuses_says_so(ledger: ReleaseStore, server: S3Server, name: str) -> None:
    """Something else lies in the place of the model's records."""
    data = server.own_data("a folder has the place of an object")
    folder = data / name / PREFIX / "releases" / "models"
    folder.mkdir(parents=True)
    (folder / "churn").write_text("")
    with pytest.raises(BucketRefused, match=f"the bucket {name} .* refused a request"):
        ledger.write(a_record())


@asked
def test_a_server_that_is_in_trouble_for_a_moment_is_asked_again(
    harmed: ReleaseStore, harmful: HarmfulServer, question: Question
) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        harmful.harms[method] = ["503"]
    question(harmed)
    assert harmful.done[:1] == ["503"]


@asked
def test_a_server_that_does_not_answer_is_given_up(proxy: FaultProxy, name: str, question: Question) -> None:
    proxy.set(Fault("stall", at=0))
    with contextlib.closing(Bucket(name, endpoint=proxy.url, read_timeout=0.5)) as bucket:
        assert isinstance(failure(question, ReleaseStore(bucket, PREFIX)), BucketUnreachable)
    assert proxy.hit.is_set()


@pytest.mark.usefixtures("seen_too_early")
def test_a_record_that_changes_on_the_way_is_not_kept(
    behind_proxy: Bucket, proxy: FaultProxy, s3: Any, name: str
) -> None:
    record = a_record(message="x" * 10_000)
    # Beyond the headers, so that it is a byte of the record.
    proxy.set(Fault("flip", at=5000))
    with pytest.raises(ArchiveCorrupted, match="differ from those sent"):
        ReleaseStore(behind_proxy, PREFIX).write(record)
    assert proxy.hit.is_set()
    assert keys(s3, name) == []
