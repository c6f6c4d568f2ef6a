"""What is to be tried, what was tried, and what was found."""

from __future__ import annotations

import difflib
import logging
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from support.crashproxy import Call, Mode, Strike
from support.crashstate import Counts
from support.deep import is_deep

logger = logging.getLogger("crashlab")

LIVES = 2
"""Lives among which `make test` divides the points of one mode: neighbours are never in the same life."""
TRIES = 4
"""Runs in which a call of the undisturbed run must come again."""
TRIES_BY_CHANCE = 2
"""The same in `make test`, of a call that depends on how long things take: it says little if it comes in the fourth."""


Strikes = tuple[Strike, ...]
"""Those of one life in one phase; none: the phase is played undisturbed."""


@dataclass(frozen=True)
class Ending:
    """How one phase ended: what there is, how often things were made and deleted, what the operator called."""

    state: str
    counts: Counts
    calls: tuple[Call, ...]
    struck: Strikes

    def difference(self, other: Ending) -> str:
        """Empty if objects, keys, creations and deletions are the same."""
        lines = [
            f"{' '.join(what)}: {self.counts[what]} times, now {other.counts[what]}"
            for what in sorted(self.counts | other.counts)
            if self.counts[what] != other.counts[what]
        ]
        lines += difflib.unified_diff(
            self.state.splitlines(), other.state.splitlines(), "undisturbed", "struck", lineterm="", n=2
        )
        return "\n".join(lines)


def points(calls: Sequence[Call], *, every: bool) -> list[Strikes]:
    """Return the points of one phase by life: each call in each mode alone, or what `make test` has time for.

    That has time for one point for each state that a kill can leave, and for several points in a life. Killed before
    a call, the operator leaves the state that it leaves when it is killed after the call before; killed after a read,
    that of the last write.
    """
    if every:
        return [(Strike(call, mode),) for call in calls for mode in Mode]
    first = [(Strike(calls[0], Mode.BEFORE),)] if calls else []
    killed = [Strike(call, Mode.AFTER) for call in calls if not call.is_read]
    cut = [Strike(call, Mode.CUT) for call in calls]
    apart = [tuple(strikes[start::LIVES]) for strikes in (killed, cut) for start in range(LIVES)]
    return first + [strikes for strikes in apart if strikes]


@dataclass
class Agenda:
    """The points of one phase, and what came of those that were tried."""

    phase: str
    is_struck: bool
    usual: Ending
    tried: int = 0
    coming: int = 0
    """Lives under way that have not come to this phase yet."""
    failures: list[str] = field(default_factory=list)
    absent: list[Strike] = field(default_factory=list)
    """Points at a status that came in the undisturbed run and in no other: how long things take decides."""

    def __post_init__(self) -> None:
        calls = self.usual.calls if self.is_struck else ()
        self.waiting = deque(points(calls, every=is_deep()))
        self._tries: Counter[Strike] = Counter()

    def take(self) -> Strikes:
        """The next points; none when all have been tried: the phase is then played undisturbed."""
        return self.waiting.popleft() if self.waiting else ()

    def judge(self, strikes: Strikes, ended: Ending) -> bool:
        """Note how the phase ended; False if it ended differently."""
        difference = self.usual.difference(ended)
        self.tried += len(ended.struck)
        if difference:
            self.fail(strikes, difference, ended.calls)
            return False
        missed = (strike for strike in strikes if strike not in ended.struck)
        if again := tuple(strike for strike in missed if self._is_tried_again(strike, ended)):
            self.waiting.append(again)
        return True

    def fail(self, strikes: Strikes, what: str, calls: Iterable[Call]) -> None:
        """Note a failure; which of several points it was is tried next."""
        self.failures.append(
            f"{self.phase}, {listed(strikes) or 'undisturbed'}: {what}\ncalls: {listed(calls)}"
        )
        logger.warning("%s", self.failures[-1])
        if len(strikes) > 1:
            self.waiting.extend((strike,) for strike in strikes)

    def _is_tried_again(self, strike: Strike, ended: Ending) -> bool:
        """Note that the call did not come. False after enough tries: it depends on chance, or that is a failure."""
        # What is told on the way, and how often a write is repeated before its effect is seen: it depends.
        by_chance = strike.call.what.startswith("status ") or strike.call.nth > 1
        self._tries[strike] += 1
        if self._tries[strike] < (TRIES_BY_CHANCE if by_chance and not is_deep() else TRIES):
            return True
        if by_chance:
            self.absent.append(strike)
        else:
            self.fail((strike,), f"did not come again in {TRIES} runs", ended.calls)
        return False

    def __str__(self) -> str:
        text = (
            f"{self.phase} {self.tried} points at {len(self.usual.calls)} calls ({listed(self.usual.calls)})"
        )
        if self.absent:
            text += f", of which did not come again: {listed(self.absent)}"
        return text


@dataclass(frozen=True)
class Findings:
    """All phases of one life."""

    agendas: Sequence[Agenda]

    @property
    def failures(self) -> str:
        """What ended differently, empty if nothing did."""
        return "\n\n".join(failure for agenda in self.agendas for failure in agenda.failures)

    def __str__(self) -> str:
        tried = sum(agenda.tried for agenda in self.agendas)
        return (
            f"{tried} points tried: {'; '.join(str(agenda) for agenda in self.agendas if agenda.is_struck)}"
        )


def listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
