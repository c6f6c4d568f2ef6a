"""What failed in the lanes runs once more, alone: it may pass then, but never in silence, and never many at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.run_again import MOST, run

RACES = """
from pathlib import Path
def test_race():
    seen = Path(__file__).with_name("seen")
    before = seen.exists()
    seen.touch()
    assert before
"""
LANES = ("-p", "xdist", "--numprocesses=1", "-q")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Other plugins take longer to import than these tests to run.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_good.py").write_text("def test_good(): pass\n")
    return tmp_path


def test_a_test_that_passes_alone_is_named(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    remembered = project / ".pytest_cache/v/cache/lastfailed"
    remembered.parent.mkdir(parents=True)
    remembered.write_text('{"test_of_an_earlier_run.py::test_it": true}')
    (project / "test_race.py").write_text(RACES)
    assert run(LANES, project) == 0
    told = capfd.readouterr().out
    assert "passed only alone, so look for the race: test_race.py::test_race\n" in told
    assert "1 passed" in told.rpartition("run again alone")[2], "the good one is not run again"


def test_a_test_that_fails_alone_too_fails_the_run(project: Path) -> None:
    (project / "test_bad.py").write_text("def test_bad(): assert False\n")
    (project / "test_race.py").write_text(RACES)
    assert run(LANES, project) == 1


def test_many_are_no_accident(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(MOST + 1):
        (project / f"test_race{number}.py").write_text(RACES.replace('"seen"', f'"seen{number}"'))
    assert run(LANES, project) == 1
    assert "again" not in capfd.readouterr().out


def test_all_good_tests_run_once_and_a_module_that_cannot_be_read_ends_the_run(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(LANES, project) == 0
    assert "again" not in capfd.readouterr().out
    (project / "test_broken.py").write_text("import nowhere_to_be_found\n")
    assert run(LANES, project) != 0
