"""Which pods are a release's own: those that a ReplicaSet of its Deployment made."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.controller.core.pods import deployment_of

SET = {"kind": "ReplicaSet", "name": "churn-0b1d77e2-5f6", "controller": True}


@pytest.mark.parametrize(
    ("owners", "labels", "name"),
    [
        pytest.param([SET], {"pod-template-hash": "5f6"}, "churn-0b1d77e2", id="of a ReplicaSet"),
        pytest.param([], {"pod-template-hash": "5f6"}, "", id="of nobody"),
        pytest.param([SET | {"kind": "Job"}], {"pod-template-hash": "5f6"}, "", id="of another kind"),
        pytest.param([SET | {"controller": False}], {"pod-template-hash": "5f6"}, "", id="of no controller"),
        pytest.param([SET], {"pod-template-hash": "77a"}, "", id="of another template"),
        pytest.param([{}], None, "", id="of an owner without a name"),
    ],
)
def test_the_deployment_of_a_pod(owners: list[Any], labels: dict[str, str] | None, name: str) -> None:
    assert deployment_of({"metadata": {"ownerReferences": owners, "labels": labels}}) == name
