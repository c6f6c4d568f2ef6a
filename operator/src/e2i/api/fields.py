"""Reads fields of JSON objects that others write: each has the type that the reader asks for, or is refused. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from e2i.api.conditions import parse_timestamp
from e2i.api.plain_text import clean

T = TypeVar("T")

LONGEST_SENTENCE = 2048
"""Bytes that are kept of another program's message."""
_KINDS: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a fraction",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


class FieldInvalid(ValueError):
    """A field is missing or has another type than it must have. The message is a clause that names the field."""


class Fields:
    """The fields of one JSON object. A field that is missing or null has its default."""

    __slots__ = ("_content", "place")

    def __init__(self, content: object, place: str = "") -> None:
        if not isinstance(content, Mapping):
            raise FieldInvalid(f"{place or 'it'} is {kind_of(content)}, not an object")
        self._content = content
        self.place = place

    def __contains__(self, name: str) -> bool:
        return self._content.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Return name and value of each field that is not null."""
        return ((name, value) for name, value in self._content.items() if value is not None)

    @property
    def whole(self) -> Mapping[str, Any]:
        """The object as it was written."""
        return self._content

    def place_of(self, name: str) -> str:
        """Return the path of the field: spec.bento.tag"""
        return f"{self.place}.{name}" if self.place else name

    def text(self, name: str, default: str = "") -> str:
        """Return the text as it was written."""
        return self._typed(name, str, default)

    def needed_text(self, name: str) -> str:
        """Return the text; FieldInvalid if it is missing or empty."""
        return self.text(name) or self._missing(name)

    def sentence(self, name: str) -> str:
        """Return another program's message on one line of printable characters, cut to LONGEST_SENTENCE bytes."""
        return clean(self.text(name), LONGEST_SENTENCE)

    def number(self, name: str, default: int = 0, *, least: int = -(2**63), most: int = 2**63 - 1) -> int:
        """Return the whole number; FieldInvalid if it is out of bounds."""
        number = self._typed(name, int, default)
        if not least <= number <= most:
            raise FieldInvalid(f"{self.place_of(name)} is not from {least} to {most}")
        return number

    def truth(self, name: str, default: bool = False) -> bool:
        """Return the truth value."""
        return self._typed(name, bool, default)

    def moment(self, name: str) -> datetime | None:
        """Return the time, or None if the text is no time: people write anything into annotations."""
        text = self.text(name)
        try:
            return parse_timestamp(text) if text else None
        except (ValueError, OverflowError):
            return None

    def inside(self, name: str) -> Fields:
        """Return the fields of the object in this field; without fields if it is missing."""
        return Fields(self._value(name, {}), self.place_of(name))

    def needed_inside(self, name: str) -> Fields:
        """Return the fields of the object in this field; FieldInvalid if it is missing."""
        return self.inside(name) if name in self else self._missing(name)

    def items(self, name: str) -> tuple[Any, ...]:
        """Return the items of the list, whatever they are."""
        return tuple(self._typed(name, list, []))

    def text_items(self, name: str) -> tuple[str, ...]:
        """Return the items of a list of texts."""
        items = self.items(name)
        for index, item in enumerate(items):
            if type(item) is not str:
                raise FieldInvalid(f"{self.place_of(name)}[{index}] is {kind_of(item)}, not a text")
        return items

    def objects(self, name: str) -> tuple[Fields, ...]:
        """Return the fields of each object of the list."""
        return tuple(
            Fields(item, f"{self.place_of(name)}[{index}]") for index, item in enumerate(self.items(name))
        )

    def texts(self, name: str) -> Mapping[str, str]:
        """Return an object of texts, as labels and annotations are."""
        found = self.inside(name)
        for key, value in found._content.items():
            if type(value) is not str:
                raise FieldInvalid(f"{found.place_of(key)} is {kind_of(value)}, not a text")
        return found.whole

    def _typed(self, name: str, kind: type[T], default: T) -> T:
        value = self._value(name, default)
        # Not isinstance: true is an int in Python, and no number in JSON.
        if type(value) is not kind:
            raise FieldInvalid(f"{self.place_of(name)} is {kind_of(value)}, not {_KINDS[kind]}")
        return value

    def _value(self, name: str, default: Any) -> Any:
        value = self._content.get(name)
        return default if value is None else value

    def _missing(self, name: str) -> Any:
        raise FieldInvalid(f"{self.place_of(name)} is missing")


def kind_of(value: object) -> str:
    """Return the kind of a JSON value for a message: a text, a number, a list."""
    return _KINDS.get(type(value), "a value of another kind")
