"""Make an image that the node agent can run from an unpacked bento and its environment."""

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
"""A writable folder of each container: BentoML writes there even if it only serves."""


def adopt(unpacked: Path, target: Path, say: Callable[[str], None]) -> Path:
    """Move the tree to `target` atomically; an existing target is kept, because its digest is the same."""
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
    """Return the image with the variables of a bento's Dockerfile and those for its pod's address."""
    # The bento's own values are plain texts: a dollar in them is no reference.
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
