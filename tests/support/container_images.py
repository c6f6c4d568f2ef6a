"""Images of the machine's buildah: built, looked into, and run without a container engine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deploy.programs import PROJECT, run
from support.operating import Operator

from e2i.local.layout import ClusterHome

BUILDAH = "buildah"
BENTO_BASE = "docker.io/library/python:3.11-slim"
STORE = "/var/lib/e2i/bentoml"
ACCOUNT = Path("/run/secrets/kubernetes.io/serviceaccount")
"""Where /var/run leads to in the image; by that absolute link it would lead out of it."""
# As a kubelet does it for restricted Pod Security settings, but for seccomp: everything read-only but /tmp, no
# capabilities, no new privileges. Each command replaces the one before, so signals reach the program.
ENTER = """
root=$1 account=$2 path_in_image=$PATH
shift 2
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$account" "$root/run/secrets/kubernetes.io/serviceaccount"
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs --bounding-set=-all \
  --inh-caps=-all env "PATH=$path_in_image" "$@"
"""


def need(*programs: str) -> None:
    """Skip the test where images cannot be built or entered."""
    if os.geteuid() != 0:
        pytest.skip("needs root: images are built and entered by chroot")
    if missing := [program for program in programs if shutil.which(program) is None]:
        pytest.skip(
            f"needs {', '.join(missing)}: apt-get install --no-install-recommends {' '.join(missing)}"
        )


@dataclass(frozen=True)
class Image:
    """An image in the machine's storage, mounted at `root`."""

    name: str
    root: Path

    @property
    def config(self) -> dict[str, Any]:
        return described(self.name)["OCIv1"]["config"]  # type: ignore[no-any-return]

    @property
    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in self.config["Env"])

    @property
    def layers(self) -> dict[str, int]:
        """Sizes of its layers, not compressed, by digest."""
        manifest = json.loads(described(self.name)["Manifest"])
        return {layer["digest"]: layer["size"] for layer in manifest["layers"]}

    def entered(self, account: Path, *command: str) -> list[str]:
        """The arguments that run `command` in the image as a pod; `account` is mounted as its service account."""
        enter = ["unshare", "--mount", "--propagation=private", "sh", "-euc", ENTER, "sh"]
        return [*enter, str(self.root), str(account), *command]


def described(name: str) -> dict[str, Any]:
    return json.loads(run(BUILDAH, "inspect", "--type=image", name))  # type: ignore[no-any-return]


@contextlib.contextmanager
def mounted(name: str) -> Iterator[Image]:
    container = run(BUILDAH, "from", "--pull=never", name).strip()
    try:
        root = Path(run(BUILDAH, "mount", container).strip())
        # A kubelet's runtime makes the folders that it mounts on, also in a root that is read-only.
        for folder in (ACCOUNT, Path(STORE)):
            (root / folder.relative_to("/")).mkdir(parents=True, exist_ok=True)
        yield Image(name, root)
    finally:
        run(BUILDAH, "rm", container)


@contextlib.contextmanager
def operator_image(name: str) -> Iterator[Image]:
    """The operator's image, built as `make images` builds it, and removed afterwards; a base that was made is kept."""
    run("env", f"BUILDER={BUILDAH}", PROJECT / "operator" / "image" / "build.sh", name)
    try:
        with mounted(name) as image:
            yield image
    finally:
        run(BUILDAH, "rmi", "--force", name)


@contextlib.contextmanager
def base_of_bentos() -> Iterator[None]:
    """The base that BentoML's Dockerfiles name: the machine's own if it is there, else one of Debian packages, for this
    block under that name."""
    if subprocess.run([BUILDAH, "inspect", "--type=image", BENTO_BASE], capture_output=True).returncode == 0:
        yield
        return
    made = run(PROJECT / "operator" / "image" / "debian_base.sh").split()[-1]
    run(BUILDAH, "tag", made, BENTO_BASE)
    try:
        yield
    finally:
        run(BUILDAH, "rmi", BENTO_BASE)


class OperatorInImage(Operator):
    """The operator's process in its image, with the image's own command and variables."""

    def __init__(self, image: Image, home: ClusterHome, folder: Path) -> None:
        store = Path(STORE)
        account = {"E2I_SERVICE_ACCOUNT_DIR": str(ACCOUNT)}
        super().__init__(home, folder, store, **image.environment, **account)
        self._image = image
        self._account = folder / "account"

    def _argv(self) -> list[str]:
        return self._image.entered(self._account, *self._image.config["Entrypoint"])
