"""What the operator of the last release left in a cluster: recorded from a cluster, and put into another one.

A recording is frozen in the repository and not made of the last tag by each run, because a clone of CI has no history.
Its texts have placeholders for what differs from cluster to cluster.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pytest
import yaml
from support.field_changes import changed
from support.field_rows import FULL, ROWS, Seen
from support.stage import Stage

from e2i.api import naming
from e2i.kube import ApiError, Kube, Object, Resource
from e2i.kube.e2i_kinds import (
    BENTO_DEPLOYMENTS,
    BENTO_REQUESTS,
    BENTOES,
    BUDGETS,
    DEPLOYMENTS,
    E2I_MODELS,
    SERVICES,
)

PROJECT = Path(__file__).resolve().parents[2]
RECORDINGS = PROJECT / "tests" / "api" / "fixtures" / "releases"
COMMITS = {"0.1.0": "a3e0441e1ff34c5b8ff098241e89eba673b356e0"}
"""The commit of each release, until it has a tag."""
KINDS = (E2I_MODELS, BENTO_REQUESTS, BENTOES, BENTO_DEPLOYMENTS, DEPLOYMENTS, SERVICES, BUDGETS)
"""In the order in which owners come before what they own."""
OF_THE_OPERATOR = (BENTO_REQUESTS, BENTO_DEPLOYMENTS, SERVICES, BUDGETS)
"""Kinds that the operator writes for a model whose bento it exports."""
WITH_STATUS = ("E2IModel", "BentoRequest", "Bento", "BentoDeployment")
"""Kinds whose status no controller of Kubernetes writes."""
_OF_ONE_CLUSTER = ("resourceVersion", "creationTimestamp", "managedFields", "generation", "selfLink")
_NEEDED = ("type", "bento", "volumes")
_MANAGER = "writtenBy"
_GIVEN_BY_THE_SERVER = (
    "clusterIP",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "internalTrafficPolicy",
    "sessionAffinity",
)


async def record(stage: Stage, store: Path) -> str:
    """Return all that the models of the stage are made of, as YAML."""
    found = [item for resource in KINDS for item in await _all(stage, resource)]
    text = json.dumps([_plain(item) for item in found])
    for value, name in _places(stage, store).items():
        text = text.replace(value, name)
    return yaml.safe_dump(json.loads(text), sort_keys=True, width=120)


async def restore(stage: Stage, store: Path, release: str) -> list[str]:
    """Put the recording of a release into the stage; returns the names of its models."""
    text = json.dumps(yaml.safe_load((RECORDINGS / f"{release}.yaml").read_text()))
    for value, name in _places(stage, store).items():
        text = text.replace(name, value)
    resources = {resource.kind: resource for resource in KINDS}
    uids: dict[str, str] = {}
    for item in json.loads(text):
        resource, old = resources[item["kind"]], item["metadata"].pop("uid")
        for owner in item["metadata"].get("ownerReferences", ()):
            owner["uid"] = uids[owner["uid"]]
        status = item.pop("status", None)
        if item["kind"] == "Service":
            # Recorded by an earlier version of this module. Applied, it would be the operator's.
            item["spec"].pop("sessionAffinity", None)
        made = await stage.kube.apply(resource, item, manager=item.pop(_MANAGER))
        uids[old] = made["metadata"]["uid"]
        if status:
            await _set_status(stage, resource, made, status)
    return [item["metadata"]["name"] for item in json.loads(text) if item["kind"] == naming.KIND]


async def made_for(stage: Stage, model: str) -> dict[str, Object]:
    """Return what the operator made for a model, by kind, without what differs between models of the same spec."""
    made: dict[str, Object] = {}
    for resource in OF_THE_OPERATOR:
        for item in await _all(stage, resource):
            owners = item["metadata"].get("ownerReferences", ())
            if [(owner["kind"], owner["name"]) for owner in owners] != [(naming.KIND, model)]:
                continue
            plain = _plain(item)
            plain["metadata"].pop("uid")
            for owner in plain["metadata"]["ownerReferences"]:
                owner.pop("uid")
            plain["metadata"].get("annotations", {}).pop(naming.SWITCHED_ANNOTATION, None)
            plain.pop("status", None)
            assert resource.kind not in made, f"{model} has two {resource.kind}"
            made[resource.kind] = json.loads(json.dumps(plain).replace(model, "<model>"))
    return made


def models_with_every_field() -> list[Object]:
    """Return models that use the fields of the spec: the samples, and one for each field that is seen in objects."""
    samples = [
        yaml.safe_load(file.read_text())
        for file in sorted((PROJECT / "manifests" / "samples").glob("*.yaml"))
    ]
    specs = [FULL]
    for name, row in ROWS.items():
        if isinstance(row, Seen):
            given = {top: value for top, value in {**FULL, **row.base}.items() if value is not None}
            whole = changed(given, name, row)
            top = re.split(r"[.\[]", name, maxsplit=1)[0]
            specs.append({each: whole[each] for each in (*_NEEDED, top) if each in whole})
    made = [
        {
            "apiVersion": naming.API_VERSION,
            "kind": naming.KIND,
            "metadata": {"name": f"model-{number}"},
            "spec": spec,
        }
        for number, spec in enumerate(specs)
    ]
    return [{**sample, "metadata": {"name": sample["metadata"]["name"]}} for sample in samples] + made


async def takes(kube: Kube, namespace: str, model: Object) -> str:
    """Return why the API server would not take the model, or nothing; it stores none."""
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    try:
        await kube.request("POST", E2I_MODELS.path(namespace), body=model, query=query)
    except ApiError as refused:
        return refused.message
    return ""


async def _set_status(stage: Stage, resource: Resource, made: Object, status: Object) -> None:
    """The generation begins with 1 again."""
    seen = {key: 1 for key in ("observedGeneration",) if key in status}
    for each in status.get("conditions", ()):
        if "observedGeneration" in each:
            each["observedGeneration"] = 1
    metadata = {key: made["metadata"][key] for key in ("name", "namespace", "uid")}
    body = {
        "apiVersion": made["apiVersion"],
        "kind": made["kind"],
        "metadata": metadata,
        "status": {**status, **seen},
    }
    manager = naming.FIELD_MANAGER if made["kind"] == naming.KIND else "yatai"
    await stage.kube.apply(resource, body, manager=manager, force=True, subresource="status")


async def _all(stage: Stage, resource: Resource) -> list[Object]:
    found, _ = await stage.kube.list(resource, stage.namespace)
    return [{**item, "apiVersion": resource.api_version, "kind": resource.kind} for item in found]


def _plain(item: Object) -> Object:
    """The object without what each cluster gives anew."""
    plain = copy.deepcopy(item)
    plain[_MANAGER] = next(
        entry["manager"] for entry in item["metadata"]["managedFields"] if not entry.get("subresource")
    )
    for key in _OF_ONE_CLUSTER:
        plain["metadata"].pop(key, None)
    if item["kind"] == "Service":
        for key in _GIVEN_BY_THE_SERVER:
            plain["spec"].pop(key, None)
    if item["kind"] not in WITH_STATUS:
        plain.pop("status", None)
    return plain


def _places(stage: Stage, store: Path) -> Mapping[str, str]:
    return {stage.namespace: "<namespace>", stage.home.s3_url: "<s3>", str(store): "<store>"}


def source_of(release: str, folder: Path) -> Path:
    """Return a folder with the code of the release; the test is skipped where the clone has no history."""
    for commit in (f"v{release}", COMMITS.get(release, "")):
        done = subprocess.run(["git", "archive", commit, "operator/src"], cwd=PROJECT, capture_output=True)
        if commit and done.returncode == 0:
            with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
                archive.extractall(folder)  # noqa: S202 - our own commit
            return folder / "operator" / "src"
    pytest.skip(f"needs the history of release {release}: git fetch --unshallow --tags")
