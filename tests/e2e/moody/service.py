"""A bento that does what the variable MOOD says; without one it answers.

MOOD is one of: ends at once | never ready | answers NaN | slow start: SECONDS | slow: SECONDS |
errors: SHARE of the requests | crashes: NUMBER of the request that ends it | busy: SECONDS of CPU for each request.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time

import bentoml
from pydantic import BaseModel, ConfigDict

log = logging.getLogger("bentoml")
MOOD, _, AMOUNT = os.environ.get("MOOD", "").partition(": ")
if MOOD == "ends at once":
    raise RuntimeError("moody does not want to start today")
if MOOD == "slow start":
    time.sleep(float(AMOUNT))


class Answer(BaseModel):
    # NaN goes out as NaN, as from a model that returns plain arrays; by default it would become null.
    model_config = ConfigDict(ser_json_inf_nan="constants")

    text: str
    bento: str
    release: str
    score: float


@bentoml.service(name="moody", workers=1)
class Moody:
    def __init__(self) -> None:
        self.requests = 0

    async def __is_ready__(self) -> bool:
        return MOOD != "never ready"

    @bentoml.api
    async def predict(self, text: str) -> Answer:
        self.requests += 1
        await self._live_out_the_mood()
        context = bentoml.server_context
        return Answer(
            text=text,
            bento=f"{context.bento_name}:{context.bento_version}",
            release=os.environ.get("YATAI_BENTO_DEPLOYMENT_NAME", ""),
            score=float("nan") if MOOD == "answers NaN" else 0.5,
        )

    async def _live_out_the_mood(self) -> None:
        if MOOD == "slow":
            await asyncio.sleep(float(AMOUNT))
        elif MOOD == "busy":
            enough = time.process_time() + float(AMOUNT)
            while time.process_time() < enough:
                pass
        elif MOOD == "errors":
            share = float(AMOUNT)
            if int(self.requests * share) > int((self.requests - 1) * share):
                raise RuntimeError(f"moody fails at request {self.requests}")
        elif MOOD == "crashes" and self.requests >= int(AMOUNT):
            log.error("moody crashes at request %s", self.requests)
            # The parent is what the container runs; it would only start this process again.
            os.kill(os.getppid(), signal.SIGKILL)
            os._exit(1)
