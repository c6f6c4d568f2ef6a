"""Make the image name, the Job and the Bento for a BentoRequest. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from e2i.kube import Object
from e2i.local.yatai.conditions import find_condition
from e2i.local.yatai.yatai_kinds import BENTO, BENTO_REQUEST, JOB, controller_reference, name_and_version

REGISTRY = "registry.e2i.local"
BUILDER_IMAGE = f"{REGISTRY}/bento-builder:local"
BUILD_FAILED = 42
"""Exit code of the builder that fails the Job at once; after any other the Job tries again."""
SECRET_ANNOTATION = "yatai.ai/aws-access-key-secret-name"  # noqa: S105 - a name, not a secret
HASH_ANNOTATION = "yatai.ai/bento-request-hash"
SEPARATE_MODELS = "yatai.ai/yatai-image-builder-separate-models"
NAMESPACE_ANNOTATION = "yatai.ai/bento-storage-namepsace"
"""Puts a namespace into the tag of the image. Spelled as the real one spells it."""
LONGEST_TAG = 128

JobState = Literal["waiting", "running", "failed", "succeeded"]


def image_name(request: Object) -> str:
    """Return the image name of the request; a tag that is too long for registries is replaced by its hash."""
    spec = request["spec"]
    if spec.get("image"):
        return str(spec["image"])
    namespace = request["metadata"].get("annotations", {}).get(NAMESPACE_ANNOTATION)
    prefix, tail = (
        f"yatai.{namespace}." if namespace else "yatai.",
        ".".join(name_and_version(spec["bentoTag"])),
    )
    if len(prefix + tail) > LONGEST_TAG:
        tail = hashlib.md5(tail.encode(), usedforsecurity=False).hexdigest()
    return f"{REGISTRY}/yatai-bentos:{prefix}{tail}"


def is_by_digest(image: str) -> bool:
    """Return whether the image has a digest: it is never found, because Yatai looks in the registry's list of tags."""
    return "@" in image


def request_hash(request: Object) -> str:
    """Return a hash of spec, labels and annotations; a Job with another hash is replaced."""
    metadata = request["metadata"]
    seen = [request["spec"], metadata.get("labels", {}), metadata.get("annotations", {})]
    digest = hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).digest()
    return str(int.from_bytes(digest[:8], "big"))


def state_of(job: Object) -> JobState:
    status = job.get("status", {})
    if status.get("succeeded", 0) == job["spec"]["completions"]:
        return "succeeded"
    failed = find_condition(job, "Failed")
    if status.get("failed", 0) > 0 and failed is not None and failed["status"] == "True":
        return "failed"
    return "running" if status.get("active", 0) > 0 else "waiting"


def bento(request: Object) -> Object:
    """Return the Bento for a request whose image exists; it has no labels and no annotations."""
    spec = {"tag": request["spec"]["bentoTag"], "image": image_name(request)}
    copied = ("context", "runners", "serviceName")
    spec |= {field: request["spec"][field] for field in copied if field in request["spec"]}
    return {
        "apiVersion": BENTO.api_version,
        "kind": BENTO.kind,
        "metadata": {
            "name": request["metadata"]["name"],
            "namespace": request["metadata"]["namespace"],
            "ownerReferences": [controller_reference(request, BENTO_REQUEST)],
        },
        "spec": spec,
    }


def job_selector(request: Object) -> str:
    labels = job_labels(request)
    names = ("yatai.ai/bento-request", "yatai.ai/is-bento-image-builder", SEPARATE_MODELS)
    return ",".join(f"{name}={labels[name]}" for name in names)


def job_labels(request: Object) -> dict[str, str]:
    return pod_labels(request) | {SEPARATE_MODELS: "false"}


def pod_labels(request: Object) -> dict[str, str]:
    repository, version = name_and_version(request["spec"]["bentoTag"])
    return {
        "yatai.ai/bento": version,
        "yatai.ai/bento-repository": repository,
        "yatai.ai/bento-request": request["metadata"]["name"],
        "yatai.ai/is-bento-image-builder": "true",
    }


def job(request: Object, suffix: str) -> Object:
    """Return the Job that downloads and builds; `suffix` is 20 characters that no other Job has."""
    failed_build = {"containerName": "builder", "operator": "In", "values": [BUILD_FAILED]}
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "metadata": {
            "name": f"yatai-bento-image-builder-{suffix}",
            "namespace": request["metadata"]["namespace"],
            "labels": job_labels(request),
            "annotations": {HASH_ANNOTATION: request_hash(request)},
            "ownerReferences": [controller_reference(request, BENTO_REQUEST)],
        },
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": failed_build}]},
            "template": pod_template(request),
        },
    }


def pod_template(request: Object) -> Object:
    extra = request["spec"].get("imageBuilderExtraPodMetadata", {})
    own = {"yatai.ai/bento-request-image-builder-hash": ""}
    same_request = {"matchLabels": {"yatai.ai/bento-request": request["metadata"]["name"]}}
    near_others = {"labelSelector": same_request, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": near_others}]
    return {
        "metadata": {
            "labels": pod_labels(request) | extra.get("labels", {}),
            "annotations": own | extra.get("annotations", {}),
        },
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": "default",
            "volumes": [{"name": "yatai", "emptyDir": {}}, {"name": "workspace", "emptyDir": {}}],
            "initContainers": [downloader(request)],
            "containers": [builder(request)],
            "affinity": {
                "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred},
            },
        },
    }


def downloader(request: Object) -> Object:
    spec = request["spec"]
    sources: list[Any] = list(spec.get("downloaderContainerEnvFrom", ()))
    if secret := request["metadata"].get("annotations", {}).get(SECRET_ANNOTATION):
        sources.append({"secretRef": {"name": secret}})
    container = _container("bento-downloader", "download", "--url", literal(spec["downloadUrl"]))
    container["env"] = [
        {"name": "AWS_EC2_METADATA_DISABLED", "value": "true"},
        *spec.get("imageBuilderExtraContainerEnv", ()),
    ]
    container["resources"] = {
        "limits": {"cpu": "1", "memory": "3000Mi"},
        "requests": {"cpu": "100m", "memory": "1000Mi"},
    }
    if sources:
        container["envFrom"] = sources
    return container


def builder(request: Object) -> Object:
    spec = request["spec"]
    container = _container("builder", "build", "--image", literal(image_name(request)))
    container["env"] = list(spec.get("imageBuilderExtraContainerEnv", ()))
    container["resources"] = spec.get("imageBuilderContainerResources", {})
    return container | {"stdin": True, "tty": True}


def _container(name: str, *arguments: str) -> Object:
    return {
        "name": name,
        "image": BUILDER_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "e2i.local.yatai.build"],
        "args": list(arguments),
        "volumeMounts": [
            {"name": "yatai", "mountPath": "/yatai"},
            {"name": "workspace", "mountPath": "/workspace"},
        ],
    }


def literal(text: str) -> str:
    """Return the text escaped as an argument: Kubernetes must not expand a `$(SECRET)` in a URL."""
    return text.replace("$", "$$")
