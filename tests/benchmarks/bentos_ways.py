"""A service that predicts one row in three ways; `bentos` compares them. The model's folder is in E2I_BENCH_MODEL."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bentoml

from e2i_bento.batching import RequestBatcher
from e2i_bento.card import read_card
from e2i_bento.predicting import load_predictor
from e2i_bento.request_types import input_type, row_from
from e2i_bento.routes import as_json

FOLDER = Path(os.environ["E2I_BENCH_MODEL"])
ROW: Any = input_type(read_card(FOLDER))


def one(self: Any, input_data: Any) -> Any:
    return as_json(self.predictor.answers([row_from(input_data)])[0])


def batchable(self: Any, input_data: Any) -> Any:
    return self.predictor.answers([row_from(row) for row in input_data])


async def gathered(self: Any, input_data: Any) -> Any:
    return as_json((await self.gathering.predict([row_from(input_data)]))[0])


# BentoML reads the types here, which are known only when the model's card is.
one.__annotations__ = gathered.__annotations__ = {"input_data": ROW}
batchable.__annotations__ = {"input_data": list[ROW], "return": list[dict[str, Any]]}


@bentoml.service(name="ways", workers=1, traffic={"timeout": 30})
class Ways:
    def __init__(self) -> None:
        self.predictor = load_predictor(FOLDER)
        self.gathering = RequestBatcher(self.predictor.answers, ThreadPoolExecutor(1))

    one = bentoml.api(one)
    batchable = bentoml.api(batchable, batchable=True, max_batch_size=1000)
    gathered = bentoml.api(gathered)
