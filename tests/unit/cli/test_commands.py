"""The command `e2i` as a whole."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from e2i.cli import main
from e2i.cli.plugin import plugin


def test_every_command_can_be_listed_and_tells_what_it_does() -> None:
    told = CliRunner().invoke(main, ["--help"])
    assert told.exit_code == 0
    for name in ("demo", "local", "manifest", "package", "pipeline"):
        assert name in told.output


@pytest.fixture
def incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2i.cli.lazy.missing_packages", lambda extras: iter(["pandas"]))


@pytest.mark.parametrize(
    ("words", "extra"),
    [(["package"], "package"), (["pipeline", "run"], "pipeline"), (["pipeline", "demo"], "pipeline,local")],
)
@pytest.mark.usefixtures("incomplete")
def test_an_extra_that_is_not_installed_is_named(
    words: list[str], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2i.cli.lazy.import_module", lambda name: missing_at_run())
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 1
    assert told.output == (
        "Error: This command needs the Python package pandas, which is not installed: "
        f"pip install 'e2i-operator[{extra}]'.\n"
    )


@pytest.mark.usefixtures("incomplete")
def test_the_plugin_keeps_exit_code_1_for_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2i.cli.lazy.import_module", missing)
    assert CliRunner().invoke(plugin, ["plan"]).exit_code == 2


@pytest.mark.usefixtures("incomplete")
def test_a_module_of_ours_that_is_missing_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "e2i.cli.package", None)
    told = CliRunner().invoke(main, ["package"])
    assert isinstance(told.exception, ModuleNotFoundError)


def test_a_module_that_no_extra_brings_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every extra is installed here: another `pip install` would not help."""
    monkeypatch.setattr("e2i.cli.lazy.import_module", missing)
    told = CliRunner().invoke(main, ["package"])
    assert isinstance(told.exception, ModuleNotFoundError)


def missing(name: str) -> object:
    raise ModuleNotFoundError("No module named 'pandas'", name="pandas")


def missing_at_run() -> SimpleNamespace:
    """A module whose commands find out when they run that a package is missing."""

    @click.command(context_settings={"allow_extra_args": True})
    def command() -> None:
        missing("pandas")

    return SimpleNamespace(package=command, pipeline=command)
