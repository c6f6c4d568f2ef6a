"""A model that scores rows as a bento of e2i does, with the moods of a real one, and files of rows for it."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.rawserver import RawServer, Request, http, ok

FEATURES = {"tenure": {"type": "integer"}, "charge": {"anyOf": [{"type": "number"}, {"type": "null"}]}}
SCHEMA = {
    "routes": [
        {
            "route": "/predict_batch",
            "input": {
                "properties": {"input_data": {"type": "array", "items": {"$ref": "#/$defs/Row"}}},
                "$defs": {"Row": {"type": "object", "properties": FEATURES}},
            },
        },
        {"route": "/predict", "input": {"properties": {"input_data": {"properties": FEATURES}}}},
    ]
}


@dataclass
class Model:
    """Answers tenure + charge. `seen`: how often each tenure was answered."""

    bento: str = "churn:1"
    schema: dict[str, Any] = field(default_factory=lambda: SCHEMA)
    busy: int = 0
    """Requests that are refused from now on, because there are too many."""
    seen: list[int] = field(default_factory=list)
    path: str = ""
    """Below it the model is, as behind a gateway: /api/models/churn"""
    url: str = ""
    poison: int = -1
    """A tenure for which the model itself breaks."""
    lost: int = 0
    """Tenures below this are answered with null, as a bento sends NaN."""

    def answer(self, request: Request) -> bytes:
        if not request.path.startswith(f"{self.path}/"):
            return http("404 Not Found")
        if request.path == f"{self.path}/schema.json":
            return ok(self.schema)
        if self.busy > 0:
            self.busy -= 1
            return http("503 Busy", '{"error": "9 requests wait"}', "Retry-After: 0")
        given = json.loads(request.body)["input_data"]
        rows = given if isinstance(given, list) else [given]
        wrong = [
            {"loc": ["input_data", number, "tenure"], "msg": "Input should be a valid integer"}
            for number, row in enumerate(rows)
            if not isinstance(row["tenure"], int)
        ]
        if wrong:
            return http("400 Bad Request", json.dumps({"error": "wrong", "detail": wrong}))
        if any(row["tenure"] == self.poison for row in rows):
            return http("500 Error", '{"error": "the model\'s value is inf"}')
        self.seen += [row["tenure"] for row in rows]
        answers = [
            {"value": row["tenure"] + (row["charge"] or 0.0), "more": {"a": "x"}, "bento": self.bento}
            | ({"value": None} if row["tenure"] < self.lost else {})
            for row in rows
        ]
        return ok(answers if isinstance(given, list) else answers[0])


@asynccontextmanager
async def serving(model: Model) -> AsyncIterator[Model]:
    """The model on a port of its own."""
    listening = await asyncio.start_server(RawServer(model.answer).serve, "127.0.0.1", 0)
    model.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}{model.path}"
    async with listening:
        yield model


def write_rows(path: Path, count: int, **changed: str) -> None:
    """Write a CSV file of so many rows, tenure 0, 1, ...; `changed`: other texts for some tenures (row7="x")."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "tenure", "charge"])
        for number in range(count):
            writer.writerow([f"c{number:05}", changed.get(f"row{number}", str(number)), "0.5"])


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
