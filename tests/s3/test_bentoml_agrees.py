"""What the exporter reads and writes without BentoML is what BentoML itself would say and take."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.s3 import free_port

from e2i.api.artifact import Artifact
from e2i.api.tags import parse_tag
from e2i.archive.bento_store import find_bento
from e2i.archive.export import Exporter
from e2i.archive.export_progress import Attempt
from e2i.archive.s3.bucket import Bucket

TAG = "adder:1.0.0"
WHEELS_TAG = "wheels:1.0.0"
RECORDED = Path(__file__).parents[1] / "unit" / "archive" / "bentos"
START_SECONDS = 60.0

SERVICE = """
import bentoml
from pathlib import Path

@bentoml.service(name="adder")
class Adder:
    model = bentoml.models.BentoModel("amount:latest")

    def __init__(self) -> None:
        self.amount = int(Path(self.model.path_of("amount.txt")).read_text())

    @bentoml.api
    def add(self, number: int) -> int:
        return number + self.amount
"""

BUILD = """
import bentoml, sys
from pathlib import Path
for version, amount in (("old", 1), ("new", 5)):
    with bentoml.models.create(f"amount:{version}") as model:
        Path(model.path_of("amount.txt")).write_text(str(amount))
python = {"lock_packages": False}
bentoml.bentos.build("service:Adder", version="1.0.0", build_ctx=".", python=python)
Path("a-1-py3-none-any.whl").write_bytes(b"PK")
python["wheels"] = ["a-1-py3-none-any.whl"]
bentoml.bentos.build("service:Adder", name="wheels", version="1.0.0", build_ctx=".", python=python)
"""

OLD_TAG = "old_adder:1.0.0"
OLD_SERVICE = """
import time
from pathlib import Path
import bentoml
from bentoml.io import JSON
from bentoml.legacy import Runnable, Runner, Service

amount = bentoml.models.get("amount:new")

class Adding(Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = True

    def __init__(self):
        time.sleep(3)
        self.amount = int(Path(amount.path_of("amount.txt")).read_text())

    @Runnable.method(batchable=False)
    def add(self, number):
        return number + self.amount

runner = Runner(Adding, name="adding", models=[amount])
svc = Service("old_adder", runners=[runner])

@svc.api(input=JSON(), output=JSON())
async def add(body):
    return await runner.add.async_run(body["number"])
"""

BUILD_OLD = """
import bentoml
bentoml.bentos.build("old_service:svc", version="1.0.0", build_ctx=".", python={"lock_packages": False})
"""

ASK = """
import bentoml, json, sys
bento = bentoml.bentos.get(sys.argv[1])
print(json.dumps({
    "tag": str(bento.tag), "path": str(bento.path), "service": bento.info.entry_service,
    "bentoml_version": bento.info.bentoml_version, "models": [str(m.tag) for m in bento.info.all_models],
}))
"""


def bentoml(home: Path, *arguments: str | Path, cwd: Path | None = None) -> str:
    """Run Python with BentoML on the store `home`, in a process of its own: it reads its home only once."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        env={**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a bento of each style that BentoML built, and two versions of their model."""
    context = tmp_path_factory.mktemp("context")
    (context / "service.py").write_text(SERVICE)
    (context / "old_service.py").write_text(OLD_SERVICE)
    home = tmp_path_factory.mktemp("bentoml")
    bentoml(home, "-c", BUILD, cwd=context)
    bentoml(home, "-c", BUILD_OLD, cwd=context)
    return home


@pytest.fixture(params=[TAG, OLD_TAG], ids=["new style", "old style, with a runner"])
def tag(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("tag", "recorded"), [(TAG, "new_style"), (OLD_TAG, "old_style"), (WHEELS_TAG, "new_style_with_wheels")]
)
def test_bentoml_writes_the_keys_of_the_recorded_files(store: Path, tag: str, recorded: str) -> None:
    name, version = tag.split(":")
    written = yaml.safe_load((store / "bentos" / name / version / "bento.yaml").read_text())
    assert list(written) == list(yaml.safe_load((RECORDED / f"{recorded}.yaml").read_text()))


@pytest.fixture
def archive(tag: str, store: Path, bucket: Bucket, s3: Any) -> bytes:
    artifact = Exporter(store, bucket)(Attempt(reference=tag))
    assert isinstance(artifact, Artifact), artifact
    body: bytes = s3.get_object(Bucket=bucket.name, Key=artifact.uri.split("/", 3)[3])["Body"].read()
    return body


def test_both_find_the_same_bento(store: Path, tag: str) -> None:
    ours = find_bento(store, parse_tag(tag))
    theirs = json.loads(bentoml(store, "-c", ASK, tag).splitlines()[-1])
    assert theirs == {
        "tag": str(ours.tag),
        "path": str(ours.path),
        "service": ours.service,
        "bentoml_version": ours.bentoml_version,
        "models": [str(model.tag) for model in ours.models],
    }


def test_the_archive_holds_what_an_export_of_bentoml_holds(
    store: Path, tag: str, archive: bytes, tmp_path: Path
) -> None:
    bentoml(store, "-m", "bentoml", "export", tag, str(tmp_path / "theirs.tar"))
    assert _files(io.BytesIO((tmp_path / "theirs.tar").read_bytes())) == _files(io.BytesIO(archive))


def _files(archive: io.BytesIO) -> dict[str, bytes]:
    with tarfile.open(fileobj=archive) as opened:
        files = [member for member in opened.getmembers() if member.isfile()]
        contents = {member.name.removeprefix("./"): opened.extractfile(member) for member in files}
        return {name: stream.read() for name, stream in contents.items() if stream}


def test_bentoml_imports_the_archive(tag: str, archive: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(archive)
    bentoml(tmp_path / "home", "-m", "bentoml", "import", str(tmp_path / "a.tar"))
    ours = find_bento(tmp_path / "home", parse_tag(tag))
    assert [str(model.tag) for model in ours.models] == ["amount:new"]


@contextlib.contextmanager
def _serving(folder: Path, home: Path) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "bentoml",
            "serve",
            ".",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ],
        cwd=folder,
        env={**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while _answer(port, "GET", "/readyz") is None:
            assert process.poll() is None, f"bentoml serve ended with {process.returncode}"
            assert time.monotonic() < deadline, f"bentoml serve is not ready after {START_SECONDS} s"
            threading.Event().wait(0.2)
        yield port
    finally:
        process.terminate()
        process.wait()


def _answer(port: int, method: str, path: str, body: str | None = None) -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
        except OSError:
            return None
    return text if response.status == 200 else None


def test_bentoml_serves_the_unpacked_archive_with_an_empty_store(archive: bytes, tmp_path: Path) -> None:
    """The runner of the old one takes 3 s to start: its server is not ready before, so the first answer is right."""
    (tmp_path / "bento").mkdir()
    subprocess.run(
        ["tar", "-xvf", "-", "-C", tmp_path / "bento"], input=archive, check=True, capture_output=True
    )
    with _serving(tmp_path / "bento", tmp_path / "home") as port:
        assert _answer(port, "POST", "/add", '{"number": 2}') == "7"
