"""Which GitOps tool manages a model, and what of its metadata is the tool's."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.inspection.gitops import is_set_by_others, managing_tool, with_tool_metadata

LABEL = "app.kubernetes.io/instance"
TRACKED = "argocd.argoproj.io/tracking-id"


def a_model(
    *managers: dict[str, Any], annotations: dict[str, str] | None = None, **labels: str
) -> dict[str, Any]:
    """The model churn in models, with labels and who wrote it."""
    metadata = {"name": "churn", "namespace": "models", "labels": labels, "annotations": annotations or {}}
    return {"metadata": {**metadata, "managedFields": list(managers)}}


ARGO = {"manager": "argocd-controller"}
STATUS_ONLY = {"manager": "argocd-controller", "subresource": "status"}
OWN_ID = {TRACKED: "shop:serving.e2i.dev/E2IModel:models/churn"}
COPIED_ID = {TRACKED: "shop:serving.e2i.dev/E2IModel:models/other"}
FLUX = {"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux"}


@pytest.mark.parametrize(
    ("model", "tool"),
    [
        pytest.param(a_model(), None, id="nobody has written anything"),
        pytest.param(a_model(annotations=OWN_ID), "the Argo CD application shop", id="its tracking id names the model"),
        pytest.param(a_model(annotations=COPIED_ID), None, id="the tracking id was copied from another model"),
        pytest.param(a_model(ARGO, **{LABEL: "shop"}), "the Argo CD application shop", id="Argo CD wrote it"),
        pytest.param(a_model(STATUS_ONLY, **{LABEL: "shop"}), None, id="Argo CD wrote only its status"),
        pytest.param(a_model(**{LABEL: "shop"}), None, id="Helm wrote the same label"),
        pytest.param(a_model(**FLUX), "the Flux Kustomization flux/shop", id="Flux manages it"),
        pytest.param(a_model(**{**FLUX, "kustomize.toolkit.fluxcd.io/name": ""}), None, id="Flux must not manage it"),
    ],
)  # fmt: skip
def test_a_model_is_managed_by(model: dict[str, Any], tool: str | None) -> None:
    assert managing_tool(model) == tool


def test_what_the_tool_adds_to_a_file_of_git_stays_and_what_the_file_says_counts() -> None:
    live = a_model(ARGO, annotations=OWN_ID | {"note": "by hand"}, **{LABEL: "shop", "team": "a"})
    wanted = {"metadata": {"name": "churn", "labels": {LABEL: "of the file", "stage": "b"}}}
    metadata = with_tool_metadata(live, wanted)["metadata"]
    assert metadata["labels"] == {LABEL: "of the file", "stage": "b"}
    assert metadata["annotations"] == OWN_ID
    bare = with_tool_metadata(live, {"metadata": {"name": "churn"}})["metadata"]
    assert bare["labels"] == {LABEL: "shop"}


def test_a_model_that_no_tool_manages_gets_nothing_added() -> None:
    wanted = {"metadata": {"name": "churn"}}
    assert with_tool_metadata(a_model(**{LABEL: "shop"}), wanted) == wanted


@pytest.mark.parametrize(("manager", "by_others"), [("argocd-controller", True), ("kubectl-e2i", False)])
def test_an_annotation_is_set_by_others(manager: str, by_others: bool) -> None:
    written = {"f:metadata": {"f:annotations": {"f:serving.e2i.dev/paused": {}}}}
    model = a_model({"manager": manager, "fieldsV1": written})
    assert is_set_by_others(model, "serving.e2i.dev/paused", "kubectl-e2i") is by_others
    assert not is_set_by_others(model, "serving.e2i.dev/retry-at", "kubectl-e2i")
