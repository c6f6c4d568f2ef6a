"""The path under which a service answers, from what BentoML itself records of it."""

from __future__ import annotations

from typing import Any

import bentoml
import pytest
from bentoml._internal.bento.bento import BentoServiceInfo

from e2i.archive.path_prefix import path_prefix

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def recorded(**settings: Any) -> dict[str, Any]:
    """The parts of bento.yaml that BentoML makes of a service."""

    @bentoml.service(**settings)
    class Churn:
        @bentoml.api
        def predict(self, x: int) -> int:
            return x

    info = BentoServiceInfo.from_service(Churn)
    service = {"name": info.name, "config": dict(info.config)}
    return {"entry_service": info.name, "services": [service], "schema": Churn.schema()}


@pytest.mark.parametrize(
    ("settings", "prefix"),
    [
        ({"path_prefix": "/v1"}, "/v1"),
        ({"path_prefix": "team/churn/"}, "/team/churn"),
        ({"endpoints": {"readyz": "/hc/readyz"}}, ""),
        ({}, ""),
    ],
    ids=["a prefix", "two parts, written otherwise", "endpoints that move nothing", "none"],
)
def test_the_prefix_of_a_service(settings: dict[str, Any], prefix: str) -> None:
    assert path_prefix(recorded(**settings)) == prefix


def test_a_prefix_that_is_no_path_is_not_believed() -> None:
    description = recorded(path_prefix="/v1")
    description["services"][0]["config"]["endpoints"]["readyz"] = "/a b/readyz"
    description["schema"]["routes"][0]["route"] = "/a b/predict"
    assert path_prefix(description) == ""


@pytest.mark.parametrize("odd", [None, [], "x", {"entry_service": "a", "services": [None]}, {"services": {}}])
def test_a_description_of_another_form_has_none(odd: Any) -> None:
    assert path_prefix(odd if isinstance(odd, dict) else {"services": odd, "schema": odd}) == ""
