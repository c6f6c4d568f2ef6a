"""Asks the model for rows: as many at once as it answers well, again after what passes, without bad ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from e2i.client import (
    AsyncClient,
    BadInput,
    CircuitOpen,
    ClientError,
    DeadlineExceeded,
    ModelFailed,
    NotReady,
    Overloaded,
    Prediction,
    Refused,
)
from e2i.scoring.errors import OutOfPatience, ScoringError
from e2i.scoring.features import BATCH_ROUTE, Features, Row
from e2i.scoring.outcomes import Bad, Outcome, scored
from e2i.scoring.pace import Pace
from e2i.scoring.tables import SURPLUS
from e2i.scoring.turns import Turns

PASSING = (Overloaded, NotReady, CircuitOpen, DeadlineExceeded)
TOO_LARGE = 413
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
"""Seconds before a request is sent again, without a Retry-After."""
Refresh = Callable[[], Awaitable[None]]
"""Looks again where the model is and which release it has."""


async def as_it_is() -> None:
    """Refresh nothing: the address was given by hand."""


@dataclass(kw_only=True)
class Asking:
    """One model, and how it is asked."""

    client: AsyncClient
    model: str
    route: str
    features: Features
    pace: Pace
    deadline: float
    patience: float
    """Seconds without any answer after which scoring ends."""
    refresh: Refresh = as_it_is
    answered_at: float = field(default_factory=time.monotonic)
    release: str = ""
    """The release that answered last."""
    _turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        self._turns = Turns(self.pace)

    async def outcomes(self, rows: Sequence[Row]) -> list[Outcome]:
        """Return what became of each row, in their order; ScoringError if the model cannot be asked at all."""
        whole = [number for number, row in enumerate(rows) if SURPLUS not in row]
        found: dict[int, Outcome] = {
            number: Bad("", f"the line has {len(row[SURPLUS])} more values than the table has columns")
            for number, row in enumerate(rows)
            if SURPLUS in row
        }
        asked = await self._asked([self.features.of(rows[number]) for number in whole])
        found.update(zip(whole, asked, strict=True))
        return [found[number] for number in range(len(rows))]

    async def _asked(self, inputs: Sequence[Any]) -> list[Outcome]:
        if not inputs:
            return []
        try:
            prediction = await self._answer(inputs)
        except BadInput as refused:
            return await self._without_bad(inputs, refused)
        except ModelFailed as failed:
            return await self._halves(inputs, Bad("", failed.message))
        except Refused as refused:
            if refused.status != TOO_LARGE:
                raise ScoringError(f"{refused.message} Nothing can be scored so.") from refused
            return await self._halves(inputs, Bad("", refused.message))
        except ClientError as error:
            raise ScoringError(error.message) from error
        answers = prediction.value if self.route == BATCH_ROUTE else [prediction.value]
        if not isinstance(answers, list) or len(answers) != len(inputs):
            raise ScoringError(
                f"{self.model} did not answer {len(inputs)} rows with {len(inputs)} predictions: is its route "
                f"{self.route} that of e2i's bentos?"
            )
        return [scored(one, prediction.release, prediction.digest) for one in answers]

    async def _without_bad(self, inputs: Sequence[Any], refused: BadInput) -> list[Outcome]:
        """Take the rows that the model names out, and ask for the others."""
        bad: dict[int, Bad] = {}
        for problem in refused.problems:
            number, _, name = problem.field.partition(".")
            if self.route == BATCH_ROUTE and number.isdecimal() and int(number) < len(inputs):
                bad.setdefault(int(number), Bad(name, problem.message))
        if not bad:
            first = refused.problems[0] if refused.problems else None
            return await self._halves(inputs, Bad(refused.field, first.message if first else refused.message))
        others = [number for number in range(len(inputs)) if number not in bad]
        asked = dict(zip(others, await self._asked([inputs[number] for number in others]), strict=True))
        return [bad.get(number) or asked[number] for number in range(len(inputs))]

    async def _halves(self, inputs: Sequence[Any], outcome: Bad) -> list[Outcome]:
        """Ask for each half, because one row spoils the others; a single row is the bad one."""
        if len(inputs) == 1:
            return [outcome]
        middle = len(inputs) // 2
        return [*await self._asked(inputs[:middle]), *await self._asked(inputs[middle:])]

    async def _answer(self, inputs: Sequence[Any]) -> Prediction:
        """Return the answer, after as many tries as the model needs."""
        wait = FIRST_WAIT
        while True:
            try:
                return await self._once(inputs)
            except PASSING as error:
                self.pace.overloaded(time.monotonic())
                if time.monotonic() - self.answered_at > self.patience:
                    raise OutOfPatience(
                        f"{self.model} gave no answer for {self.patience:.0f} s: {error.message}"
                    ) from error
                if isinstance(error, NotReady | CircuitOpen):
                    await self.refresh()
                await asyncio.sleep(max(wait, getattr(error, "retry_after", None) or 0.0))
                wait = min(2 * wait, LONGEST_WAIT)

    async def _once(self, inputs: Sequence[Any]) -> Prediction:
        data = list(inputs) if self.route == BATCH_ROUTE else inputs[0]
        async with self._turns.turn():
            started = time.monotonic()
            prediction = await self.client.predict(self.model, data, route=self.route, deadline=self.deadline)
            self.answered_at = time.monotonic()
            self.pace.succeeded((self.answered_at - started) / len(inputs))
        return await self._identified(prediction)

    async def _identified(self, prediction: Prediction) -> Prediction:
        """Return the prediction with its release, which may be newer than what was known of the model."""
        if not prediction.release and prediction.bento:
            await self.refresh()
            who = self.client.endpoints.find(self.model).of_bento(prediction.bento)
            if who:
                prediction = replace(prediction, release=who.release, digest=who.digest)
        self.release = prediction.release
        return prediction
