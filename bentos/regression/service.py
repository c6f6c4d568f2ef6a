"""Predicts a number for each input: customer lifetime value and adoption in one service.

A template: replace the two models by your own, one attribute for each, named like the model. ltv_model answers at
/ltv_model/predict and, being the first, at /predict as well; adoption_model at /adoption_model/predict.
"""

from __future__ import annotations

import bentoml

from e2i_bento.service import declared, serves


@bentoml.service(name="regression", workers=1, traffic={"timeout": 10})
@serves
class RegressionService:
    ltv_model = declared("ltv_model")
    adoption_model = declared("adoption_model")
