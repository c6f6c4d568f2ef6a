"""Images of the local cluster: each is a folder and a description of how to run it.

There is no container runtime. The builder writes a description under the image's full name, and the node agent reads
it if a pod names that image. Each image has one JSON file in `<cluster home>/images/`.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True, kw_only=True)
class LocalImage:
    """The description of an image: how to run it as a process.

    `env` values and `path` may use two variables that only the node agent knows, with the syntax of Kubernetes for
    dependent variables: `$(E2I_POD_ADDRESS)` is the loopback address that stands for the pod's address, and
    `$(E2I_MOUNTS)` is the folder that has the container's volume mounts, each at its mount path.
    """

    name: str
    """Full image name as in a pod's spec, with tag or digest."""
    digest: str
    """sha256:<hex> of the image's content; it becomes the container's imageID."""
    working_dir: str
    """Absolute folder in which the container's command starts."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    """Folders put in front of PATH."""
    env: dict[str, str] = field(default_factory=dict)


class ImageStore:
    """The folder of image descriptions of one local cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, name: str) -> LocalImage | None:
        """Return the image with this name, or None: then a pod that names it cannot start (ErrImagePull)."""
        try:
            values = json.loads(self._file(name).read_text())
        except FileNotFoundError:
            return None
        for key in ("entrypoint", "command", "path"):
            values[key] = tuple(values[key])
        return LocalImage(**values)

    def put(self, image: LocalImage) -> None:
        """Write the description atomically; an image of the same name is replaced."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self._file(image.name)
        partial = target.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(asdict(image), indent=2))
        partial.replace(target)

    def names(self) -> list[str]:
        """Return all image names, sorted."""
        return sorted(json.loads(file.read_text())["name"] for file in self.folder.glob("*.json"))

    def _file(self, name: str) -> Path:
        return self.folder / f"{quote(name, safe='')}.json"
