"""What tests of pages share: a clone, a home and a terminal as a reader has them, on the tests' own cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from deploy.programs import HELM_4, built
from docs.shell import SYSTEM_PATH, Shell
from support.cluster import TestCluster

from e2i.local.kubectl import kubectl

PROJECT = Path(__file__).resolve().parents[2]
INDEX_VARIABLES = (
    "PIP_",
    "UV_",
    "GOPROXY",
    "GOSUMDB",
    "SSL_CERT_FILE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)
"""How this machine reaches its package index; a reader's own machine has this in its configuration files."""
MODELS = "models"


@dataclass(frozen=True)
class Reader:
    """Somebody with a clone of the repository and a home, both in folders with a space and an accent in their path."""

    clone: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        index = {key: value for key, value in os.environ.items() if key.upper().startswith(INDEX_VARIABLES)}
        return {"HOME": str(self.home), "PATH": SYSTEM_PATH, **index}


@pytest.fixture(scope="module")
def reader(local_cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A reader whose cluster `e2i` is the tests' own, with its bentos; the tools are in the caches already."""
    assert local_cluster.home
    folder = tmp_path_factory.mktemp("à lire") / "chez élise"
    home, clone = folder / "home", folder / "e2i"
    copy_sources(clone)
    (clone / ".venv").symlink_to(PROJECT / ".venv")
    (home / ".local" / "state" / "e2i").mkdir(parents=True)
    (home / ".local" / "state" / "e2i" / "e2i").symlink_to(local_cluster.home.root)
    (home / ".cache").symlink_to(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"))
    store = local_cluster.home.root / "bentoml"
    store.mkdir(exist_ok=True)
    (home / "bentoml").symlink_to(store)
    return Reader(clone, home)


@pytest.fixture(scope="module")
def installed(
    local_cluster: TestCluster, say: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with the programs that a page takes as installed: kubectl and Helm."""
    assert local_cluster.home
    folder = tmp_path_factory.mktemp("installed")
    (folder / "kubectl").symlink_to(local_cluster.home.kubectl)
    (folder / "helm").symlink_to(shutil.which("helm") or built(HELM_4, say).argv[0])
    return folder


@pytest.fixture
def terminal(reader: Reader, local_cluster: TestCluster, tmp_path: Path) -> Iterator[Shell]:
    """A new terminal in the clone; what the page applied is gone afterwards."""
    with Shell(reader.clone, reader.environment, tmp_path) as shell:
        yield shell
    assert local_cluster.home
    forget = '[{"op": "add", "path": "/spec/deletionPolicy", "value": "Delete"}]'
    names = kubectl(local_cluster.home, "get", "e2im", f"--namespace={MODELS}", "--output=name").split()
    for name in names:
        kubectl(
            local_cluster.home, "patch", name, f"--namespace={MODELS}", "--type=json", f"--patch={forget}"
        )
    if names:
        kubectl(
            local_cluster.home, "delete", *names, f"--namespace={MODELS}", "--wait=true", "--timeout=120s"
        )


def copy_sources(target: Path) -> None:
    """Copy what a clone would have: every file that Git does not ignore."""
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    names = subprocess.run(listed, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (PROJECT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, target / name)
