"""Loaded by the operator beside its handlers in one block: when kopf handed each new model to a handler."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import kopf

TRACE = Path(os.environ["E2I_BENCH_TRACE"]).open("a", buffering=1)  # noqa: SIM115 - open as long as the operator


@kopf.on.event("serving.e2i.dev", "v1alpha1", "e2imodels", id="trace")
async def note(name: str, event: kopf.RawEvent, **_: Any) -> None:
    if event["type"] == "ADDED":
        TRACE.write(f"{name} {time.monotonic()}\n")
