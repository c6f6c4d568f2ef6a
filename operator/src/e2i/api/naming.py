"""Names, labels and annotations of the objects that the operator writes. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache

from e2i.api import quantities
from e2i.api.model import Model, Shape

GROUP = "serving.e2i.dev"
API_VERSION = f"{GROUP}/v1alpha1"
KIND = "E2IModel"
FIELD_MANAGER = "e2i-operator"
CLI_FIELD_MANAGER = "e2i-cli"
CONTENDER_FIELD_MANAGER = "e2i-operator-contender"
"""Of an operator that leaves a model to another one."""
"""That of `kubectl e2i`. Not kubectl-...: Flux removes fields of managers with such names, our annotations too."""
SERVICE_PORT = 3000

MODEL_LABEL = f"{GROUP}/model"
RELEASE_LABEL = f"{GROUP}/release"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
BUILD_LABEL = "yatai.ai/bento-request"
YATAI_LABEL = "yatai.ai/bento-deployment"
"""On the pods of an image build: the name of its BentoRequest."""

TAG_ANNOTATION = f"{GROUP}/bento-tag"
DIGEST_ANNOTATION = f"{GROUP}/bento-digest"
SIZE_ANNOTATION = f"{GROUP}/archive-size"
PATH_PREFIX_ANNOTATION = f"{GROUP}/path-prefix"
IMAGE_ANNOTATION = f"{GROUP}/image"
"""On a Bento: the image as spec.bento.image had it."""
TEMPLATE_VERSION_ANNOTATION = f"{GROUP}/form"
SWITCHED_ANNOTATION = f"{GROUP}/switched-at"
SERVING_ANNOTATION = f"{GROUP}/serving-release"
"""On the Service: the release that has the address, also while a canary shares it."""
ASKED_ANNOTATION = f"{GROUP}/asked-at"
"""On a BentoDeployment that is edited in place: when its present release was requested."""
EARLIER_ENV_ANNOTATION = f"{GROUP}/earlier-env"
"""On a BentoDeployment that is edited in place: the environment of the release before, for a rollback."""
POD_ANNOTATION = f"{GROUP}/pod"
"""On a BentoDeployment: the fields of the spec that are about its pods, see `pod_fields`."""
PATCHED_ANNOTATION = f"{GROUP}/patched"
"""On a BentoDeployment whose pods have their fields from its Deployment and not from the policy e2i-pods: true"""
ATTEMPT_ANNOTATION = f"{GROUP}/attempted-at"
"""In the spec of a BentoDeployment: another value makes Yatai reconcile it again and changes none of its children."""
LOG_LEVEL_ANNOTATION = f"{GROUP}/log-level"
"""Of the operator's Lease: the level of its log, while it runs."""

HEX = 8
"""Hex digits of a digest that are part of a name."""
LONGEST_NAME = 63
LONGEST_VERSION = 63
IMAGE_HEX = 12
_RELEASE = re.compile(r"[A-Za-z0-9](?:[-._A-Za-z0-9]{0,61}[A-Za-z0-9])?")


def artifact_name(model: str, content: str) -> str:
    """Return the name of the BentoRequest or Bento: churn, sha256:9f3c21aa... -> churn-9f3c21aa"""
    return _child_name(model, content.removeprefix("sha256:")[:HEX])


def release_name(model: str, release: str) -> str:
    """Return the name of the BentoDeployment: churn, 0b1d77e2 -> churn-0b1d77e2"""
    return _child_name(model, release)


def inplace_name(model: str) -> str:
    """Return the name of the only BentoDeployment of a model with the strategy InPlace: churn -> churn-inplace"""
    return _child_name(model, "inplace")


def _child_name(model: str, suffix: str) -> str:
    """Return `model`-`suffix`. A name that is too long is cut, and a digest of the whole name keeps it unique."""
    if len(model) + 1 + len(suffix) <= LONGEST_NAME:
        return f"{model}-{suffix}"
    unique = hashlib.sha256(model.encode()).hexdigest()[:HEX]
    room = LONGEST_NAME - 2 - len(unique) - len(suffix)
    return f"{model[:room].rstrip('-')}-{unique}-{suffix}"


def release_of(model: Model, bento_digest: str) -> str:
    """Return the identity of a release: 8 hex digits over the bento's content and the shape of its pods.

    The number of replicas, labels, the bento's tag and the operator's version are not part of it, because none
    of them changes how a running pod works.
    """
    return release_of_shape(model.shape, bento_digest)


@lru_cache(maxsize=4096)
def release_of_shape(shape: Shape, bento_digest: str) -> str:
    """Return the identity of a release with this shape. Cached, because many rules of each pass need it."""
    text = json.dumps({"bento": bento_digest, "shape": _canonical(shape)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:HEX]


def _canonical(shape: Shape) -> dict[str, object]:
    """Return the shape as JSON. Some fields came later: where they are empty, older releases keep their identity."""
    later = {name: value for name, value in (("pod", shape.pod), ("restart", shape.restart)) if value}
    return later | {
        "type": shape.type,
        "requests": {name: quantities.plain(amount) for name, amount in shape.requests},
        "limits": {name: quantities.plain(amount) for name, amount in shape.limits},
        "env": [list(pair) for pair in shape.env],
    }


def readable_release(text: str | None) -> str | None:
    """Return the release, or None if the text cannot be the name of one: it becomes a label and part of the status."""
    return text if text and _RELEASE.fullmatch(text) else None


def image_version(version: str, digest: str) -> str:
    """Return the version in the image's tag: 1.4.2 -> 1.4.2-9f3c21aa77b0

    Yatai knows images by their tags only. It would use an old image for a bento that was rebuilt under the same
    version, so the tag contains the digest of the content.
    """
    suffix = digest.removeprefix("sha256:")[:IMAGE_HEX]
    return f"{version[: LONGEST_VERSION - 1 - IMAGE_HEX].rstrip('-._')}-{suffix}"


def labels(model: str, release: str | None = None) -> dict[str, str]:
    """Return the labels of a child; with `release`, the labels that select its pods are included."""
    chosen = {MANAGED_BY_LABEL: FIELD_MANAGER, MODEL_LABEL: model}
    return chosen | ({RELEASE_LABEL: release} if release else {})


def pod_labels(model: str, release: str) -> dict[str, str]:
    """Return the labels of a release's pods, by which the model's Service selects them."""
    return {MODEL_LABEL: model, RELEASE_LABEL: release}


def label_selector(labels: Mapping[str, str]) -> str:
    """Return the selector as text: {a: b, c: d} -> a=b,c=d"""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def service_url(model: Model) -> str:
    """Return the stable address inside the cluster: http://churn.models.svc:3000"""
    return f"http://{model.name}.{model.namespace}.svc:{SERVICE_PORT}"
