"""The picture in README.md is what its recorded input gives, and stays small."""

from __future__ import annotations

from xml.etree import ElementTree

from docs.picture import COMMANDS, DRAWN, RECORDED, draw


def test_the_picture_is_drawn_from_its_recording() -> None:
    assert DRAWN.read_text() == draw(RECORDED.read_text()), "run: python tests/docs/picture.py"


def test_the_recording_is_of_the_commands_it_shows() -> None:
    prompts = [line.removeprefix("$ ") for line in RECORDED.read_text().splitlines() if line.startswith("$ ")]
    assert tuple(prompts) == COMMANDS


def test_the_picture_is_small_and_well_formed() -> None:
    assert DRAWN.stat().st_size < 60_000
    ElementTree.fromstring(DRAWN.read_text())  # noqa: S314


def test_what_is_bad_is_red_and_markup_is_escaped() -> None:
    svg = draw("$ a\nx  <y> VerificationFailed\n")
    assert '<tspan class="bad">VerificationFailed</tspan>' in svg
    assert "&lt;y&gt;" in svg


def test_pods_are_good_only_when_all_are_ready() -> None:
    svg = draw("$ a\n1/1 ready 0/1 ready\n")
    assert ">1/1\u00a0ready</tspan>" in svg
    assert ">0/1" not in svg
