"""Reads YAML that others wrote, within bounds that hold before anything is built from it. Pure.

A small text can describe huge values: aliases within aliases, or nesting that no parser survives. So there are no
aliases, no merge keys and no tags, and only texts, whole numbers, true, false and null are distinguished. Nesting is
followed by a loop: the parser in C, which is fast, keeps its own stack on the heap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_VALUES = 50_000
"""Texts, lists and objects, keys included."""
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})", re.ASCII)
"""Without leading zeros: YAML writes the text 09234953, a version of a bento, without quotes."""
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlInvalid(ValueError):
    """The text is not YAML, or exceeds the bounds. The message is a clause that says what is wrong."""


def read(text: bytes) -> Any:
    """Return the value that the YAML text describes. YamlInvalid if it is not plain YAML within the bounds."""
    if len(text) > MAX_BYTES:
        raise YamlInvalid(f"has more than {MAX_BYTES} bytes")
    try:
        return _build(_events(text))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise YamlInvalid(f"is not YAML ({_place(error)})") from error


def _place(error: Exception) -> str:
    return f"{type(error).__name__}{_line(getattr(error, 'problem_mark', None))}"


def _line(mark: Any) -> str:
    return f" in line {mark.line + 1}" if mark else ""


def _events(text: bytes) -> Iterator[yaml.Event]:
    """Return the parts of the text, as long as they are within the bounds."""
    depth = values = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise YamlInvalid(f"has an anchor or an alias{_line(event.start_mark)}")
        if isinstance(event, yaml.NodeEvent):
            values += 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise YamlInvalid(f"is nested deeper than {MAX_DEPTH} levels")
        if values > MAX_VALUES:
            raise YamlInvalid(f"has more than {MAX_VALUES} values")
        yield event


def _build(events: Iterator[yaml.Event]) -> Any:
    """Return the value of the first document; YamlInvalid if there is another."""
    root: list[Any] = []
    stack: list[tuple[list[Any], bool]] = [(root, False)]
    """(parts, whether they are those of an object), from the outermost value to the innermost."""
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append(([], isinstance(event, yaml.MappingStartEvent)))
        elif isinstance(event, yaml.CollectionEndEvent):
            parts, is_object = stack.pop()
            stack[-1][0].append(_object(parts) if is_object else parts)
        elif isinstance(event, yaml.ScalarEvent):
            stack[-1][0].append(_scalar(event))
    if len(root) > 1:
        raise YamlInvalid("has more than one document")
    return root[0] if root else None


def _object(parts: list[Any]) -> dict[str, Any]:
    """Return the object of keys and values in turn."""
    keys = parts[0::2]
    if any(isinstance(key, list | dict) for key in keys):
        raise YamlInvalid("has a list or an object as a key")
    found = {
        key if isinstance(key, str) else str(key): value for key, value in zip(keys, parts[1::2], strict=True)
    }
    if "<<" in found:
        raise YamlInvalid("has a merge key")
    return found


def _scalar(event: yaml.ScalarEvent) -> Any:
    """Return the text, or the whole number, truth value or null that a text without quotes is."""
    written: str = event.value
    if not event.implicit[0]:
        return written
    if written.lower() in _WORDS:
        return _WORDS[written.lower()]
    return int(written) if _WHOLE.fullmatch(written) else written
