"""Programs that tests start find their modules compiled, also where PYTHONDONTWRITEBYTECODE is set."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["bentoml", "boto3", "kopf", "kubernetes", "mlflow"])
def test_what_is_installed_is_compiled_by_make_setup(name: str) -> None:
    found = find_spec(name)
    assert found
    assert found.cached
    assert Path(found.cached).exists(), "remove .venv/setup.stamp and run make setup"


def test_what_tests_import_of_ours_is_compiled_once() -> None:
    from e2i.controller import process

    assert Path(process.__cached__).exists()
