"""Build and push images with docker, podman or buildah: the first of them that works on this machine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from e2i.pipeline.errors import PipelineError

BUILDERS = ("docker", "podman", "buildah")
LOOK_TIMEOUT = 20.0
BUILD_TIMEOUT = 3600.0
LINES_SHOWN = 12
LONGEST_LINE = 300
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def healthy_builder() -> tuple[str | None, str]:
    """Return (name of the first builder that works, "") or (None, why none works)."""
    reasons = []
    for name in BUILDERS:
        if shutil.which(name) is None:
            reasons.append(f"{name} is not installed")
            continue
        try:
            probe = subprocess.run([name, "info"], capture_output=True, timeout=LOOK_TIMEOUT, check=False)
        except (OSError, subprocess.TimeoutExpired):
            reasons.append(f"{name} does not answer")
            continue
        if probe.returncode == 0:
            return name, ""
        reasons.append(f"{name} does not work here")
    return None, ", ".join(reasons)


def containerize(builder: str, bento: str, image: str, store: Path) -> None:
    """Build the image of a bento of the store; PipelineError with the last lines of output if it fails."""
    program = str(Path(sys.executable).with_name("bentoml"))
    _run(
        [program, "containerize", bento, "--backend", builder, "--image-tag", image],
        {"BENTOML_HOME": str(store), "BENTOML_DO_NOT_TRACK": "True"},
    )


def push(builder: str, image: str) -> str:
    """Push an image to the registry named at the start of its name; returns the name with the digest that it has there.

    Registries without TLS: docker takes those on the loopback, podman and buildah those that registries.conf calls
    insecure.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "digest")
        options = [] if builder == "docker" else [f"--digestfile={file}"]
        printed = _run([builder, "push", *options, image], {})
        found = _DIGEST.search(file.read_text() if options and file.exists() else printed)
    if found is None:
        raise PipelineError(
            f"{builder} pushed {image} and named no digest. Look it up in the registry, and name the image by it in "
            "spec.bento.image."
        )
    return f"{image.rpartition(':')[0]}@{found[0]}"


def _run(command: list[str], environment: dict[str, str]) -> str:
    """Return what the command printed."""
    shown = shlex.join([Path(command[0]).name, *command[1:]])
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PipelineError(f"`{shown}` did not end: {error}") from error
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()[-LINES_SHOWN:]
        said = "".join(f"\n    {line[:LONGEST_LINE]}" for line in lines)
        raise PipelineError(f"`{shown}` failed with exit code {done.returncode}:{said}")
    return done.stdout
