"""test: run the project's own tests, and the tests that the training data of every project must pass."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from e2i.pipeline.context import Loop, StepResult, digest_of, files_digest, is_test
from e2i.pipeline.datatests import find_problems
from e2i.pipeline.errors import PipelineError, describe_error
from e2i.pipeline.recipe import load_recipe
from e2i.pipeline.rows import read_stored

TIMEOUT = 1800.0
NOTHING_COLLECTED = 5
"""pytest's exit code when there is no test in the files."""


def inputs(loop: Loop) -> dict[str, str]:
    return {
        "data": digest_of([loop.outputs("data").get("train"), loop.outputs("data").get("holdout")]),
        "code": loop.code_digest(),
        "tests": files_digest(loop.folder, _test_files(loop.folder)),
        "project.yaml": digest_of([loop.project.type, loop.project.target, loop.project.treatment]),
    }


def run(loop: Loop) -> StepResult:
    import pandas

    frame = pandas.concat(
        [read_stored(loop.workspace.train), read_stored(loop.workspace.holdout)], ignore_index=True
    )
    if found := find_problems(frame, loop.outputs("data")["features"], loop.project):
        raise PipelineError("\n".join(found))
    recipe = load_recipe(loop.folder, loop.project.recipe)
    said = "the tests of the data passed"
    if recipe.check:
        try:
            recipe.check(frame)
        except Exception as error:
            what = str(error) if isinstance(error, ValueError) else describe_error(error, loop.folder)
            raise PipelineError(f"The recipe's check refuses the data: {what}") from error
        said += ", the recipe's check too"
    return StepResult(f"{said}; {_own_tests(loop.folder)}")


def _own_tests(folder: Path) -> str:
    files = _test_files(folder)
    if not files:
        return "the project has no tests of its own"
    if find_spec("pytest") is None:
        raise PipelineError(f"{folder} has tests, and pytest is not installed: install it.")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    if not any((folder / name).exists() for name in ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")):
        # Otherwise pytest reads the configuration of a folder above the project.
        command += ["-c", os.devnull]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
    }
    command += [str(file) for file in files if file.name != "conftest.py"]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise PipelineError(
            f"The tests of {folder} took longer than {TIMEOUT:.0f} s. Make them shorter."
        ) from None
    if done.returncode == NOTHING_COLLECTED:
        return "the project has no tests of its own"
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()
        shown = "\n".join(f"    {line}" for line in lines[-12:])
        raise PipelineError(f"The project's own tests failed (`pytest` in {folder}):\n{shown}")
    return f"the project's own tests passed: {done.stdout.strip().splitlines()[-1].strip('= ')}"


def _test_files(folder: Path) -> list[Path]:
    places = [*folder.glob("*.py"), *(folder / "tests").rglob("*.py")]
    return sorted(file for file in places if is_test(file, folder))
