"""Turns an unpacked bento and its environment into an image that the node agent can run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from e2i.local.images import ImageStore, LocalImage
from e2i.local.layout import ClusterHome
from e2i.local.yatai.build import podnetwork
from e2i.local.yatai.build.lock import locked

POD_NETWORK = Path(podnetwork.__file__).parent
CONTAINER_HOME = "$(E2I_MOUNTS)/home/bentoml"
"""Writable, and each container's own: BentoML writes there even when it only serves."""


def adopt(unpacked: Path, target: Path, say: Callable[[str], None]) -> Path:
    """Move the tree to `target`, whole or not at all; the same digest again is the same tree."""
    with locked(target, say):
        if target.exists():
            return target
        partial = target.with_name(f"{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        # A rename when both are on one disk, a copy otherwise.
        shutil.move(unpacked, partial)
        (partial / "env/docker/entrypoint.sh").chmod(0o755)
        partial.rename(target)
    return target


def describe(name: str, digest: str, contents: Path, venv: Path, envs: dict[str, str]) -> LocalImage:
    """The image with the variables that a bento's Dockerfile sets, and what ties it to its pod's address."""
    # The bento's own values are texts: a dollar in them refers to nothing.
    own = {name: value.replace("$", "$$") for name, value in envs.items()}
    own_path = [own["PYTHONPATH"]] if "PYTHONPATH" in own else []
    env = {
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONIOENCODING": "UTF-8",
        "PYTHONUNBUFFERED": "1",
        "HOME": CONTAINER_HOME,
        "BENTO_PATH": str(contents),
        "BENTOML_HOME": CONTAINER_HOME,
        "BENTOML_HF_CACHE_DIR": str(contents / "hf-models"),
        "BENTOML_CONTAINERIZED": "true",
        "BENTOML_HOST": "$(E2I_POD_ADDRESS)",
        "BENTOML_DO_NOT_TRACK": "True",
        "VIRTUAL_ENV": str(venv),
        "PYTHONPATH": os.pathsep.join([str(POD_NETWORK), *own_path]),
    }
    return LocalImage(
        name=name,
        digest=f"sha256:{digest}",
        working_dir=str(contents),
        path=(str(venv / "bin"),),
        env=own | env,
    )


def register(home: ClusterHome, image: LocalImage) -> None:
    ImageStore(home.images).put(image)
