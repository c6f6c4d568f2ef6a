"""Starts `bentoml serve` on an unpacked bento, as a session of its own, and ends it. The only module that does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.subprocess_lifetime import end_with_parent
from e2i.polling import poll

READY_SECONDS = 180.0
ANSWER_SECONDS = 60.0
STOP_SECONDS = 20.0
_LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Server:
    """A bento that serves on a loopback port; `seconds` is what it took to be ready."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    seconds: float = 0.0

    def post(self, route: str, body: Any) -> tuple[int, Any]:
        """Return status and JSON of the answer. PackagingError if there is none in time."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{route}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with _LOOPBACK.open(request, timeout=ANSWER_SECONDS) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")[:400]
        except (OSError, ValueError) as error:
            raise self.failed(f"it gave no answer to POST /{route} ({error})") from error

    def is_ready(self) -> bool:
        try:
            with _LOOPBACK.open(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as response:
                return bool(response.status == 200)
        except (OSError, ValueError):
            return False

    def failed(self, what: str) -> PackagingError:
        return PackagingError(
            ErrorReason.ServingFailed,
            f"The bento was built and served for a trial, and {what}. {self._log_excerpt()}",
        )

    def memory(self) -> int:
        """Return the bytes of memory that all processes of the server take, or 0 where there is no /proc."""
        return sum(_resident(pid) for pid in _process_tree(self.process.pid))

    def _log_excerpt(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        relevant = [
            line for line in lines if "Error" in line or "golden" in line or "unready" in line
        ] or lines
        return f"Its log says: {relevant[-1].strip()[:400]}" if relevant else "Its log is empty."


@contextlib.contextmanager
def running_server(python: Path, bento: Path, home: Path) -> Iterator[Server]:
    """Yield the bento in the folder `bento`, ready; `home` becomes its empty BENTOML_HOME. Ended afterwards."""
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    port, log = _free_port(), home / "serve.log"
    argv = [
        str(python),
        "-P",
        "-m",
        "bentoml",
        "serve",
        str(bento),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            cwd=home,
            env=_environment(os.environ, home),
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=end_with_parent(),
        )
    server = Server(process, port, log)
    try:
        _wait(server)
        server.seconds = time.monotonic() - started
        yield server
    finally:
        _stop(process)


def _wait(server: Server) -> None:
    def is_up() -> bool:
        if server.process.poll() is not None:
            raise server.failed(f"it ended with {server.process.returncode}")
        return server.is_ready()

    if not poll(is_up, within=READY_SECONDS, every=0.2):
        raise server.failed(f"it was not ready in {READY_SECONDS:.0f} s")


def _environment(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the environment of the server, without the builder's own settings: with them it might serve only here."""
    kept = {
        name: value for name, value in environment.items() if not name.startswith(("BENTO", "PYTHON", "E2I_"))
    }
    return kept | {
        "BENTOML_HOME": str(home / "store"),
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONDONTWRITEBYTECODE": "1",
        # BentoML's workers leave folders of temporary files: these go with the trial.
        "TMPDIR": str(home / "tmp"),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the supervisor to end; after that end whatever is left of its family."""
    tree = _process_tree(process.pid)
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=STOP_SECONDS)
    # Workers may be in sessions of their own, where a signal to the group does not reach them.
    for pid, start in tree.items():
        # The same number with another start is somebody else's process.
        if (found := _parent_and_start(pid)) and found[1] == start:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()


def _process_tree(ancestor: int) -> dict[int, str]:
    """Return a process with all that came from it, each with the time of its start; empty where there is no /proc."""
    known = {
        int(entry.name): found
        for entry in Path("/proc").glob("[0-9]*")
        if (found := _parent_and_start(int(entry.name)))
    }
    tree = {ancestor} & known.keys()
    while more := {pid for pid, (parent, _) in known.items() if parent in tree} - tree:
        tree |= more
    return {pid: known[pid][1] for pid in tree}


def _parent_and_start(pid: int) -> tuple[int, str] | None:
    """Return the parent and the start of a process, or None if there is no such process."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[1]), fields[19]
    return None


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
