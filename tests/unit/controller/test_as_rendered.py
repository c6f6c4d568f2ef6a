"""Whether a Service is as this version of the operator would write it, by what the API server keeps of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest
from support.builders import NOON, a_model

from e2i.api import naming
from e2i.api.fields import Fields
from e2i.controller.core.render import manifests
from e2i.controller.core.render.as_rendered import service_is_as_rendered

Change = Callable[[dict[str, Any]], Any]
NESTED: Any = reduce(lambda deep, _: [deep], range(3000), "x")


def stored() -> dict[str, Any]:
    """A Service as an API server gives it back: with its own fields, and with the names of those that were applied."""
    made = manifests.service(a_model(), "ca66e860", naming.pod_labels("churn", "ca66e860"), NOON)
    made["spec"] |= {"clusterIP": "10.0.0.7", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}
    port = {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}}
    applied = {
        "f:metadata": {
            "f:annotations": {"f:serving.e2i.dev/serving-release": {}, "f:serving.e2i.dev/switched-at": {}},
            "f:labels": {"f:app.kubernetes.io/managed-by": {}, "f:serving.e2i.dev/model": {}},
            "f:ownerReferences": {'k:{"uid":"uid-model"}': {}},
        },
        "f:spec": {"f:ports": {'k:{"port":3000,"protocol":"TCP"}': port}, "f:selector": {}, "f:type": {}},
    }
    made["metadata"]["managedFields"] = [
        {"manager": "mesh", "operation": "Apply", "fieldsV1": {"f:spec": {"f:externalIPs": {}}}},
        {"manager": naming.FIELD_MANAGER, "operation": "Apply", "fieldsV1": applied},
        {
            "manager": naming.FIELD_MANAGER,
            "operation": "Update",
            "fieldsV1": {"f:spec": {"f:sessionAffinity": {}}},
        },
    ]
    return made


def is_right(change: Change) -> bool:
    body = copy.deepcopy(stored())
    change(body)
    return service_is_as_rendered(Fields(body), "churn")


def applied(body: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = body["metadata"]["managedFields"][1]["fieldsV1"]
    return fields


def port(body: dict[str, Any]) -> dict[str, Any]:
    (fields,) = applied(body)["f:spec"]["f:ports"].values()
    return fields  # type: ignore[no-any-return]


OF_OTHERS: dict[str, Change] = {
    "nothing": lambda body: None,
    "a label of somebody else": lambda body: body["metadata"]["labels"].update(mesh="on"),
    "a field of somebody else": lambda body: body["spec"].update(externalIPs=["192.0.2.1"]),
    "another release has the address": lambda body: body["metadata"]["annotations"].update(
        {naming.SERVING_ANNOTATION: "0b1d77e2"}
    ),
    "an owner with a field that is nested": lambda body: body["metadata"]["ownerReferences"][0].update(
        extra=NESTED
    ),
    "nobody knows who applied what": lambda body: body["metadata"].pop("managedFields"),
}
OF_ANOTHER_VERSION: dict[str, Change] = {
    "a label lacks": lambda body: body["metadata"]["labels"].pop(naming.MANAGED_BY_LABEL),
    "the label names another model": lambda body: body["metadata"]["labels"].update(
        {naming.MODEL_LABEL: "x"}
    ),
    "an annotation lacks": lambda body: body["metadata"]["annotations"].pop(naming.SWITCHED_ANNOTATION),
    "another type": lambda body: body["spec"].update(type="NodePort"),
    "a port more": lambda body: body["spec"]["ports"].append({"name": "x", "port": 1}),
    "a target port that is a truth": lambda body: body["spec"]["ports"][0].update(targetPort=True),
    "a target port that is nested": lambda body: body["spec"]["ports"][0].update(targetPort=NESTED),
    "a label that is written no more": lambda body: applied(body)["f:metadata"]["f:labels"].update(
        {"f:team": {}}
    ),
    "a field that is written no more": lambda body: applied(body)["f:spec"].update({"f:sessionAffinity": {}}),
    "a field of the port that is written no more": lambda body: port(body).update({"f:appProtocol": {}}),
}


@pytest.mark.parametrize("name", OF_OTHERS)
def test_what_others_and_releases_change_costs_no_write(name: str) -> None:
    assert is_right(OF_OTHERS[name])


@pytest.mark.parametrize("name", OF_ANOTHER_VERSION)
def test_what_another_version_wrote_is_written_anew(name: str) -> None:
    assert not is_right(OF_ANOTHER_VERSION[name])
