"""Unpacked bentos for tests of the builder: whole by default, and without packages, so no index is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def an_unpacked_bento(
    folder: Path, requirements: str = "--index-url https://index.invalid/simple\n", **changes: Any
) -> Path:
    """An unpacked bento without packages, so that no index is asked."""
    content = {"name": "echo", "version": "1.0.0", "spec": 2, "image": {"python_version": "3"}} | changes
    for name, text in {
        "bento.yaml": yaml.safe_dump(content),
        "env/docker/Dockerfile": "FROM python",
        "env/docker/entrypoint.sh": "#!/bin/sh\n",
        "env/python/requirements.txt": requirements,
        "src/service.py": "",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
