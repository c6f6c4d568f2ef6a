"""The smallest bento: gives back what it got. It holds no model, and its label says that this is meant."""

from __future__ import annotations

from typing import Annotated

import bentoml
from pydantic import BaseModel, ConfigDict, Field


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(max_length=10_000)]


class Answer(BaseModel):
    text: str
    bento: Annotated[str, Field(description="name:version of the bento that answered")]


@bentoml.service(name="echo", workers=1, traffic={"timeout": 10})
class Echo:
    @bentoml.api
    async def predict(self, input_data: Message) -> Answer:
        context = bentoml.server_context
        return Answer(text=input_data.text, bento=f"{context.bento_name}:{context.bento_version}")
