"""Attacks of a tenant on a real API server: what is refused, what changes nothing, and what never shows a secret."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.cluster import TestCluster
from support.operating import Operator, running
from support.stage import Stage, staging
from support.warmoperator import operating

from e2i.kube import ApiError, Object, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTOES, DEPLOYMENTS, E2I_MODELS
from e2i.local.credentials import ensure_credentials
from e2i.local.images import ImageStore, LocalImage
from e2i.local.kubectl import kubectl

pytestmark = pytest.mark.api

JOBS = Resource("batch", "v1", "jobs", "Job")
BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
SHOWN = (
    "e2imodels,bentorequests,bentodeployments,bentoes,services,deployments,replicasets,pods,jobs,"
    "configmaps,horizontalpodautoscalers,events,serviceaccounts"
)
"""Everything in the namespace that may be read without the right to read Secrets."""


REFUSED: list[tuple[str, Any]] = [
    ("bento", {"tag": "iris:v1\n  privileged: true"}),
    ("bento", {"tag": "iris:1\n"}),
    ("bento", {"tag": "../../other-tenant:x"}),
    ("bento", {"tag": "a%2f..:1"}),
    ("bento", {"tag": "a//b:1"}),
    ("bento", {"tag": 'x:$(curl evil)";id;"'}),
    ("bento", {"tag": "{{ ''.__class__ }}:1"}),
    ("bento", {"tag": "a:1", "archive": {"digest": "sha256:../../x"}}),
    ("env", [{"name": f"V{number}", "value": "x"} for number in range(101)]),
    ("env", [{"name": "A", "value": "x" * 1_000_000}]),
    ("env", [{"name": "A\nB", "value": "x"}]),
    ("serviceAccountName", "default\nadmin"),
    ("volumes", [{"name": "v", "hostPath": {"path": "/"}}]),
    ("volumeMounts", [{"name": "missing", "mountPath": "/a"}]),
    ("nodeSelector", {"a": {"b": "c"}}),
    ("namespace", "other"),
    ("podSpec", {"hostNetwork": True}),
    ("securityContext", {"privileged": True}),
    ("bucket", {"endpoint": "http://169.254.169.254"}),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenant(cluster: TestCluster) -> AsyncIterator[Stage]:
    """A namespace in which nothing is made."""
    async with staging(cluster) as made:
        yield made


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("field", "value"), REFUSED, ids=[f"{field} {n}" for n, (field, _) in enumerate(REFUSED)]
)
async def test_a_hostile_spec_is_refused(tenant: Stage, field: str, value: Any) -> None:
    spec = {"type": "Classification", "bento": {"tag": "churn:1.0.0"}, field: value}
    body = {
        "apiVersion": "serving.e2i.dev/v1alpha1",
        "kind": "E2IModel",
        "metadata": {"name": "x"},
        "spec": spec,
    }
    with pytest.raises(ApiError) as refused:
        await tenant.kube.request(
            "POST", E2I_MODELS.path(tenant.namespace), body=body,
            query={"fieldValidation": "Strict", "dryRun": "All"},
        )  # fmt: skip
    print(field, refused.value.message[:300])  # noqa: T201 - shown by `pytest -rP`, to be read as users would
    assert 400 <= refused.value.status < 500


async def test_forged_annotations_of_the_framework_hold_up_nobody(
    stage: Stage, store: Path, tmp_path: Path
) -> None:
    """kopf's own state would be read from them, if the operator let it keep any."""
    names = ("last-handled-configuration", "start", "touch-dummy")
    body = {"metadata": {"annotations": {f"kopf.zalando.org/{name}": "[" * 10_000 for name in names}}}
    with operating(stage.home, tmp_path, store) as operator:
        await stage.create()
        await stage.kube.patch(E2I_MODELS, stage.namespace, "churn", body)
        await stage.ready()
        for kind in (BENTO_DEPLOYMENTS, DEPLOYMENTS):
            for child in await stage.children(kind):
                await stage.kube.patch(kind, stage.namespace, child["metadata"]["name"], body)
        await stage.change(replicas=2)
        await stage.create("neighbour")
        await stage.ready()
        assert operator.is_running


async def test_an_image_that_another_namespace_built_first_is_not_taken(
    stage: Stage, cluster: TestCluster, store: Path, tmp_path: Path
) -> None:
    """Yatai takes an image that has the right name, whoever built it: the name has the namespace and the content."""
    images = ImageStore(tmp_path / "images")
    with operating(stage.home, tmp_path, store):
        async with staging(cluster) as squatter:
            await squatter.create()
            await squatter.ready()
            theirs = await image_of(squatter)
            # Under the name without a namespace too, which Yatai gives by itself.
            for name in (theirs, theirs.replace(f"{squatter.namespace}.", "")):
                images.put(LocalImage(name=name, digest="sha256:0", working_dir="/"))

            await stage.create()

            async def built() -> bool:
                return bool((await stage.kube.list(JOBS, stage.namespace))[0])

            await stage.until(built, "a build of its own")
            await stage.ready()
            ours = await image_of(stage)
            assert ours == theirs.replace(squatter.namespace, stage.namespace)
            (deployment,) = await stage.children(DEPLOYMENTS)
            containers = deployment["spec"]["template"]["spec"]["containers"]
            assert [each["image"] for each in containers if each["name"] == "main"] == [ours]


async def image_of(stage: Stage) -> str:
    (bento,), _ = await stage.kube.list(BENTOES, stage.namespace)
    image: str = bento["spec"]["image"]
    return image


TENANT = "alice"
MAY: list[tuple[str, str, str]] = [
    ("create", "e2imodels.serving.e2i.dev", ""),
    ("update", "e2imodels.serving.e2i.dev", "--subresource=scale"),
]
MAY_NOT: list[tuple[str, str, str]] = [
    ("patch", "e2imodels.serving.e2i.dev", "--subresource=status"),
    ("patch", "namespaces", ""),
    ("create", "validatingadmissionpolicybindings.admissionregistration.k8s.io", ""),
]
MAY_NOT_ELSEWHERE = [
    "update leases.coordination.k8s.io",
    "update configmaps",
    "get secrets",
    "create pods",
    "patch e2imodels.serving.e2i.dev",
]


async def test_who_may_edit_one_namespace_reaches_neither_the_operator_nor_another(stage: Stage) -> None:
    """Neither its Lease, nor the list of writers, nor its keys, nor a model's status, nor the label that guards."""
    binding: Object = {
        "metadata": {"name": TENANT},
        "roleRef": {"apiGroup": BINDINGS.group, "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"apiGroup": BINDINGS.group, "kind": "User", "name": TENANT}],
    }
    await stage.kube.create(BINDINGS, stage.namespace, binding)

    def may(verb: str, resource: str, flag: str, namespace: str) -> bool:
        argv = [stage.home.kubectl, f"--kubeconfig={stage.home.kubeconfig}", "auth", "can-i", verb, resource,
                f"--as={TENANT}", f"--namespace={namespace}", *filter(None, [flag])]  # fmt: skip
        return subprocess.run(argv, capture_output=True, text=True).stdout.strip() == "yes"

    async def knows() -> bool:
        return may(*MAY[0], stage.namespace)

    await stage.until(knows, "the role to count")
    assert [each for each in MAY if not may(*each, stage.namespace)] == []
    assert [each for each in MAY_NOT if may(*each, stage.namespace)] == []
    for namespace in ("e2i-system", "default"):
        asked = [tuple(each.split()) for each in MAY_NOT_ELSEWHERE]
        assert [each for each in asked if may(each[0], each[1], "", namespace)] == []


@pytest.mark.parametrize("valid", [True, False], ids=["keys that are right", "keys that the server refuses"])
async def test_the_operators_keys_are_nowhere_to_be_read(
    stage: Stage, store: Path, tmp_path: Path, valid: bool
) -> None:
    """The canary is the secret key itself, in a whole life with the log at its most talkative."""
    keys = ensure_credentials(stage.home)
    canary = keys.secret_access_key if valid else f"canary-{uuid.uuid4().hex}"
    secret = f"tenant-{uuid.uuid4().hex}"
    rights = {"AWS_SECRET_ACCESS_KEY": canary, "E2I_LOG_LEVEL": "DEBUG"}
    # Started as in a cluster: its arguments are looked at.
    with running(Operator(stage.home, tmp_path, store, **rights)) as operator:
        await stage.create(env=[{"name": "LEVEL", "value": "1"}])
        if valid:
            await stage.ready()
            await stage.change(env=[{"name": "PASSWORD", "value": secret}])
            await stage.ready()
        else:
            print(await stage.reason("BucketAccessDenied"))  # noqa: T201
        texts = {
            "objects": kubectl(stage.home, "get", SHOWN, f"--namespace={stage.namespace}", "--output=json"),
            "lease": kubectl(stage.home, "get", "leases,events", "--namespace=e2i-system", "--output=json"),
            "log": operator.log.read_text(),
            "arguments": arguments(),
            "bucket": bucket(stage),
        }
    assert [where for where, text in texts.items() if canary in text] == []
    assert len(json.loads(texts["objects"])["items"]) > 3 if valid else True
    # What a tenant writes as a value is in the tenant's own objects, and nowhere else.
    assert [where for where in ("lease", "log", "arguments", "bucket") if secret in texts[where]] == []


def arguments() -> str:
    """The command lines of all processes: every user of the machine can read them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # It has ended.
            found.append(file.read_text(errors="replace"))
    return "\n".join(found)


def bucket(stage: Stage) -> str:
    """Names and contents of the small files in the bucket: records of releases, and metadata."""
    files = [path for path in stage.home.bucket_data.rglob("*") if path.is_file()]
    small = [path.read_bytes().decode("utf-8", "replace") for path in files if path.stat().st_size < 1 << 20]
    return "\n".join([*map(str, files), *small])
