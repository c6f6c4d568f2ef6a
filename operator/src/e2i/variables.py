"""Reads variables of the environment: a value that cannot be used is named, with what to write."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_OBJECT = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?", re.ASCII)
_LONGEST = 3600
_NEAR = 0.85
"""E2I_NAMESPACE is E2I_NAMESPACES to 0.96; what Kubernetes gives for a Service e2i-bucket is E2I_BUCKET to 0.8."""


class BadSetting(Exception):
    """A variable of the environment cannot be used; the message names it and says what to write."""


class Asked(Mapping[str, str]):
    """An environment that remembers by which names it was asked."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self._asked.add(name)
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def misspelt(self) -> dict[str, str]:
        """Return each variable that nobody asked for and that is written almost as one that was: {given: meant}"""
        known = sorted(self._asked)
        near = {name: difflib.get_close_matches(name, known, n=1, cutoff=_NEAR) for name in self._given}
        return {name: found[0] for name, found in near.items() if found and name not in self._asked}


@dataclass(frozen=True)
class Variables:
    """The variables that were given. An empty one is as good as none. Every method raises BadSetting."""

    given: Mapping[str, str]

    def text(self, name: str, default: str = "") -> str:
        return self.given.get(name) or default

    def name(self, name: str, default: str = "") -> str:
        """Return the name of an object of Kubernetes; an empty one stays empty."""
        text = self.given.get(name, default)
        if text and not _OBJECT.fullmatch(text):
            raise BadSetting(
                f"{name}={text} is no name of an object: use lower-case letters, digits, - and ., for example {default}"
            )
        return text

    def truth(self, name: str) -> bool:
        """Return whether the variable is true; false without it."""
        text = self.text(name, "false")
        if text not in ("true", "false"):
            raise BadSetting(f"{name}={text} is neither true nor false; without it false is used")
        return text == "true"

    def count(self, name: str, default: int, most: int = 64, *, least: int = 1) -> int:
        text = self.text(name, str(default))
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise BadSetting(
                f"{name}={text} is not a number from {least} to {most}; without it {default} is used"
            )
        return int(text)

    def seconds(self, name: str, default: float, *, least: float) -> float:
        text = self.text(name, str(default))
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not least <= seconds <= _LONGEST:
            raise BadSetting(
                f"{name}={text} is not a number of seconds from {least} to {_LONGEST}; without it {default} is used"
            )
        return seconds

    def folder(self, name: str, default: Path) -> Path:
        path = Path(self.text(name, str(default)))
        if not path.is_absolute():
            raise BadSetting(
                f"{name}={path} is a relative path: write it from the root, for instance {default}"
            )
        return path

    def address(self, name: str, default: str = "") -> str:
        """Return HOST:PORT, or nothing."""
        text = self.text(name, default)
        host, _, port = text.rpartition(":")
        if text and not (host and port.isascii() and port.isdigit() and int(port) < 1 << 16):
            raise BadSetting(f"{name}={text} is not a host and a port, for instance 0.0.0.0:8080")
        return text

    def url(self, name: str) -> str:
        text = self.text(name)
        # The value may hold a secret, so the error does not repeat it.
        wrong = BadSetting(
            f"{name} is no http or https address without an account in it, for instance https://example.org:4318/path"
        )
        try:
            parts = urlsplit(text)
            # Reading it raises an error for a port that no server can have.
            parts.port  # noqa: B018
        except ValueError:
            raise wrong from None
        is_address = parts.scheme in ("http", "https") and parts.hostname and not re.search(r"\s", text)
        if text and (not is_address or parts.username):
            raise wrong
        return text

    def namespaces(self, name: str) -> tuple[str, ...]:
        """Return the namespaces: "risk, churn" -> ("churn", "risk")"""
        text = self.text(name)
        names = [each.strip() for each in text.split(",")] if text.strip() else []
        for each in names:
            if not NAMESPACE.fullmatch(each):
                raise BadSetting(
                    f"{name}={text}: {each!r} is no name of a namespace; write for instance risk,churn"
                )
        return tuple(sorted(set(names)))

    def log_level(self, name: str, default: str) -> str:
        level = self.text(name, default).upper()
        if level not in _LEVELS:
            raise BadSetting(f"{name}={level} is not one of {', '.join(_LEVELS)}")
        return level
