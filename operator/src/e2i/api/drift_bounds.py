"""spec.drift: how far the inputs of a model may move from its training data. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from e2i.api.fields import FieldInvalid, Fields
from e2i.api.plain_text import clean

CUSTOMARY_BOUND = 0.25
"""The population stability index above which, by custom, a distribution counts as another one."""
OVERLAP = "overlap"
"""The name under which the share of rows outside of a causal model's overlap stands beside the features."""
OVERLAP_BOUND = 0.1
"""The share of rows, more than in training, whose effects are guesses."""


@dataclass(frozen=True, kw_only=True)
class DriftBounds:
    """Population stability indexes above which a feature counts as drifted, and the share of rows outside of the
    overlap."""

    general: float = CUSTOMARY_BOUND
    overlap: float = OVERLAP_BOUND
    own: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Of features that have a bound of their own, by name."""

    def of(self, feature: str) -> float:
        """Return the bound of a feature, or of what stands beside the features."""
        return self.own.get(feature, self.overlap if is_overlap(feature) else self.general)


def is_overlap(name: str) -> bool:
    """Return whether a figure of this name is a share of rows; where a bento has several models: model.overlap."""
    return name == OVERLAP or name.endswith(f".{OVERLAP}")


def parse_drift_bounds(drift: Fields) -> DriftBounds:
    """Parse spec.drift. FieldInvalid names a value that is no bound."""
    written, own = drift.text("maxPsi"), drift.inside("maxPsiOf")
    outside = drift.text("maxOutsideOverlap")
    return DriftBounds(
        general=_bound(drift.place_of("maxPsi"), written) if written else CUSTOMARY_BOUND,
        overlap=_bound(drift.place_of("maxOutsideOverlap"), outside, 1.0) if outside else OVERLAP_BOUND,
        own={name: _bound(own.place_of(name), text) for name, text in drift.texts("maxPsiOf").items()},
    )


def _bound(place: str, text: str, most: float = math.inf) -> float:
    try:
        bound = float(text)
    except ValueError:
        bound = math.nan
    if not 0 <= bound <= most or bound == math.inf:
        example = "number such as 0.25" if most == math.inf else "share from 0 to 1, such as 0.1"
        raise FieldInvalid(f"{place} is {clean(text, 64)!r}, not a {example}")
    return bound
