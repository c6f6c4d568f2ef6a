"""Images on the local cluster: a folder and a description of how to run it.

There is no container runtime here. The builder writes a description under the image's full name, the node
agent reads it when a pod names that image. One JSON file for each image in `<cluster home>/images/`.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True, kw_only=True)
class LocalImage:
    """How to run an image as a process.

    `env` values and `path` may refer to what only the node agent knows, with the syntax that Kubernetes uses
    for dependent variables: `$(E2I_POD_ADDRESS)`, the loopback address that stands for the pod's own, and
    `$(E2I_MOUNTS)`, the folder below which the container's volume mounts lie at their mount paths.
    """

    name: str
    """Full image name as pods write it, tag or digest included."""
    digest: str
    """sha256:<hex> over what the image contains; becomes the container's imageID."""
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
        """The image called `name`, or None: then a pod that names it cannot start (ErrImagePull)."""
        try:
            values = json.loads(self._file(name).read_text())
        except FileNotFoundError:
            return None
        for key in ("entrypoint", "command", "path"):
            values[key] = tuple(values[key])
        return LocalImage(**values)

    def put(self, image: LocalImage) -> None:
        """Write the description whole or not at all; the same name again replaces it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self._file(image.name)
        partial = target.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(asdict(image), indent=2))
        partial.replace(target)

    def names(self) -> list[str]:
        """All image names, sorted."""
        return sorted(json.loads(file.read_text())["name"] for file in self.folder.glob("*.json"))

    def _file(self, name: str) -> Path:
        return self.folder / f"{quote(name, safe='')}.json"
