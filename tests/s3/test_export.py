"""From a bento in a store to an archive in a bucket, and what each wrong input is answered."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tarfile
import threading
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from support.s3 import Fault, FaultProxy, S3Server, free_port
from support.stores import a_bento, a_model

from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.archive.chunked_transfer import SENDERS
from e2i.archive.export import Exporter
from e2i.archive.export_progress import Attempt
from e2i.archive.file_listing import Stamp
from e2i.archive.s3.bucket import Bucket
from e2i.archive.size_limits import SizeLimits

TAG = "churn:1.0.0"
LARGE = 40 << 20

EXPORT = """
import sys
from pathlib import Path
from e2i.archive.s3.bucket import Bucket
from e2i.archive.export import Exporter
from e2i.archive.export_progress import Attempt
store, name, endpoint, tag = sys.argv[1:]
print(Exporter(Path(store), Bucket(name, endpoint=endpoint))(Attempt(reference=tag)))
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    a_bento(tmp_path)
    return tmp_path


def export(exporter: Exporter, tag: str = TAG) -> Artifact | Problem:
    return exporter(Attempt(reference=tag))


def exported(exporter: Exporter, tag: str = TAG) -> Artifact:
    result = export(exporter, tag)
    assert isinstance(result, Artifact), result
    return result


def problem_of(exporter: Exporter, tag: str = TAG) -> Problem:
    result = export(exporter, tag)
    assert isinstance(result, Problem), result
    return result


def test_a_bento_and_its_models_are_in_the_bucket(store: Path, bucket: Bucket, s3: Any) -> None:
    artifact = exported(Exporter(store, bucket, "team"))
    digest = artifact.digest.removeprefix("sha256:")
    assert artifact.uri == f"s3://{bucket.name}/team/bentos/churn/1.0.0/{digest}.tar"
    assert (artifact.tag, artifact.service, artifact.bentoml_version) == (TAG, "churn", "1.4.39")
    body = s3.get_object(Bucket=bucket.name, Key=artifact.uri.split("/", 3)[3])["Body"].read()
    assert len(body) == artifact.size
    with tarfile.open(fileobj=BytesIO(body)) as archive:
        names = archive.getnames()
    assert names == sorted(names)
    assert {"bento.yaml", "models/weights/7/weights.bin", "models/weights/latest"} <= set(names)


def test_an_export_writes_nothing_into_the_store(store: Path, bucket: Bucket) -> None:
    def look() -> list[tuple[str, int]]:
        return sorted((str(path), path.stat().st_mtime_ns) for path in store.rglob("*"))

    before = look()
    exported(Exporter(store, bucket))
    assert look() == before


def test_an_unchanged_bento_is_not_read_again(
    store: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = Exporter(store, bucket)
    first = exported(exporter)
    monkeypatch.setattr(
        "e2i.archive.canonical_tar.open_listed", lambda piece: pytest.fail(f"{piece} was read")
    )
    assert exported(exporter) == first


def test_a_bento_that_was_built_anew_is_another_artifact(store: Path, bucket: Bucket) -> None:
    exporter = Exporter(store, bucket)
    first = exported(exporter)
    a_model(store, size=2000)
    second = exported(exporter)
    assert first.uri != second.uri
    a_model(store, size=1000)
    assert exported(exporter) == first


@pytest.mark.parametrize("tag", ["churn:latest", "churn", "Churn:1.0.0", "churn:1.0.0\n"])
def test_a_tag_that_is_not_exact_stalls(store: Path, bucket: Bucket, tag: str) -> None:
    found = problem_of(Exporter(store, bucket), tag)
    assert (found.reason, found.stalled) == (Reason.TagRefused, True)
    assert repr(tag) in found.message


def test_each_wrong_bento_has_its_own_reason(store: Path, bucket: Bucket) -> None:
    a_bento(store, "empty:1", uses=())
    a_bento(store, "broken:1")
    (store / "bentos/broken/1/bento.yaml").unlink()
    a_bento(store, "lost:1", uses=("gone:1",))
    (store / "models/gone/1/model.yaml").unlink()
    a_bento(store, "unsafe:1")
    (store / "bentos/unsafe/1/src/token").symlink_to("/etc/hostname")
    exporter = Exporter(store, bucket)
    tags = ("empty:1", "broken:1", "lost:1", "unsafe:1", "churn:1.0")
    assert [problem_of(exporter, tag).reason for tag in tags] == [
        Reason.NoDeclaredModel,
        Reason.BentoUnreadable,
        Reason.ModelMissing,
        Reason.UnsafeFile,
        Reason.BentoNotFound,
    ]
    assert exported(exporter).tag == TAG


def test_each_trouble_with_the_bucket_has_its_own_reason(
    store: Path, server: S3Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reason(name: str, endpoint: str) -> Reason:
        with contextlib.closing(Bucket(name, endpoint=endpoint)) as bucket:
            return problem_of(Exporter(store, bucket)).reason

    assert reason(name, f"http://127.0.0.1:{free_port()}") is Reason.BucketUnreachable
    assert reason("no-such-bucket", server.url) is Reason.BucketNotFound
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert reason(name, server.url) is Reason.BucketAccessDenied


def test_an_object_of_somebody_else_under_the_key_is_a_conflict(store: Path, bucket: Bucket, s3: Any) -> None:
    exporter = Exporter(store, bucket)
    key = exported(exporter).uri.split("/", 3)[3]
    s3.put_object(Bucket=bucket.name, Key=key, Body=b"something else")
    assert problem_of(exporter).reason is Reason.ArchiveConflict


def test_a_bento_that_changes_while_it_is_sent_is_not_published(
    store: Path, behind_proxy: Bucket, proxy: FaultProxy, s3: Any, name: str
) -> None:
    weights = a_model(store, size=100 << 20) / "weights.bin"
    exporter = Exporter(store, behind_proxy)
    # All senders hang until their time is over: the end of the file is not read before that.
    proxy.set(Fault("stall", at=1 << 20, connections=SENDERS))

    def change() -> None:
        assert proxy.hit.wait(60)
        with weights.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"x")

    changer = threading.Thread(target=change)
    changer.start()
    found = problem_of(exporter)
    changer.join()
    assert found.reason is Reason.BentoChanged
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0


def test_a_change_without_a_trace_is_refused_by_the_server_and_read_anew(
    store: Path, bucket: Bucket, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No clock is fine enough to make such a change at will, so all files look the same.
    monkeypatch.setattr("e2i.archive.file_listing.Stamp.of", lambda status: Stamp(0, 0, 0, 0, 0))
    exporter = Exporter(store, bucket)
    s3.delete_object(Bucket=bucket.name, Key=exported(exporter).uri.split("/", 3)[3])
    weights = store / "models/weights/7/weights.bin"
    weights.write_bytes(bytes(weights.stat().st_size))
    assert problem_of(exporter).reason is Reason.ArchiveCorrupted
    assert exported(exporter).tag == TAG


def test_exports_from_two_processes_at_once_end_in_one_object(
    store: Path, server: S3Server, name: str, s3: Any
) -> None:
    a_model(store, size=LARGE)
    argv = [sys.executable, "-c", EXPORT, store, name, server.url, TAG]
    exports = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=180)[0] for process in exports]
    assert said[0] == said[1]
    assert "Artifact(" in said[0]
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 1


def test_a_kill_in_the_middle_leaves_no_object_and_the_next_export_succeeds(
    store: Path, proxy: FaultProxy, server: S3Server, name: str, s3: Any, bucket: Bucket
) -> None:
    a_model(store, size=LARGE)
    proxy.set(Fault("stall", at=LARGE // 2))
    process = subprocess.Popen([sys.executable, "-c", EXPORT, store, name, proxy.url, TAG])
    assert proxy.hit.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0
    assert exported(Exporter(store, bucket)).size > LARGE
    # The part that came in last may be a second old: nobody can tell yet that its sender is dead.
    assert bucket.abort_stale_uploads("", timedelta(seconds=-2)) == 1
    assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 1


def test_a_bento_that_is_still_being_copied_is_not_exported_by_halves(
    tmp_path: Path, bucket: Bucket, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2i.archive.export.SETTLED", 1.0)
    folder = a_bento(tmp_path)
    late = folder / "src/service.py"
    late.rename(tmp_path / "service.py")

    def finish() -> None:
        # Well within the time that a bento must be quiet.
        threading.Event().wait(0.3)
        (tmp_path / "service.py").rename(late)

    copying = threading.Thread(target=finish)
    copying.start()
    exported(Exporter(tmp_path, bucket))
    copying.join()
    objects = s3.list_objects_v2(Bucket=bucket.name)["Contents"]
    assert len(objects) == 1
    body = s3.get_object(Bucket=bucket.name, Key=objects[0]["Key"])["Body"].read()
    with tarfile.open(fileobj=BytesIO(body)) as archive:
        assert "src/service.py" in archive.getnames()


def test_a_cancelled_export_says_so(store: Path, bucket: Bucket) -> None:
    cancel = threading.Event()
    cancel.set()
    result = Exporter(store, bucket)(Attempt(reference=TAG, cancel=cancel))
    assert isinstance(result, Problem)
    assert "cancelled" in result.message


def test_an_archive_that_was_brought_is_found_by_its_digest(
    store: Path, bucket: Bucket, tmp_path: Path
) -> None:
    pushed = exported(Exporter(store, bucket, "team"))
    without_store = Exporter(tmp_path / "no store", bucket, "team")
    assert exported(without_store, f"{TAG}@{pushed.digest}") == pushed


def test_another_content_than_the_wanted_one_is_not_uploaded(store: Path, bucket: Bucket, s3: Any) -> None:
    """The operator puts back an archive that the bucket lost."""
    told = Exporter(store, bucket)(Attempt(reference=TAG, wanted=f"sha256:{'7' * 64}"))
    assert isinstance(told, Problem)
    assert f"The bento store has another content under {TAG}: sha256:" in told.message
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket.name)
    digest = exported(Exporter(store, bucket)).digest
    assert isinstance(Exporter(store, bucket)(Attempt(reference=TAG, wanted=digest)), Artifact)


def test_a_bento_above_the_limit_of_its_namespace_leaves_nothing_in_the_bucket(
    store: Path, bucket: Bucket, s3: Any
) -> None:
    limited = Exporter(store, bucket, limits=SizeLimits(of_namespaces={"risk": 100}))
    told = limited(Attempt(reference=TAG, namespace="risk"))
    assert isinstance(told, Problem)
    assert (told.reason, told.stalled) == (Reason.BentoTooLarge, True)
    assert "more than the 100 that the namespace risk may have" in told.message
    assert "Its largest file is " in told.message
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket.name)
    assert isinstance(limited(Attempt(reference=TAG, namespace="churn")), Artifact)


def test_a_file_of_a_tebibyte_is_refused_by_its_path_and_not_read(store: Path, bucket: Bucket) -> None:
    file = store / "bentos/churn/1.0.0/src/evil"
    with file.open("wb") as stream:
        stream.truncate(1 << 40)
    told = problem_of(Exporter(store, bucket))
    assert told.reason is Reason.BentoTooLarge
    assert str(file) in told.message


def test_an_archive_above_the_limit_that_somebody_brought_is_refused_before_it_is_read(
    store: Path, bucket: Bucket, s3: Any
) -> None:
    pushed = exported(Exporter(store, bucket))
    # Without a checksum of the server all of it would be read.
    key = pushed.uri.split("/", 3)[3]
    s3.put_object(Bucket=bucket.name, Key=key, Body=b"0" * pushed.size)
    limited = Exporter(store, bucket, limits=SizeLimits(of_namespaces={"risk": 100}))
    told = limited(Attempt(reference=f"{TAG}@{pushed.digest}", namespace="risk"))
    assert isinstance(told, Problem)
    assert told.reason is Reason.BentoTooLarge
    assert f"The archive {pushed.uri} has {pushed.size} bytes" in told.message


def test_an_archive_that_is_missing_says_where_it_was_looked_for(
    store: Path, bucket: Bucket, tmp_path: Path
) -> None:
    digest = f"sha256:{'ab' * 32}"
    told = problem_of(Exporter(store, bucket), f"{TAG}@{digest}")
    assert told.reason is Reason.BentoNotFound
    assert f"s3://{bucket.name}/bentos/churn/1.0.0/{'ab' * 32}.tar" in told.message
    assert "e2i pipeline push" in told.message


def test_an_archive_of_other_content_is_not_taken_for_the_digest_it_lies_under(
    store: Path, bucket: Bucket, s3: Any
) -> None:
    digest = f"sha256:{'ab' * 32}"
    key = f"bentos/churn/1.0.0/{'ab' * 32}.tar"
    s3.put_object(Bucket=bucket.name, Key=key, Body=b"anything", Metadata={"e2i-digest": "sha256:other"})
    told = problem_of(Exporter(store, bucket), f"{TAG}@{digest}")
    assert told.reason is Reason.ArchiveConflict
    assert digest in told.message


@pytest.mark.parametrize("damage", [b"", b"x"], ids=["the same content", "other content of the same size"])
def test_an_archive_without_a_checksum_is_believed_by_its_content_alone(
    store: Path, bucket: Bucket, s3: Any, damage: bytes
) -> None:
    """Whoever uploads an object writes its metadata."""
    pushed = exported(Exporter(store, bucket))
    key = pushed.uri.split("/", 3)[3]
    content = s3.get_object(Bucket=bucket.name, Key=key)["Body"].read()
    content = content[: len(content) - len(damage)] + damage
    s3.put_object(Bucket=bucket.name, Key=key, Body=content, Metadata={"e2i-digest": pushed.digest})
    again = Exporter(store, bucket)
    if damage:
        assert problem_of(again, f"{TAG}@{pushed.digest}").reason is Reason.ArchiveConflict
    else:
        assert exported(again, f"{TAG}@{pushed.digest}") == pushed


def test_an_archive_of_another_bento_under_the_tag_is_told(store: Path, bucket: Bucket, s3: Any) -> None:
    pushed = exported(Exporter(store, bucket))
    there = pushed.uri.split("/", 3)[3]
    elsewhere = there.replace("/1.0.0/", "/2.0.0/")
    s3.copy_object(
        Bucket=bucket.name,
        Key=elsewhere,
        CopySource={"Bucket": bucket.name, "Key": there},
        MetadataDirective="COPY",
    )
    told = problem_of(Exporter(store, bucket), f"churn:2.0.0@{pushed.digest}")
    assert told.reason is Reason.BentoUnreadable
    assert "churn:1.0.0, not churn:2.0.0" in told.message
