"""Changes one field of a spec, and reads values at a path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from support.field_rows import Seen

_STEP = re.compile(r"(?P<name>[^.\[{]+)?(?:\[(?P<item>[^\]]*)\]|\{(?P<key>[^}]*)\})?(?:\.|$)")


def changed(base: Mapping[str, Any], name: str, row: Seen) -> dict[str, Any]:
    """The spec with the new value in the field."""
    spec: dict[str, Any] = json.loads(json.dumps(base))
    top = re.split(r"[.\[]", name, maxsplit=1)[0]
    if row.whole is not None:
        spec[top] = row.whole
        assert row.value in list(values(spec, name))
    else:
        assert put(spec, name.replace("[]", ".[]").split("."), row.value)
    return spec


def put(node: Any, steps: list[str], value: Any) -> bool:
    """Put the value into the field, or into that of the first item that has it; whether there was a place."""
    step, rest = steps[0], steps[1:]
    if step == "[]":
        return any(put(item, rest, value) for item in node)
    if rest:
        return step in node and put(node[step], rest, value)
    if step not in node and step not in ("replicas", "pathPrefix"):
        return False
    node[step] = value
    return True


def values(node: Any, path: str) -> Iterator[Any]:
    """The values at a path: [] means all items, [a] those of this name, {a} a key with dots or items of that key."""
    if not path:
        yield node
        return
    step = _STEP.match(path)
    assert step, path
    name, item, key = step["name"], step["item"], step["key"]
    inner = node.get(name) if name else node
    rest = path[step.end() :]
    if inner is None:
        return
    if key is not None and isinstance(inner, dict):
        yield from values(inner[key], rest) if key in inner else ()
    elif item is not None or key is not None:
        field, wanted = ("name", item) if key is None else ("key", key)
        for each in inner:
            if not wanted or each.get(field) == wanted:
                yield from values(each, rest)
    else:
        yield from values(inner, rest)
