"""Parses objects of the API server into the values of `observed`. Pure.

Others write these objects too, and their schemas may change. So each field has a type here, or its object becomes a
`Malformed`. Only an object without an identity is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from e2i.api import naming, pod_annotations
from e2i.api.fields import FieldInvalid, Fields
from e2i.api.model_body import restart_of
from e2i.api.plain_text import cut
from e2i.api.sharing import shared
from e2i.controller.core import earlier_env, parse_artifact, pods
from e2i.controller.core.budget import parse_budget
from e2i.controller.core.children import (
    BentoDeployment,
    BentoRequest,
    Build,
    Child,
    Malformed,
    Service,
    Workload,
)
from e2i.controller.core.own_bento import Bento
from e2i.controller.core.ownership import ownership
from e2i.controller.core.pods import Pod
from e2i.controller.core.render.as_rendered import service_is_as_rendered
from e2i.controller.core.render.pod_template import lacking

Body = Mapping[str, Any]

_LONGEST_TAG = 127
"""Bytes of status.history[].bentoTag."""
BUILD_PODS = "BuildPod"
"""The kind of pods that build an image, in the cache: another label finds them than those of a release."""
_LONGEST_IMAGE = 512
"""Largest number of characters of status.history[].image."""


def parse_child(kind: str, body: Body) -> Child:
    """Parse an object of `kind`. Without the operator's labels, only name, uid and owner are read.

    FieldInvalid if it has no name, uid or time of creation.
    """
    fields = Fields(body)
    identity = _identity(fields)
    parser = _PARSERS.get(kind)
    if parser is None or (identity["model"] is None and parser is not _pod):
        return Child(**identity)
    try:
        return parser(identity, fields)
    except FieldInvalid as invalid:
        return Malformed(**identity, kind=kind, problem=str(invalid))


def _identity(fields: Fields) -> dict[str, Any]:
    metadata = fields.needed_inside("metadata")
    created = metadata.moment("creationTimestamp")
    if created is None:
        raise FieldInvalid("metadata.creationTimestamp is no time")
    return {
        "namespace": metadata.needed_text("namespace"),
        "name": metadata.needed_text("name"),
        "uid": metadata.needed_text("uid"),
        **ownership(metadata),
        "created": created,
        # Until `sightings.dated` knows better.
        "first_seen": created,
    }


def _request(identity: dict[str, Any], fields: Fields) -> BentoRequest:
    annotations = _annotations(fields)
    conditions = _conditions(fields)
    available = conditions.get("BentoAvailable", _NONE)
    building = conditions.get("ImageBuilding", _NONE)
    build, is_error = _build(available, building), available.text("status") == "False"
    return BentoRequest(
        **identity,
        digest=annotations.get(naming.DIGEST_ANNOTATION, ""),
        artifact=parse_artifact.of_archive(identity, annotations, fields.needed_inside("spec")),
        build=build,
        built_at=None,
        message=(available if is_error else building).sentence("message"),
        answered=bool(conditions),
        error=available.sentence("message") if is_error and build is Build.UNKNOWN else "",
        image=_image(conditions),
    )


def _bento(identity: dict[str, Any], fields: Fields) -> Bento:
    annotations, spec = _annotations(fields), fields.needed_inside("spec")
    artifact = parse_artifact.of_image(identity, annotations, spec)
    return Bento(
        **identity,
        digest=annotations.get(naming.DIGEST_ANNOTATION, ""),
        artifact=artifact,
        build=Build.DONE,
        built_at=None,
        message="",
        is_altered=artifact is not None and spec.text("image") != artifact.pinned_image,
        image=artifact.pinned_image if artifact else "",
    )


def _image(conditions: Mapping[str, Fields]) -> str:
    """Return the name of the image, from the message of the condition that says it exists."""
    exists = conditions.get("ImageExists", _NONE)
    message = exists.text("message") if exists.text("status") == "True" else ""
    is_name = message.isprintable() and " " not in message and len(message) <= _LONGEST_IMAGE
    return message if is_name else ""


def _build(available: Fields, building: Fields) -> Build:
    """Return the state of the build. After a failure `BentoAvailable` is soon Unknown; only `ImageBuilding` keeps it.

    available True                      -> DONE, final
    building False, message "... failed." -> FAILED
    """
    if available.text("status") == "True":
        return Build.DONE
    if building.text("status") == "False" and building.text("message").endswith("is failed."):
        return Build.FAILED
    return Build.RUNNING if building.text("status") == "True" else Build.UNKNOWN


def _bento_deployment(identity: dict[str, Any], fields: Fields) -> BentoDeployment:
    conditions = _conditions(fields)
    refusal = _refusal(conditions)
    spec, annotations = fields.needed_inside("spec"), Fields(_annotations(fields))
    # The labels of its pods decide which requests they get, also if the object itself lost its label.
    carried = spec.inside("extraPodMetadata").texts("labels").get(naming.RELEASE_LABEL)
    label = _labels(fields).get(naming.RELEASE_LABEL)
    return BentoDeployment(
        **identity | {"labelled": identity["labelled"] and label is not None},
        release=naming.readable_release(label or carried),
        template_version=annotations.text(naming.TEMPLATE_VERSION_ANNOTATION),
        tag=cut(annotations.text(naming.TAG_ANNOTATION), _LONGEST_TAG),
        spec=shared(_checked(spec)),
        refusal=refusal.sentence("message"),
        misses_bento=conditions.get("BentoFound", _NONE).text("status") == "False",
        answered=bool(conditions),
        attempted_at=spec.inside("annotations").moment(naming.ATTEMPT_ANNOTATION),
        asked_at=annotations.moment(naming.ASKED_ANNOTATION),
        restart=restart_of(_annotations(fields)),
        patched=annotations.text(naming.PATCHED_ANNOTATION) == "true",
        earlier_env=earlier_env.decode(annotations.text(naming.EARLIER_ENV_ANNOTATION)),
    )


def _checked(spec: Fields) -> Body:
    """Return the spec, with the types of the fields that decisions read."""
    spec.text("bento")
    spec.inside("extraPodMetadata").texts("annotations")
    spec.inside("autoscaling")
    for variable in spec.objects("envs"):
        variable.text("name")
        variable.text("value")
    return spec.whole


def _refusal(conditions: Mapping[str, Fields]) -> Fields:
    """Return the condition that says why there is no Deployment. `Available` stays Unknown if the Bento is gone."""
    available, found = conditions.get("Available", _NONE), conditions.get("BentoFound", _NONE)
    if available.text("status") == "False":
        return available
    lost = found.text("status") == "False" and available.text("status") != "True"
    return found if lost else _NONE


def _deployment(identity: dict[str, Any], fields: Fields) -> Workload:
    spec, status = fields.needed_inside("spec"), fields.inside("status")
    failure = _conditions(fields).get("ReplicaFailure", _NONE)
    failing = failure if failure.text("status") == "True" else _NONE
    template = spec.inside("template")
    return Workload(
        **identity,
        release=naming.readable_release(_labels(fields).get(naming.RELEASE_LABEL)),
        generation=fields.inside("metadata").number("generation"),
        observed_generation=status.number("observedGeneration"),
        wanted=spec.number("replicas", 1),
        existing=status.number("replicas"),
        updated=status.number("updatedReplicas"),
        ready=status.number("readyReplicas"),
        image=_main_image(template.inside("spec")),
        is_bare=pod_annotations.is_bare(_annotations(template)),
        lacks_fields=lacking(template.whole),
        replica_failure=failing.sentence("message"),
    )


def _main_image(pod: Fields) -> str:
    return next((each.text("image") for each in pod.objects("containers") if each.text("name") == "main"), "")


def _service(identity: dict[str, Any], fields: Fields) -> Service:
    annotations, spec = Fields(_annotations(fields)), fields.needed_inside("spec")
    return Service(
        **identity,
        selector=spec.texts("selector"),
        as_rendered=service_is_as_rendered(fields, identity["model"]),
        switched_at=annotations.moment(naming.SWITCHED_ANNOTATION),
        serving=naming.readable_release(annotations.text(naming.SERVING_ANNOTATION)),
        by_yatai=identity["name"] == _labels(fields).get(naming.YATAI_LABEL),
    )


def _pod(identity: dict[str, Any], fields: Fields) -> Pod:
    labels = _labels(fields)
    return Pod(
        **identity,
        release=naming.readable_release(labels.get(naming.RELEASE_LABEL)),
        request=labels.get(naming.BUILD_LABEL),
        is_ready=pods.is_ready(fields),
        body=shared(pods.reduced(fields)),
    )


def _labels(fields: Fields) -> Mapping[str, str]:
    return fields.inside("metadata").texts("labels")


def _annotations(fields: Fields) -> Mapping[str, str]:
    return fields.inside("metadata").texts("annotations")


def _conditions(fields: Fields) -> dict[str, Fields]:
    """Return the conditions by type."""
    return {each.text("type"): each for each in fields.inside("status").objects("conditions")}


_NONE = Fields({})
"""A condition that is not there."""

_PARSERS: Mapping[str, Callable[[dict[str, Any], Fields], Child]] = {
    "BentoRequest": _request,
    "Bento": _bento,
    "BentoDeployment": _bento_deployment,
    "Deployment": _deployment,
    "Service": _service,
    "PodDisruptionBudget": parse_budget,
    "Pod": _pod,
    BUILD_PODS: _pod,
}
