"""Argo CD's Lua without Argo CD: what its scripts may use, and how it reads what they return.

Argo CD runs the scripts of a ConfigMap in gopher-lua, a Lua 5.1, with the basic functions, `table`, `require`,
`os.time` and `os.date` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from lupa import lua51

Body = dict[str, Any]

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "manifests" / "argocd" / "resource_customizations" / "serving.e2i.dev" / "E2IModel"
ACTIONS = FOLDER / "actions"
_SANDBOX = """
debug.setmetatable("", nil)
local os = {time = os.time, date = os.date}
package.loaded.os = os
for _, name in ipairs({"string", "io", "math", "coroutine", "debug", "dofile", "loadfile", "python"}) do
  _G[name] = nil
  package.loaded[name] = nil
end
_G.os = nil
"""


def health(model: Mapping[str, Any]) -> Body:
    """Return {status: ..., message: ...}"""
    found = run(FOLDER / "health.lua", model)
    assert isinstance(found, dict), found
    return found


def actions(model: Mapping[str, Any]) -> dict[str, bool]:
    """Return for each action whether it can be chosen."""
    found = run(ACTIONS / "discovery.lua", model)
    assert isinstance(found, dict), found
    return {name: not action["disabled"] for name, action in found.items()}


def act(model: Mapping[str, Any], action: str) -> Body:
    """Return the model as the action wants it."""
    wanted = _with_empty_objects(run(ACTIONS / action / "action.lua", model), model)
    assert isinstance(wanted, dict), wanted
    return wanted


def run(script: Path, model: Mapping[str, Any]) -> Any:
    """Return what the script returns for `obj`, the model."""
    lua = lua51.LuaRuntime(unpack_returned_tuples=True, register_eval=False, register_builtins=False)
    lua.execute(_SANDBOX)
    lua.globals().obj = _to_lua(lua, model)
    return _from_lua(lua.execute(script.read_text()))


def read_yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def _to_lua(lua: Any, value: Any) -> Any:
    """null is nil, so such a key is not there."""
    if isinstance(value, Mapping):
        return lua.table_from({key: _to_lua(lua, each) for key, each in value.items() if each is not None})
    if isinstance(value, list | tuple):
        return lua.table_from([_to_lua(lua, each) for each in value])
    return value


def _from_lua(value: Any) -> Any:
    """A table is a list if its first key is 1. An empty one is a list too."""
    if lua51.lua_type(value) != "table":
        return value
    items = {key: _from_lua(each) for key, each in value.items()}
    return list(items.values()) if not items or 1 in items else items


def _with_empty_objects(new: Any, old: Any) -> Any:
    """Lua cannot tell an empty object from an empty list: what was an object stays one, as in Argo CD."""
    if new == [] and isinstance(old, Mapping):
        return {}
    if isinstance(new, dict) and isinstance(old, Mapping):
        return {key: _with_empty_objects(value, old.get(key)) for key, value in new.items()}
    if isinstance(new, list) and isinstance(old, list):
        return [_with_empty_objects(*pair) for pair in zip(new, old, strict=False)] + new[len(old) :]
    return new
