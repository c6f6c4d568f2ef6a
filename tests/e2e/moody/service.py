"""A bento that does what the variable MOOD says: end at once, or never get ready. Without one it answers."""

from __future__ import annotations

import os

import bentoml
from pydantic import BaseModel

MOOD = os.environ.get("MOOD", "")
if MOOD == "ends at once":
    raise RuntimeError("moody does not want to start today")


class Answer(BaseModel):
    text: str
    bento: str


@bentoml.service(name="moody", workers=1)
class Moody:
    async def __is_ready__(self) -> bool:
        return MOOD != "never ready"

    @bentoml.api
    async def predict(self, text: str) -> Answer:
        context = bentoml.server_context
        return Answer(text=text, bento=f"{context.bento_name}:{context.bento_version}")
