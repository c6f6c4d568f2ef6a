"""Answers whether a tumour is malignant or benign. A demonstration of serving, not of medicine."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

import bentoml
import numpy as np
from bentoml.models import BentoModel
from pydantic import BaseModel, ConfigDict, Field

log = logging.getLogger("bentoml.breast_cancer")

Measurement = Annotated[float, Field(ge=0, le=100_000)]


class Arguments(BaseModel):
    """What `bentoml build --arg` gives; BentoML stores it in the bento and gives it again when serving."""

    model_version: str = "latest"


class Tumour(BaseModel):
    """Measurements of the cell nuclei in one picture, each the mean over the nuclei."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    mean_radius: Measurement
    mean_texture: Measurement
    mean_perimeter: Measurement
    mean_area: Measurement
    mean_smoothness: Measurement
    mean_compactness: Measurement
    mean_concavity: Measurement
    mean_concave_points: Measurement
    mean_symmetry: Measurement
    mean_fractal_dimension: Measurement


class Answer(BaseModel):
    label: Literal["malignant", "benign"]
    probabilities: dict[Literal["malignant", "benign"], float]
    bento: Annotated[str, Field(description="name:version of the bento that answered")]


@bentoml.service(name="breast_cancer_model", workers=1, traffic={"timeout": 10})
class BreastCancerModel:
    # A class attribute, so that BentoML packs exactly this model into the bento.
    model = BentoModel(f"breast_cancer_pipeline:{bentoml.use_arguments(Arguments).model_version}")

    def __init__(self) -> None:
        self.pipeline = bentoml.sklearn.load_model(self.model)
        self.golden_passed = self._predicts_golden()

    def __is_ready__(self) -> bool:
        return self.golden_passed

    @bentoml.api
    def predict(self, input_data: Tumour) -> Answer:
        probabilities = self.pipeline.predict_proba([input_data.model_dump()])[0].tolist()
        by_label = dict(zip(self.pipeline.classes_.tolist(), probabilities, strict=True))
        context = bentoml.server_context
        return Answer(
            label=max(by_label, key=by_label.__getitem__),
            probabilities=by_label,
            bento=f"{context.bento_name}:{context.bento_version}",
        )

    def _predicts_golden(self) -> bool:
        """Does the loaded model still answer as it did right after training?"""
        golden = self.model.info.metadata["golden"]
        predicted = self.pipeline.predict_proba([golden["input"]])[0]
        passed = bool(np.allclose(predicted, golden["probabilities"], rtol=0, atol=1e-6))
        if not passed:
            log.error(
                "golden input predicted %s, after training it was %s: stays unready; serve it with the "
                "package versions it was trained with, or train it again",
                predicted.tolist(),
                golden["probabilities"],
            )
        return passed
