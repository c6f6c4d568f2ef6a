"""How a container becomes a process: its argv, environment and folder. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from e2i.kube import Object
from e2i.local.images import LocalImage
from e2i.local.node.environment import expand

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INHERITED = ("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""Variables that a process keeps of the agent's environment: where this user may write, and how it reads text."""


class CreateError(Exception):
    """The container cannot be started now; `reason` is its waiting reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Launch:
    """One process to be."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    folder: str
    image_id: str


def plan_launch(
    container: Object,
    image: LocalImage,
    *,
    inherited: Mapping[str, str],
    agent: Mapping[str, str],
    links: Mapping[str, str],
    own: Mapping[str, str],
    marks: Mapping[str, str],
) -> Launch:
    """Put the parts together, the later ones winning.

    `inherited` comes from the agent's own environment, `agent` are the node's variables (E2I_MOUNTS, ...),
    `links` those of Services, `own` those of the container's spec, `marks` those by which the node finds
    its processes again and which no container may change.
    """
    env = dict(inherited)
    env["PATH"] = SYSTEM_PATH
    env |= {name: expand(value, agent) for name, value in image.env.items()}
    env["PATH"] = ":".join([*(expand(folder, agent) for folder in image.path), env["PATH"]])
    env |= {**agent, **links, **own, **marks}
    argv = tuple(expand(word, own, links, agent) for word in command_line(container, image))
    return Launch(argv, env, _folder(container, image, agent["E2I_MOUNTS"]), image.digest)


def command_line(container: Object, image: LocalImage) -> tuple[str, ...]:
    """Return the words to run: `command` replaces entrypoint and command, `args` only the command."""
    command, args = container.get("command") or [], container.get("args") or []
    words = (*command, *args) if command else (*image.entrypoint, *(args or image.command))
    if not words:
        raise CreateError("CreateContainerError", f"image {image.name} names no command; set `command`")
    return words


def _folder(container: Object, image: LocalImage, mounts: str) -> str:
    wanted = container.get("workingDir")
    if not wanted:
        return image.working_dir
    path = PurePosixPath(image.working_dir) / wanted
    targets = [PurePosixPath(mount["mountPath"]) for mount in container.get("volumeMounts") or []]
    if any(path.is_relative_to(target) for target in targets):
        return f"{mounts}{path}"
    return str(path)
