"""The patch of Argo CD's ConfigMap argocd-cm, made of the files in manifests/argocd/resource_customizations."""

from __future__ import annotations

from typing import Any

import yaml
from support.argocd_lua import ACTIONS, FOLDER, PROJECT

CONFIG_MAP = PROJECT / "manifests" / "argocd" / "argocd-cm.yaml"
_MADE = "# Made of resource_customizations/ by tests/support/reference.py --write; edit the files there.\n"


def config_map_text() -> str:
    """Return the patch as the project keeps it."""
    return _MADE + dump(config_map())


def config_map() -> dict[str, Any]:
    kind = "_".join(FOLDER.parts[-2:])
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "namespace": "argocd"},
        "data": {
            f"resource.customizations.health.{kind}": (FOLDER / "health.lua").read_text(),
            f"resource.customizations.actions.{kind}": dump(_actions()),
        },
    }


def _actions() -> dict[str, Any]:
    scripts = sorted(ACTIONS.glob("*/action.lua"))
    definitions = [{"name": each.parent.name, "action.lua": each.read_text()} for each in scripts]
    return {"discovery.lua": (ACTIONS / "discovery.lua").read_text(), "definitions": definitions}


class _Blocks(yaml.SafeDumper):
    """Writes texts of several lines as blocks, in which scripts can be read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Blocks.add_representer(str, _text)


def dump(value: Any) -> str:
    return yaml.dump(value, Dumper=_Blocks, sort_keys=False, width=1000)
