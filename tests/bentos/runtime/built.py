"""Bentos of the small models, built by BentoML into a home of their own and served from an unpacked archive."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

LIBRARY = Path(__file__).resolve().parents[3] / "operator" / "src" / "e2i_bento"
START_SECONDS = 120
STOP_SECONDS = 20
SERVICE = """
import bentoml

from e2i_bento.service import declared, serves


@bentoml.service(name="pair", workers={workers}, traffic={{"timeout": 20}})
@serves
class Pair:
{attributes}
"""
# A process of its own: BentoML reads its home once, and this one must not become the tests' own.
BUILD = """
import sys
from pathlib import Path
from shutil import copytree, unpack_archive

import bentoml

context, versions, archive = Path(sys.argv[1]), dict(pair.split("=") for pair in sys.argv[3:]), sys.argv[2]
for name, version in versions.items():
    with bentoml.models.create(f"{name}:{version}") as model:
        copytree(context.parent / name, model.path, dirs_exist_ok=True)
bentoml.bentos.build_bentofile(
    str(context / "bentofile.yaml"), version="1.0.0", build_ctx=str(context), args={"models": versions}
)
bentoml.bentos.export_bento("pair:1.0.0", archive)
unpack_archive(archive, context.parent / "unpacked")
"""


def build(folder: Path, versions: Mapping[str, str], workers: int = 1) -> Path:
    """Build a bento of the trained folders `folder/NAME`; returns it exported and unpacked."""
    context = folder / "context"
    shutil.copytree(LIBRARY, context / "e2i_bento", ignore=shutil.ignore_patterns("__pycache__"))
    attributes = "\n".join(f'    {name} = declared("{name}")' for name in versions)
    (context / "service.py").write_text(SERVICE.format(attributes=attributes, workers=workers))
    (context / "bentofile.yaml").write_text(
        'service: "service:Pair"\ninclude: ["**"]\npython: {packages: [scikit-learn], lock_packages: false}\n'
    )
    pairs = [f"{name}={version}" for name, version in versions.items()]
    command = [sys.executable, "-c", BUILD, str(context), str(folder / "pair.tar.gz"), *pairs]
    home = {"BENTOML_HOME": str(folder / "home"), "BENTOML_DO_NOT_TRACK": "True"}
    done = subprocess.run(command, env=os.environ | home, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder / "unpacked"


@contextmanager
def serving(bento: Path, home: Path, **environment: str) -> Iterator[str]:
    """Serve the unpacked bento as a pod does, with an empty BentoML home; its words are in home/log."""
    home.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (home / "log").open("wb") as words:
        process = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", ".", "--host", "127.0.0.1", "--port", str(port)],
            cwd=bento,
            env=os.environ
            | {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "PYTHONUNBUFFERED": "1"}
            | environment,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(url: str, status: int) -> None:
    """Until GET answers this status; AssertionError after START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    seen: object = "nothing"
    while time.monotonic() < deadline:
        try:
            seen = httpx.get(url, timeout=2).status_code
        except httpx.TransportError as error:
            seen = error
        if seen == status:
            return
        # Not a wait for a fixed time: the loop ends at the first right answer.
        time.sleep(0.1)
    raise AssertionError(f"{url} should answer {status} within {START_SECONDS} s, last was {seen}")
