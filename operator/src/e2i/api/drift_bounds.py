"""spec.drift: how far the inputs of a model may move from its training data. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from e2i.api.fields import FieldInvalid, Fields
from e2i.api.plain_text import clean

CUSTOMARY_BOUND = 0.25
"""The population stability index above which, by custom, a distribution counts as another one."""


@dataclass(frozen=True, kw_only=True)
class DriftBounds:
    """Population stability indexes above which a feature counts as drifted."""

    general: float = CUSTOMARY_BOUND
    own: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Of features that have a bound of their own, by name."""

    def of(self, feature: str) -> float:
        """Return the bound of a feature."""
        return self.own.get(feature, self.general)


def parse_drift_bounds(drift: Fields) -> DriftBounds:
    """Parse spec.drift. FieldInvalid names a value that is no bound."""
    written, own = drift.text("maxPsi"), drift.inside("maxPsiOf")
    return DriftBounds(
        general=_bound(drift.place_of("maxPsi"), written) if written else CUSTOMARY_BOUND,
        own={name: _bound(own.place_of(name), text) for name, text in drift.texts("maxPsiOf").items()},
    )


def _bound(place: str, text: str) -> float:
    try:
        bound = float(text)
    except ValueError:
        bound = math.nan
    if not 0 <= bound < math.inf:
        raise FieldInvalid(f"{place} is {clean(text, 64)!r}, not a number such as 0.25")
    return bound
