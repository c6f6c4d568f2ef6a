"""BentoML stores for tests, written by hand: small, quick, and broken in chosen ways."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml


def a_bento(
    store: Path, tag: str = "churn:1.0.0", uses: tuple[str, ...] = ("weights:7",), **changes: Any
) -> Path:
    """Put a complete bento and the models it refers to into the store; `changes` go into its bento.yaml."""
    name, version = tag.split(":")
    folder = store / "bentos" / name / version
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "service.py").write_text("# the service\n")
    (folder / "env" / "docker").mkdir(parents=True)
    entrypoint = folder / "env" / "docker" / "entrypoint.sh"
    entrypoint.write_text("#!/bin/sh\n")
    entrypoint.chmod(0o755)
    references = [{"tag": model, "creation_time": "2026-01-01T00:00:00+00:00"} for model in uses]
    description = {
        "service": f"service:{name}",
        "name": name,
        "version": version,
        "bentoml_version": "1.4.39",
        "creation_time": "2026-01-01T00:00:00+00:00",
        "labels": {},
        "models": [],
        "entry_service": name,
        "services": [{"name": name, "models": references}],
        "envs": [],
        "schema": {},
        "spec": 2,
        "image": {"base_image": "python:3.11-slim", "post_commands": [], "build_include": []},
    }
    (folder / "bento.yaml").write_text(yaml.safe_dump(description | changes, sort_keys=False))
    for model in uses:
        a_model(store, model)
    return folder


def a_model(store: Path, tag: str = "weights:7", size: int = 1000) -> Path:
    """Put a model with a file of `size` bytes, the same for the same tag, into the store."""
    name, version = tag.split(":")
    folder = store / "models" / name / version
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.yaml").write_text(yaml.safe_dump({"name": name, "version": version}))
    block = hashlib.sha256(tag.encode()).digest() * 4096
    (folder / "weights.bin").write_bytes((block * (size // len(block) + 1))[:size])
    return folder
