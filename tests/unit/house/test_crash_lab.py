"""How the crash tests divide points among lives, with phases that end at once."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import pytest
from support import crashlab, crashreport
from support.crashlab import Lab, Lane, Phase
from support.crashproxy import Call, Mode, Strike
from support.crashreport import Ending, Strikes

CALLS = tuple(Call(f"apply services/{number}", 1) for number in range(9))
BAD = Strike(CALLS[4], Mode.AFTER)


class QuickLab(Lab):
    """Counts lives; a phase ends differently if it was struck at one of `bad`."""

    def __init__(self, bad: Collection[Strike] = ()) -> None:
        self.lives = 0
        self._home: Any = None
        self._bad = bad

    @contextlib.asynccontextmanager
    async def _lane(self) -> AsyncIterator[Any]:
        self.lives += 1
        yield None

    async def _play(self, lane: Lane, phase: Phase, strikes: Strikes, usual: Ending | None) -> Ending:
        state = "other" if any(strike in self._bad for strike in strikes) else "usual"
        return Ending(state, Counter(), CALLS[: 4 if phase.name == "scaling" else 9], strikes)


async def play(lane: Lane) -> None: ...


LIFE = (Phase("create", play), Phase("scaling", play))
PREPARED = (Phase("create", play, is_struck=False), Phase("scaling", play))


@pytest.fixture(autouse=True)
def _without_audit_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # The numbers below are those of a quick run.
    monkeypatch.setattr(crashreport, "is_deep", lambda: False)
    monkeypatch.setattr(crashlab, "Changes", lambda home: (tmp_path / "audit.log").open("w"))


async def test_no_life_is_lived_in_vain() -> None:
    lab = QuickLab()
    findings = await lab.study({"whole": LIFE, "prepared": PREPARED})
    assert [each.failures for each in findings.values()] == ["", ""]
    # Each is lived once undisturbed; the first call before, then both other modes in two lives each.
    assert lab.lives == (1 + 5) + (1 + 5)


async def test_every_point_is_tried() -> None:
    findings = (await QuickLab().study({"whole": LIFE}))["whole"]
    assert [agenda.tried for agenda in findings.agendas] == [1 + 2 * 9, 1 + 2 * 4]


async def test_a_point_that_ends_differently_is_found_among_several() -> None:
    findings = (await QuickLab({BAD}).study({"prepared": (LIFE[0],)}))["prepared"]
    together, alone = findings.agendas[0].failures
    assert together.startswith(
        f"create, killed after {CALLS[0]}, killed after {CALLS[2]}, {BAD}, killed after {CALLS[6]}, "
    )
    assert alone.startswith(f"create, {BAD}: ")
