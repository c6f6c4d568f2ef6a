"""Answers whether a customer will leave. Trained on synthetic data: see data.py."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

import bentoml
import numpy as np
from bentoml.models import BentoModel
from pydantic import BaseModel, ConfigDict, Field

log = logging.getLogger("bentoml.churn")


class Arguments(BaseModel):
    """What `bentoml build --arg` gives; BentoML stores it in the bento and gives it again when serving."""

    model_version: str = "latest"


class Customer(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    tenure_months: Annotated[int, Field(ge=0, le=1200, description="whole months as a customer")]
    monthly_charge: Annotated[float, Field(ge=0, le=10_000, description="dollars a month")]
    support_calls: Annotated[int, Field(ge=0, le=1000, description="calls in the last 90 days")]
    contract: Literal["month_to_month", "one_year", "two_year"]
    autopay: Annotated[bool, Field(description="pays automatically")]


class Answer(BaseModel):
    label: Literal["leaves", "stays"]
    probabilities: dict[Literal["leaves", "stays"], float]
    bento: Annotated[str, Field(description="name:version of the bento that answered")]


@bentoml.service(name="churn_model", workers=1, traffic={"timeout": 10})
class ChurnModel:
    # A class attribute, so that BentoML packs exactly this model into the bento.
    model = BentoModel(f"churn_pipeline:{bentoml.use_arguments(Arguments).model_version}")

    def __init__(self) -> None:
        self.pipeline = bentoml.sklearn.load_model(self.model)
        self.golden_passed = self._predicts_golden()

    def __is_ready__(self) -> bool:
        return self.golden_passed

    @bentoml.api
    def predict(self, input_data: Customer) -> Answer:
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
