"""The classifier of kustomize/yatai-stack/example.yaml, in the form of its time: a Service and a runner."""

from __future__ import annotations

import numpy as np
from bentoml.io import NumpyNdarray
from bentoml.legacy import Runnable, Runner, Service
from sklearn.datasets import load_iris
from sklearn.svm import SVC


class IrisClassifier(Runnable):
    SUPPORTED_RESOURCES = ("cpu",)
    SUPPORTS_CPU_MULTI_THREADING = True

    def __init__(self) -> None:
        features, species = load_iris(return_X_y=True)
        self.model = SVC().fit(features, species)

    @Runnable.method(batchable=True, batch_dim=0)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.model.predict(rows)


runner = Runner(IrisClassifier, name="iris_clf")
svc = Service("iris_classifier", runners=[runner])


@svc.api(input=NumpyNdarray(), output=NumpyNdarray())
async def classify(rows: np.ndarray) -> np.ndarray:
    answer: np.ndarray = await runner.predict.async_run(rows)
    return answer
