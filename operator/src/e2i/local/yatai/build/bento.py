"""Read from an unpacked bento what the builder needs, for both layouts (spec 1 and 2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2i.api import plain_yaml
from e2i.local.yatai.build import BuildError

REMEDY = "build the bento with `bentoml build`, export it again and upload that"
REQUIREMENTS = {1: ("requirements.lock.txt", "requirements.txt"), 2: ("requirements.txt",)}
BENTOML = re.compile(r"^\s*bentoml\s*(\[|[=<>!~;@]|$)", re.MULTILINE | re.IGNORECASE)
USUAL_COMMANDS = 1
"""The first command of every image installs Debian packages that BentoML itself asks for."""


@dataclass(frozen=True, kw_only=True)
class Bento:
    tag: str
    requirements: str
    """Relative path of the locked requirements."""
    server: str | None
    """BentoML as a requirement, such as bentoml==1.1.11, where the requirements leave it out as old ones do."""
    python_version: str | None
    """The version that the bento asks for, such as 3.11 or 3.11.7."""
    envs: dict[str, str]
    """Variables that the image sets."""
    commands: tuple[str, ...]
    """Commands that the real builder would run besides installing the requirements."""


def read_bento(folder: Path) -> Bento:
    """Return what the builder needs; BuildError if a part that the real builder needs is missing or unreadable."""
    for needed in ("bento.yaml", "env/docker/Dockerfile", "env/docker/entrypoint.sh"):
        if not (folder / needed).is_file():
            raise BuildError(f"the archive has no {needed}, so it is no bento; {REMEDY}")
    try:
        content = plain_yaml.read((folder / "bento.yaml").read_bytes())
    except plain_yaml.YamlInvalid as error:
        raise BuildError(f"bento.yaml {error}; {REMEDY}") from error
    if not isinstance(content, dict) or not content.get("name") or not content.get("version"):
        raise BuildError(f"bento.yaml has no name and version; {REMEDY}")
    image = content.get("image") or {}
    requirements = requirements_of(folder, content)
    return Bento(
        tag=f"{content['name']}:{content['version']}",
        requirements=requirements,
        server=server_of((folder / requirements).read_text(), content.get("bentoml_version")),
        python_version=python_version_of(folder, image),
        envs=envs_of(content),
        commands=(
            *(image.get("commands") or ())[USUAL_COMMANDS:],
            *(image.get("post_commands") or ()),
            *old_commands(content),
        ),
    )


def requirements_of(folder: Path, content: dict[str, Any]) -> str:
    spec = content.get("spec", 1)
    for name in REQUIREMENTS.get(spec, ()):
        path = f"env/python/{name}"
        if (folder / path).is_file():
            return path
    raise BuildError(f"the bento (spec {spec}) has no locked requirements in env/python; {REMEDY}")


def server_of(requirements: str, version: str | None) -> str | None:
    """Return the BentoML requirement to add: the version that built the bento, if the requirements name none."""
    return f"bentoml=={version}" if version and not BENTOML.search(requirements) else None


def python_version_of(folder: Path, image: dict[str, Any]) -> str | None:
    if image.get("python_version"):
        return str(image["python_version"])
    file = folder / "env/python/version.txt"
    return file.read_text().strip() or None if file.is_file() else None


def old_commands(content: dict[str, Any]) -> tuple[str, ...]:
    """Return the other commands of the image of a bento of the old layout, for the log."""
    docker, conda = content.get("docker") or {}, content.get("conda") or {}
    packages, script = docker.get("system_packages"), docker.get("setup_script")
    found = [f"apt-get install {' '.join(packages)}"] if packages else []
    found += [script] if script else []
    found += ["conda env update"] if conda.get("dependencies") or conda.get("environment_yml") else []
    return tuple(found)


def envs_of(content: dict[str, Any]) -> dict[str, str]:
    """Return the variables that have a value; those for the build or the run alone are not part of an image."""
    old = (content.get("docker") or {}).get("env") or {}
    return {str(name): str(value) for name, value in old.items()} | {
        str(env["name"]): str(env["value"])
        for env in content.get("envs") or ()
        if env.get("value") and env.get("stage", "all") == "all"
    }
