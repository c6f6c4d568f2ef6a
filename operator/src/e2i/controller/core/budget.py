"""`Budget`: the PodDisruptionBudget of a model. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from e2i.api.fields import Fields
from e2i.controller.core.children import Child
from e2i.controller.core.render.as_rendered import budget_is_as_rendered


@dataclass(frozen=True, kw_only=True)
class Budget(Child):
    selector: Mapping[str, str] = field(hash=False)
    as_rendered: bool
    """Whether this version of the operator would write it so, for the same selector."""


def parse_budget(identity: dict[str, Any], fields: Fields) -> Budget:
    return Budget(
        **identity,
        selector=fields.inside("spec").inside("selector").texts("matchLabels"),
        as_rendered=budget_is_as_rendered(fields, identity["model"]),
    )
