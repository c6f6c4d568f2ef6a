"""Names, labels and annotations of everything the operator writes. Nothing else spells them out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache

from e2i.api import quantities
from e2i.api.model import Model, Shape

GROUP = "serving.e2i.dev"
API_VERSION = f"{GROUP}/v1alpha1"
KIND = "E2IModel"
FIELD_MANAGER = "e2i-operator"
SERVICE_PORT = 3000

MODEL_LABEL = f"{GROUP}/model"
RELEASE_LABEL = f"{GROUP}/release"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"

TAG_ANNOTATION = f"{GROUP}/bento-tag"
DIGEST_ANNOTATION = f"{GROUP}/bento-digest"
SIZE_ANNOTATION = f"{GROUP}/archive-size"
TEMPLATE_VERSION_ANNOTATION = f"{GROUP}/form"
SWITCHED_ANNOTATION = f"{GROUP}/switched-at"
SERVING_ANNOTATION = f"{GROUP}/serving-release"
"""On the Service: which release the address belongs to, also while its selector takes in two."""
ASKED_ANNOTATION = f"{GROUP}/asked-at"
"""On a BentoDeployment that is edited in place: when its release was asked for."""
ATTEMPT_ANNOTATION = f"{GROUP}/attempted-at"
"""In the spec of a BentoDeployment, where it reaches no child and yet makes Yatai look again."""

HEX = 8
"""Hex digits of a digest that a name carries."""
LONGEST_NAME = 63
LONGEST_VERSION = 63
IMAGE_HEX = 12


def artifact_name(model: str, digest: str) -> str:
    """Name of the BentoRequest: churn, sha256:9f3c21aa... -> churn-9f3c21aa"""
    return _child_name(model, digest.removeprefix("sha256:")[:HEX])


def release_name(model: str, release: str) -> str:
    """Name of the BentoDeployment: churn, 0b1d77e2 -> churn-0b1d77e2"""
    return _child_name(model, release)


def inplace_name(model: str) -> str:
    """Name of the one BentoDeployment of a model with the strategy InPlace: churn -> churn-inplace"""
    return _child_name(model, "inplace")


def _child_name(model: str, suffix: str) -> str:
    """A model name too long for its suffix is cut and made unique again by a digest of the whole."""
    if len(model) + 1 + len(suffix) <= LONGEST_NAME:
        return f"{model}-{suffix}"
    unique = hashlib.sha256(model.encode()).hexdigest()[:HEX]
    room = LONGEST_NAME - 2 - len(unique) - len(suffix)
    return f"{model[:room].rstrip('-')}-{unique}-{suffix}"


def release_of(model: Model, bento_digest: str) -> str:
    """The release's identity: 8 hex digits over the bento's content and the shape of the pods.

    Replicas, labels, the bento's tag and the operator's own version are not part of it: none of them
    changes what a running pod does.
    """
    return _release_of(model.shape, bento_digest)


@lru_cache(maxsize=4096)
def _release_of(shape: Shape, bento_digest: str) -> str:
    """Every rule of every pass asks for it."""
    text = json.dumps({"bento": bento_digest, "shape": _canonical(shape)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:HEX]


def trial_of(model: Model, release: str) -> str:
    """Which attempt at a release this is: 8 hex digits over it and over what it is judged by.

    A release that failed is not tried again as it is; another check, or a new retry-at, makes another trial.
    """
    rollout = model.rollout
    judged_by = {
        "release": release,
        "checks": rollout.checks,
        "watch": rollout.watch,
        "strategy": rollout.strategy.value,
        "deadline": rollout.progress_deadline,
        "retry": model.retry_at,
    }
    return hashlib.sha256(json.dumps(judged_by, sort_keys=True).encode()).hexdigest()[:HEX]


def _canonical(shape: Shape) -> dict[str, object]:
    return {
        "type": shape.type,
        "requests": {name: quantities.plain(amount) for name, amount in shape.requests},
        "limits": {name: quantities.plain(amount) for name, amount in shape.limits},
        "env": [list(pair) for pair in shape.env],
    }


def image_version(version: str, digest: str) -> str:
    """Version part of the tag that Yatai names the image by: 1.4.2 -> 1.4.2-9f3c21aa77b0

    Yatai knows images by tag alone, and would take an old image for a bento that was built anew under the
    same version; so the content decides the tag.
    """
    suffix = digest.removeprefix("sha256:")[:IMAGE_HEX]
    return f"{version[: LONGEST_VERSION - 1 - IMAGE_HEX].rstrip('-._')}-{suffix}"


def labels(model: str, release: str | None = None) -> dict[str, str]:
    """Labels of a child; with `release` also those that its pods are selected by."""
    chosen = {MANAGED_BY_LABEL: FIELD_MANAGER, MODEL_LABEL: model}
    return chosen | ({RELEASE_LABEL: release} if release else {})


def pod_labels(model: str, release: str) -> dict[str, str]:
    """Labels of a release's pods, which the model's Service selects and `/scale` reports."""
    return {MODEL_LABEL: model, RELEASE_LABEL: release}


def label_selector(labels: Mapping[str, str]) -> str:
    """{a: b, c: d} -> a=b,c=d"""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def service_url(model: Model) -> str:
    """The stable address inside the cluster: http://churn.models.svc:3000"""
    return f"http://{model.name}.{model.namespace}.svc:{SERVICE_PORT}"
