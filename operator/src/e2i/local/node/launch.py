"""Compute the command, environment and folder of a container's process. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from e2i.kube import Object
from e2i.local.images import LocalImage
from e2i.local.node.environment import expand

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INHERITED = ("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ")
"""Variables that a process gets from the agent's environment: user, language, time zone."""


class CreateError(Exception):
    """The container cannot be created now; `reason` is its waiting reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Launch:
    """The command, environment and folder of a process to start."""

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
    """Combine the variables; later arguments override earlier ones.

    `inherited` comes from the agent's own environment, `agent` are the node's variables (E2I_MOUNTS, ...), `links`
    those of Services, `own` those of the container's spec. By `marks` the node finds its processes again; no
    container may change them.
    """
    env = dict(inherited)
    env["PATH"] = SYSTEM_PATH
    env |= {name: expand(value, agent) for name, value in image.env.items()}
    env["PATH"] = ":".join([*(expand(folder, agent) for folder in image.path), env["PATH"]])
    env |= {**agent, **links, **own, **marks}
    argv = tuple(expand(word, own, links, agent) for word in command_line(container, image))
    return Launch(argv, env, _folder(container, image, agent["E2I_MOUNTS"]), image.digest)


def command_line(container: Object, image: LocalImage) -> tuple[str, ...]:
    """Return the argv: `command` replaces the image's entrypoint and command, `args` only its command."""
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
