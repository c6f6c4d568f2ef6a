"""`Budget`: the PodDisruptionBudget of a model. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from e2i.api.fields import Fields
from e2i.controller.core.children import Child


@dataclass(frozen=True, kw_only=True)
class Budget(Child):
    form: str
    """What `budget_form` returns for its spec."""


def parse_budget(identity: dict[str, Any], fields: Fields) -> Budget:
    return Budget(**identity, form=budget_form(fields.inside("spec")))


def budget_form(spec: Fields) -> str:
    """Return a digest of the spec: the API server adds nothing to it, so any other is an edit of somebody else."""
    return hashlib.sha256(json.dumps(spec.whole, sort_keys=True).encode()).hexdigest()
