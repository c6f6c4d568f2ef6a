"""Builds a bento with BentoML. The only module that does; a program of its own, because BentoML reads BENTOML_HOME
once, imports the service into the process, and leaves it there.

    python -m e2i.packaging.bento_build plan.json      in the build context, with BENTOML_HOME an empty store

Prints the tag as JSON. What goes wrong is printed as {"error": ...}: the parent makes a sentence of it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.subprocess_lifetime import end_with_parent

TIMEOUT = 600
FULL = os.strerror(errno.ENOSPC)
_MADE = re.compile(r"^creation_time: .*$", re.MULTILINE)


@dataclass(frozen=True)
class ModelToSave:
    """A folder that becomes the BentoML model `tag`; `made` is when, RFC 3339."""

    tag: str
    folder: str
    made: str
    labels: Mapping[str, str]
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class BuildPlan:
    """Input of the child process that builds; `made` is the creation time of the bento, `lean` leaves
    compilers out of its image."""

    version: str
    made: str
    models: Sequence[ModelToSave]
    lean: bool = False


def build_bento(plan: BuildPlan, context: Path, home: Path) -> str:
    """Save the models and build the bento of the folder `context` into the store `home`; returns its tag.

    Blocks for seconds. PackagingError with what BentoML says.
    """
    file = context.with_name("plan.json")
    file.write_text(json.dumps(asdict(plan)))
    completed = _build_in_child(file, context, home)
    result = _last_json(completed.stdout)
    if "tag" in result:
        return str(result["tag"])
    why = (
        result.get("error")
        or " ".join(completed.stderr.split())[-400:]
        or f"exit code {completed.returncode}"
    )
    if FULL in why:
        why, step = FULL, f"Free some in the BentoML store and in {tempfile.gettempdir()},"
    else:
        step = "Correct the service"
    raise PackagingError(
        ErrorReason.BuildFailed, f"BentoML did not build the bento: {why}. {step} and package again."
    )


def _build_in_child(plan: Path, context: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONWARNINGS": "ignore",
        # Bytecode beside the sources would become part of the bento.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }
    try:
        return subprocess.run(
            [sys.executable, "-P", "-m", "e2i.packaging.bento_build", str(plan)],
            cwd=context,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            preexec_fn=end_with_parent(),
        )
    except subprocess.TimeoutExpired as error:
        raise PackagingError(
            ErrorReason.BuildFailed,
            f"BentoML took more than {TIMEOUT} s. Does service.py do work when it is imported?",
        ) from error


def _last_json(output: str) -> dict[str, Any]:
    for line in reversed(output.splitlines()):
        with contextlib.suppress(ValueError):
            result = json.loads(line)
            if isinstance(result, dict):
                return result
    return {}


def run(file: Path) -> str:
    """Return the child: everything that calls BentoML."""
    import bentoml

    plan = json.loads(file.read_text())
    for model in plan["models"]:
        with bentoml.models.create(model["tag"], labels=model["labels"], metadata=model["metadata"]) as saved:
            shutil.copytree(model["folder"], saved.path, dirs_exist_ok=True)
        _set_time(Path(bentoml.models.get(model["tag"]).path_of("model.yaml")), model["made"])
    versions = dict(model["tag"].split(":") for model in plan["models"])
    bento = bentoml.bentos.build_bentofile(
        "bentofile.yaml", version=plan["version"], build_ctx=".", args={"models": versions}
    )
    _set_time(Path(bento.path_of("bento.yaml")), plan["made"])
    if plan["lean"]:
        remove_compilers(Path(bento.path))
    return str(bento.tag)


def remove_compilers(bento: Path) -> None:
    """Take BentoML's first command, which installs compilers and git, out of the bento of this folder.

    Out of bento.yaml too: `bentoml containerize` writes the Dockerfile again, from it.
    """
    from bentoml._internal.container.frontend.dockerfile import CONTAINER_METADATA

    usual = {each["default_install_command"] for each in CONTAINER_METADATA.values()}
    description = yaml.safe_load((bento / "bento.yaml").read_text())
    image = description["image"]
    removed = [command for command in image["commands"] if command in usual]
    image["commands"] = [command for command in image["commands"] if command not in usual]
    (bento / "bento.yaml").write_text(yaml.safe_dump(description, sort_keys=False))
    dockerfile = bento / "env" / "docker" / "Dockerfile"
    lines = dockerfile.read_text().splitlines(keepends=True)
    dockerfile.write_text("".join(line for line in lines if not line.rstrip().endswith(tuple(removed))))


def _set_time(file: Path, made: str) -> None:
    """Replace the time that BentoML wrote, the present moment: the same inputs must give the same bento."""
    text, count = _MADE.subn(f"creation_time: '{made}'", file.read_text())
    if count != 1:
        raise ValueError(f"{file.name} has {count} times of its making, not one")
    file.write_text(text)


def first_cause(error: BaseException) -> str:
    """Return the exception that came first, in one line; BentoML wraps it into sentences of its own."""
    first = error
    while (cause := first.__cause__ or first.__context__) is not None:
        first = cause
    text = " ".join(str(first).split())[:600].rstrip(".")
    hint = (
        "; pin its package in requirements.txt beside service.py"
        if isinstance(first, ModuleNotFoundError)
        else ""
    )
    return f"{type(first).__name__}: {text}{hint}"


def main() -> None:
    try:
        result = {"tag": run(Path(sys.argv[1]))}
    # Whatever the user's service raises when it is imported belongs into the sentence.
    except BaseException as error:
        result = {"error": first_cause(error)}
    sys.stdout.write(f"\n{json.dumps(result)}\n")


if __name__ == "__main__":
    main()
