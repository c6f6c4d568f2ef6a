"""Files that may change while the gateway runs: the keys, and the models of a file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import yaml

from e2i.client import Endpoints, EndpointsInvalid
from e2i.gateway.core.access import Access, BadAccess, parse_access
from e2i.gateway.core.models import Model
from e2i.variables import BadSetting

LOOK_EVERY = 2.0
"""Seconds."""
T = TypeVar("T")
logger = logging.getLogger("e2i.gateway")


class WatchedFile(Generic[T]):
    """A file whose content is taken again when it changes, as that of a mounted Secret does.

    What cannot be used is logged, and the earlier content stays.
    """

    def __init__(
        self, setting: str, path: Path, parse: Callable[[Path], T], take: Callable[[T], None]
    ) -> None:
        """Read it for the first time; BadSetting, which names the setting, if it cannot be used."""
        self._setting = f"{setting}={path}"
        self._path = path
        self._parse = parse
        self._take = take
        self._content = self._bytes()
        take(self._parsed())

    async def run(self) -> None:
        """Look at it without end."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.look()

    def look(self) -> None:
        """Take the content if it is another one."""
        try:
            content = self._bytes()
            if content == self._content:
                return
            self._content = content
            self._take(self._parsed())
            logger.info("%s was read again", self._path)
        except BadSetting as error:
            logger.error("%s; the earlier content stays in use", error)

    def _parsed(self) -> T:
        try:
            return self._parse(self._path)
        except (BadAccess, EndpointsInvalid, yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            raise BadSetting(f"{self._setting}: {error}") from error

    def _bytes(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as error:
            raise BadSetting(f"{self._setting} cannot be read: {error.strerror or error}") from error


def read_access(path: Path) -> Access:
    """Read the access file."""
    return parse_access(yaml.safe_load(path.read_text()))


def read_models(path: Path) -> list[Model]:
    """Read the models of a file such as config/model_endpoints.yaml."""
    endpoints = Endpoints.from_file(path)
    found = [endpoints.find(name) for name in endpoints.names()]
    return [Model(namespace="", name=each.model, url=each.url.rstrip("/")) for each in found]
