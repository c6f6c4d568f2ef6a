"""What a bento's Python finds on the local node, where there is neither DNS nor a network of the pod's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from e2i.local.yatai.build import podnetwork
from e2i.local.yatai.build.image import describe
from e2i.local.yatai.build.podnetwork.sitecustomize import host_for

POD = {"E2I_POD_ADDRESS": "127.99.0.7", "PORT": "3000", "CHURN_RUNNER_9F_SERVICE_HOST": "127.98.0.5"}
LISTEN = """
import socket
listener = socket.socket()
listener.bind(("0.0.0.0", 0))
print(listener.getsockname()[0])
"""
LOOK_UP = """
print(socket.getaddrinfo("churn-runner-9f", 3000)[0][4])
print(socket.getaddrinfo("localhost", 3000)[0][4])
print(socket.getaddrinfo("127.0.0.1", 9901)[0][4])
"""


def python(program: str, variables: dict[str, str]) -> list[str]:
    folder = str(Path(podnetwork.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": folder, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_program_listens_on_its_pods_address_and_finds_services() -> None:
    assert python(LISTEN + LOOK_UP, POD) == [
        "127.99.0.7",
        "('127.98.0.5', 3000)",
        "('127.99.0.7', 3000)",
        "('127.0.0.1', 9901)",
    ]


def test_outside_of_a_pod_nothing_is_changed() -> None:
    assert python(LISTEN, {}) == ["0.0.0.0"]  # noqa: S104


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1", None, b"localhost", "churn-runner-9f.models"])
def test_what_is_no_name_of_the_pods_network_stays(host: object) -> None:
    assert host_for(host, 3000, POD) == host


def test_localhost_with_another_port_is_the_machines() -> None:
    """What the processes of one server tell each other goes there."""
    assert host_for("localhost", 9090, POD) == "localhost"


def test_the_python_path_of_a_bento_is_kept() -> None:
    image = describe("i", "0", Path("/c"), Path("/v"), {"PYTHONPATH": "/mine/$x"})
    folder, own = image.env["PYTHONPATH"].split(":")
    assert (Path(folder) / "sitecustomize.py").is_file()
    assert own == "/mine/$$x"


READ = """
from bentoml._internal.utils.filesystem import resolve_user_filepath
for name in ("requirements.txt", ".env", "../outside.txt"):
    try:
        print(resolve_user_filepath(name, None))
    except ValueError as error:
        print(str(error).partition(":")[0])
"""


def test_a_bento_below_a_hidden_folder_reads_its_own_files_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bento = tmp_path / ".local" / "bento"
    source = bento / "src"
    source.mkdir(parents=True)
    for name in ("requirements.txt", ".env", "../outside.txt"):
        (source / name).write_text("")
    monkeypatch.chdir(source)
    assert python(READ, {**POD, "BENTO_PATH": str(bento)}) == [
        str(source / "requirements.txt"),
        "Accessing hidden files is not allowed",
        "Accessing file outside of current working directory is not allowed",
    ]
