"""Estimates what a treatment does to each input, with an interval: two models in one service.

A template: replace the two models by your own, one attribute for each, named like the model. cate_model answers at
/cate_model/predict and, being the first, at /predict as well; the other one at /treatment_effect_model/predict.
"""

from __future__ import annotations

import bentoml

from e2i_bento.service import declared, serves


@bentoml.service(name="causal", workers=1, traffic={"timeout": 10})
@serves
class CausalService:
    cate_model = declared("cate_model")
    treatment_effect_model = declared("treatment_effect_model")
