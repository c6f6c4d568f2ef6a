"""Decides on applications for a loan: a service of one's own around a packaged model.

@serves adds the routes that every packaged model has (/predict, /explain, /health and so on), readiness and metrics;
`classify` is this service's own.

    e2i package trained --service bentos/credit_risk
"""

from __future__ import annotations

from typing import Annotated, Literal

import bentoml
from pydantic import BaseModel, ConfigDict, Field

from e2i_bento.service import declared, serves


class Application(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    seniority_years: Annotated[int, Field(ge=0, le=80, description="years in the present job")]
    home: Literal["owner", "parents", "rent"]
    job: Literal["fixed", "freelance", "partial"]
    months: Annotated[int, Field(ge=1, le=600, description="until it is to be paid back")]
    age_years: Annotated[int, Field(ge=18, le=120)]
    earlier_default: bool
    income: Annotated[float | None, Field(ge=0, le=1_000_000, description="a month; null when not told")]
    amount: Annotated[float, Field(ge=0, le=10_000_000)]


class Verdict(BaseModel):
    status: Literal["APPROVED", "MAYBE", "DECLINED"]
    probability: Annotated[float, Field(ge=0, le=1, description="that the loan is not paid back")]


@bentoml.service(name="credit_risk", workers=1, traffic={"timeout": 10})
@serves
class CreditRisk:
    credit_risk_model = declared("credit_risk_model")

    @bentoml.api
    async def classify(self, input_data: Application) -> Verdict:
        """Shall the bank give this loan?"""
        # Not the booster itself: it would take the vectorizer's columns in any order, and answer.
        (answer,) = await self.e2i.predict("credit_risk_model", [input_data.model_dump()])
        return Verdict(status=answer["decision"], probability=answer["probabilities"]["default"])
