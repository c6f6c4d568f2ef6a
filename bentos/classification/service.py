"""Says to which class each input belongs, and how sure it is: churn and conversion in one service.

A template: replace the two models by your own, one attribute for each, named like the model. churn_model answers at
/churn_model/predict and, being the first, at /predict as well; conversion_model at /conversion_model/predict.
"""

from __future__ import annotations

import bentoml

from e2i_bento.service import declared, serves


@bentoml.service(name="classification", workers=1, traffic={"timeout": 10})
@serves
class ClassificationService:
    churn_model = declared("churn_model")
    conversion_model = declared("conversion_model")
