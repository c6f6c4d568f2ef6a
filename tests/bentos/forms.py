"""A service whose answers have the forms that BentoML gives to predictions."""

from __future__ import annotations

import math

import bentoml
import numpy as np
from pydantic import BaseModel


class Churn(BaseModel):
    label: str
    probabilities: dict[str, float]


@bentoml.service(workers=1)
class Forms:
    @bentoml.api
    def an_object(self, share: float) -> Churn:
        """The chance to stay is `share`; below zero it is NaN."""
        stay = share if share >= 0 else math.nan
        return Churn(label="stay", probabilities={"stay": stay, "leave": 1 - stay})

    @bentoml.api
    def rows(self, share: float) -> np.ndarray:
        return np.array([[share, 1 - share], [1 - share, share]])

    @bentoml.api
    def a_text(self, share: float) -> str:
        return "stay" if share > 0.5 else "leave"

    @bentoml.api
    def a_list(self, share: float) -> list[float]:
        return [share, math.nan]

    @bentoml.api
    def a_failure(self, share: float) -> float:
        raise RuntimeError(f"no prediction for {share}")
