"""The operator in an environment of operator/requirements.lock alone, on a real API server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.cluster import TestCluster
from support.operating import install, operating

LARGEST = 185
"""MB of the installed packages, those of the gateway with them."""
MOST = 55
"""Packages: 51 of requirements.lock, and the wheel."""


@pytest.mark.api
def test_it_starts_and_is_healthy(
    installed: Path, control_plane: TestCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = control_plane.own_home("starts an operator, which a cluster of somebody's own may have already")
    install(home)
    # Nothing of the tests' own environment may help.
    monkeypatch.setenv("PATH", f"{installed}:{os.defpath}")
    for variable in ("PYTHONPATH", "VIRTUAL_ENV"):
        monkeypatch.delenv(variable, raising=False)
    with operating(home, tmp_path, tmp_path / "store", programs=installed) as operator:
        operator.check_a_life()


def test_its_environment_is_small(installed: Path) -> None:
    (packages,) = (installed.parent / "lib").glob("python*/site-packages")
    names = {path.name.rsplit("-", 1)[0] for path in packages.glob("*.dist-info")}
    assert len(names) <= MOST, f"{len(names)} packages: {sorted(names)}"
    files = [path for path in packages.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    size = sum(path.stat().st_size for path in files) / 1e6
    assert size <= LARGEST, f"the environment of the operator has {size:.0f} MB"


@pytest.mark.parametrize("module", ["bentoml", "mlflow", "pandas", "sklearn"])
def test_it_does_not_have_what_only_other_products_need(installed: Path, module: str) -> None:
    found = subprocess.run([installed / "python", "-c", f"import {module}"], capture_output=True, text=True)
    assert "ModuleNotFoundError" in found.stderr
