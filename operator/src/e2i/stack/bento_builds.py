"""Train the models of a service and package them as one bento, with the commands that a user would type.

Each project runs in a process of its own: their modules have the same names, and BentoML reads its folders once.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2i.api.tags import parse_tag
from e2i.archive.bento_store import find_bento
from e2i.packaging.trial import unpack
from e2i.stack.description import Service, Stack
from e2i.stack.errors import StackError

Say = Callable[[str], None]
TRAINED = Path(".e2i") / "trained"
"""Where the pipeline leaves a project's model, below the project."""
LAST_LINES = 10
"""Lines of the output of a failed command that are shown."""


@dataclass(frozen=True)
class Builder:
    """Builds the bentos of a stack into a store. `folder` holds the templates and projects."""

    folder: Path
    store: Path
    say: Say

    def build_missing(self, stack: Stack) -> None:
        """Build the bento of each service that the store lacks; StackError with the end of the output if one fails."""
        for name, service in stack.services.items():
            tag = stack.tag(service)
            if self.folder_of(tag).is_dir():
                self.say(f"{name}: {tag} is in the store already")
                continue
            for project in service.projects:
                self.say(f"{name}: training {project}")
                for step in ("data", "test", "train"):
                    self._run("pipeline", step, "--project", str(self.folder / project))
            self.say(f"{name}: packaging {tag}, and serving it once for a trial")
            self._run(*package_arguments(self.folder, service, stack.version, self.store))

    def folder_of(self, tag: str) -> Path:
        """Return the folder of a bento in the store."""
        return self.store / "bentos" / tag.replace(":", "/")

    def manifest(self, name: str, tag: str, namespace: str) -> str:
        """Return the E2IModel of a service, with golden predictions, as YAML."""
        arguments = ("manifest", tag, "--name", name, "--namespace", namespace, "--store", str(self.store))
        return self._run(*arguments)

    def unpack(self, stack: Stack, target: Path) -> None:
        """Write each bento, with its models, to `target`/SERVICE, where its image is built."""
        for name, service in stack.services.items():
            shutil.rmtree(target / name, ignore_errors=True)
            target.mkdir(parents=True, exist_ok=True)
            unpack(find_bento(self.store, parse_tag(stack.tag(service))), target / name)

    def _run(self, *arguments: str) -> str:
        """Run `e2i` and return its output; StackError with the end of it if the command fails."""
        command = [str(Path(sys.executable).with_name("e2i")), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = "\n".join((done.stdout + done.stderr).strip().splitlines()[-LAST_LINES:])
            raise StackError(
                f"`{shlex.join(['e2i', *arguments])}` failed:\n{lines or '(it printed nothing)'}"
            )
        return done.stdout


def package_arguments(folder: Path, service: Service, version: str, store: Path) -> list[str]:
    """Return the arguments of `e2i` that package the trained models of a service."""
    trained = [str(folder / project / TRAINED) for project in service.projects]
    template = str(folder / service.template)
    return ["package", *trained, "--service", template, "--version", version, "--store", str(store)]
