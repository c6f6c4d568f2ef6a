"""Says whether a loan is given, in the form of BentoML before 1.2: a Service, and a runner that holds the model.

Trained on synthetic data: see data.py. New services are written with `@bentoml.service`; the form of this one is kept
because services like it exist and are to be released as they are.
"""

from __future__ import annotations

from typing import Annotated, Literal

import bentoml
import joblib
import numpy as np
import xgboost
from bentoml.io import JSON
from bentoml.legacy import Runnable, Runner, Service
from pydantic import BaseModel, ConfigDict, Field

DECLINED_ABOVE = 0.5
MAYBE_ABOVE = 0.3


class Arguments(BaseModel):
    """What `bentoml build --arg` gives; BentoML stores it in the bento and gives it again when serving."""

    model_version: str = "latest"


class Application(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    seniority: Annotated[int, Field(ge=0, le=80, description="whole years in the present job")]
    home: Literal["owner", "parents", "rent"]
    job: Literal["fixed", "freelance", "none"]
    records: Annotated[bool, Field(description="was there trouble with an earlier loan?")]
    income: Annotated[int, Field(ge=0, le=1_000_000, description="a month")]
    expenses: Annotated[int, Field(ge=0, le=1_000_000, description="a month")]
    amount: Annotated[int, Field(ge=1, le=100_000_000, description="of the loan")]


model = bentoml.models.get(f"credit_risk_runner_model:{bentoml.use_arguments(Arguments).model_version}")
vectorizer = joblib.load(model.path_of("vectorizer.joblib"))


class CreditRisk(Runnable):
    """Holds the trees: the API servers send it their rows, and it predicts those of several requests at once.

    A Runnable of our own, because `bentoml.xgboost` has none for a model that its save_model did not store.
    """

    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = True

    def __init__(self) -> None:
        self.booster = xgboost.Booster(model_file=model.path_of("booster.ubj"))

    @Runnable.method(batchable=True, batch_dim=0)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Rows of features in, for each the probability of a default out."""
        return self.booster.predict(xgboost.DMatrix(rows))


runner = Runner(CreditRisk, name="credit_risk", models=[model])
svc = Service("credit_risk_runner", runners=[runner])


@svc.api(input=JSON(pydantic_model=Application), output=JSON())
async def classify(application: Application) -> dict[str, str]:
    rows = vectorizer.transform([application.model_dump()])
    probability = float((await runner.predict.async_run(rows))[0])
    if probability > DECLINED_ABOVE:
        return {"Status": "DECLINED"}
    return {"Status": "MAYBE" if probability > MAYBE_ABOVE else "APPROVED"}
