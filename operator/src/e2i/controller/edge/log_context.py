"""Adds to each line of the log which pass wrote it, and the model, generation and release that the pass is about.

What a pass starts in the background keeps its fields: the line of an export names the pass that asked for it.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from e2i.api import naming
from e2i.controller.edge.repeated_lines import RepeatedLines
from e2i.controller.edge.work_queue import Key

LOGGER = "e2i"
"""The logger that every module of the operator writes to."""

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
CHATTY = ("kopf", "botocore", "boto3")
"""Libraries whose lines below WARNING say nothing about a model."""

_fields: ContextVar[Mapping[str, Any]] = ContextVar("fields of the log", default=MappingProxyType({}))
_process = secrets.token_hex(2)
_passes = itertools.count(1)


def begin_pass(key: Key) -> None:
    """Give all further lines of this task the model's name and an id of the pass: 9f3c-17, unique in the whole log."""
    _fields.set({"model": "/".join(key), "reconcile": f"{_process}-{next(_passes)}"})


def add(**fields: Any) -> None:
    """Give all further lines of this pass these fields; those without a value are left out."""
    _fields.set({**_fields.get(), **{name: value for name, value in fields.items() if value}})


def install(level: str, seconds: Callable[[], float] = time.monotonic) -> None:
    """Write lines of `level` and above, with these fields. `seconds` is a clock that is never set."""
    logger = logging.getLogger(LOGGER)
    logger.addFilter(add_fields)
    # After the fields: a line is repeated if it is about the same model.
    logger.addFilter(RepeatedLines(seconds))
    logger.setLevel(level)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def add_fields(record: logging.LogRecord) -> bool:
    """Filter of the logger: add the fields of the pass in which the line is written."""
    for name, value in _fields.get().items():
        record.__dict__.setdefault(name, value)
    return True


class LogLevel:
    """The level of the log, which an annotation of the Lease changes while the operator runs."""

    def __init__(self, usual: str) -> None:
        """`usual`: the level without the annotation."""
        self._usual = usual
        self._asked: str | None = None

    def follow(self, annotations: Mapping[str, str]) -> None:
        """Take the level that the Lease's annotations ask for."""
        asked = annotations.get(naming.LOG_LEVEL_ANNOTATION)
        if asked == self._asked:
            return
        self._asked = asked
        logger = logging.getLogger(LOGGER)
        if asked is not None and asked not in LEVELS:
            logger.error(
                "%s=%s of the Lease is no level: give it one of %s",
                naming.LOG_LEVEL_ANNOTATION,
                asked,
                ", ".join(LEVELS),
            )
            return
        level = asked or self._usual
        logger.setLevel(level)
        # At this level, because somebody has just asked for it.
        logger.log(logging.getLevelName(level), "the log has lines of level %s and above now", level)
