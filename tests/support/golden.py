"""The manifests whose text is agreed, by the name of their golden file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.builders import ACCESS, NOON, a_deployment_spec, a_model, an_artifact

from e2i.api import naming, pod_fields
from e2i.api.fields import Fields
from e2i.api.model import Autoscaling
from e2i.controller.core.render import manifests

FOLDER = Path(__file__).resolve().parents[1] / "unit" / "controller" / "golden"
RELEASE = "0b1d77e2"
FAR = {
    "weight": 5,
    "podAffinityTerm": {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"serving.e2i.dev/model": "churn"}},
    },
}
CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
}

PLACED = {
    "nodeSelector": {"pool": "gpu"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [FAR]}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
        {
            "maxSkew": 2,
            "topologyKey": "rack",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
            "minDomains": 2,
            "nodeAffinityPolicy": "Honor",
            "nodeTaintsPolicy": "Ignore",
        },
    ],
    "serviceAccountName": "reader",
}


def golden_manifests() -> dict[str, dict[str, Any]]:
    full = a_model(
        kind="Causal",
        autoscaling=Autoscaling(minimum=2, maximum=6, metrics=(CPU,)),
        env=(("LOG_LEVEL", "INFO"), ("GREETING", "{{ hello }}: 'you'")),
        requests=(("cpu", "250m"), ("nvidia.com/gpu", "1")),
        limits=(("cpu", "1"), ("ephemeral-storage", "2Gi"), ("memory", "1Gi"), ("nvidia.com/gpu", "1")),
        pod=pod_fields.encode(Fields(PLACED)),
    )
    return {
        "bentorequest": manifests.bento_request(a_model(), an_artifact(), ACCESS, "v1"),
        "bentorequest-without-credentials": manifests.bento_request(
            a_model(name="m" * 63), an_artifact(), manifests.BuilderAccess(secret=""), "v1"
        ),
        "bentodeployment": manifests.bento_deployment(a_model(), a_deployment_spec(a_model(), RELEASE)),
        "bentodeployment-full": manifests.bento_deployment(full, a_deployment_spec(full, RELEASE)),
        "service": manifests.service(a_model(), RELEASE, naming.pod_labels("churn", RELEASE), NOON),
    }
