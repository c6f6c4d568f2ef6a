"""A Yatai that moves requests and deployments along, one step at a time; it makes the pods itself.

What goes wrong with a release, the value of its variable MODE decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from support.fake_kube import FakeKube

from e2i.api import naming, pod_annotations
from e2i.api.conditions import timestamp
from e2i.kube import Object
from e2i.kube.e2i_kinds import POD_POLICIES

NAMESPACE = "models"
RESTART_EVERY = 10
"""Seconds between two endings of a container that crashes."""
DENIED = "admission webhook denied the request"
MOST_RESTARTS = 5

MEMORY = {"3Gi": "A", "5Gi": "bad"}
"""The MODE of a release without this variable, by its limit of memory."""


class FakeYatai:
    def __init__(self, kube: FakeKube, gone: set[str]) -> None:
        self._kube, self._gone = kube, gone
        """The second: archives that the bucket no longer has, so no image can be built of them."""
        self.bad_builds: set[str] = set()
        """Bento digests of which no image can be built."""
        self.slow_builds: set[str] = set()
        """Bento digests whose image is being built as long as they stand here."""
        self.bad_pods: set[str] = set()
        """Values of MODE with which no pod gets ready."""
        self.crashing: set[str] = set()
        """With which every pod ends again and again."""
        self.unpullable: set[str] = set()
        """With which the image cannot be pulled."""
        self.refused: set[str] = set()
        """With which the cluster refuses to create pods."""
        self.parked: set[str] = set()
        """With which yatai-deployment can make no Deployment; it tries again only when the spec changed."""
        self.bad_sidecars: set[str] = set()
        """With which the container beside the model's ends again and again."""
        self.ending = "Error"
        """How containers end; `Unknown` if their node restarts."""
        self.sick: dict[str, int] = {}
        """How many of a release's pods have stopped to be ready."""
        self.skew = timedelta(0)
        """How wrong the clock is of Yatai's controllers."""
        self.no_nodes = False
        """No node takes another pod."""
        self.policy_is_late = False
        """The API server has the policy e2i-pods, and has not taken it up."""
        self.rolls = False
        """Pods of an older template stay until those of the present one are ready; if not, they end at once."""
        self.builds_at_once = 1000
        """Images that are built at a time; the other requests wait without a condition."""
        self.halted: set[str] = set()
        """Controllers that do nothing: builder, deployer."""
        self._building = 0
        self._born: dict[str, datetime] = {}
        """When each pod was made, by its uid."""
        self.demand: dict[str, int] = {}
        """How many pods an autoscaler wants of a release, within its bounds."""

    def rewrite(self, name: str) -> None:
        """What the real controller does when somebody has changed a field that it writes: nothing else is left."""
        place = ("Deployment", NAMESPACE, name)
        old = self._kube.objects[place]
        metadata = {field: old["metadata"][field] for field in ("annotations", "labels")}
        self._kube.put(
            place, {**old, "spec": {**old["spec"], "replicas": 1, "template": {"metadata": metadata}}}
        )

    def step(self, now: datetime) -> bool:
        """Whether there was anything to do."""
        before = self._kube.version
        self._building = sum(
            name.startswith("build-") for kind, _, name in self._kube.objects if kind == "Pod"
        )
        for request in self._kube.all("BentoRequest") if "builder" not in self.halted else ():
            self._build(request, now)
        for deployment in self._kube.all("BentoDeployment") if "deployer" not in self.halted else ():
            self._run(deployment, now)
        for workload in self._kube.all("Deployment"):
            self._start_pods(workload, now)
        return self._kube.version != before

    def _build(self, request: Object, now: datetime) -> None:
        place = ("BentoRequest", NAMESPACE, request["metadata"]["name"])
        told = {item["type"]: item for item in request.get("status", {}).get("conditions", ())}
        digest = request["metadata"].get("annotations", {}).get(naming.DIGEST_ANNOTATION)
        if digest is None:
            return
        if "ImageBuilding" not in told:
            if self._building >= self.builds_at_once:
                return
            self._building += 1
            self._make_build_pod(request["metadata"])
            conditions = [self._condition("ImageBuilding", "True", "Bento image is building", now)]
        elif not self._builds(request["metadata"]["name"]):
            return
        elif told["ImageBuilding"]["status"] == "True" and digest not in self.slow_builds:
            bad = digest in self.bad_builds or request["spec"]["downloadUrl"] in self._gone
            name = request["metadata"]["name"]
            words = f"Job {name} is failed." if bad else "Bento image is built"
            conditions = [
                self._condition("BentoAvailable", "Unknown" if bad else "True", "", now),
                self._condition("ImageBuilding", "False", words, now),
                self._condition(
                    "ImageExists", "False" if bad else "True", f"registry.example/bentos:{name}", now
                ),
            ]
            self._kube.remove(("Pod", NAMESPACE, f"build-{name}"))
            if not bad:
                self._make_bento(request["metadata"])
        else:
            return
        self._kube.put(place, {**request, "status": {"conditions": conditions}})

    def _make_build_pod(self, request: Object) -> None:
        owned = {"ownerReferences": [{"uid": request["uid"], "controller": True}]}
        labels = {"yatai.ai/bento-request": request["name"]}
        place = ("Pod", NAMESPACE, f"build-{request['name']}")
        metadata = {"name": place[2], "namespace": NAMESPACE, "labels": labels, **owned}
        self._kube.put(place, {"kind": "Pod", "metadata": metadata, **self._placing({})})

    def _builds(self, request: str) -> bool:
        """Whether the pod of the build has a node."""
        place = ("Pod", NAMESPACE, f"build-{request}")
        pod = self._kube.objects.get(place)
        if pod is None:
            return True
        self._kube.put(place, {**pod, **self._placing(pod)})
        return bool(self._kube.objects[place]["spec"])

    def _placing(self, pod: Object) -> Object:
        """Spec and status of a pod that has a node, or of one that no node takes."""
        if pod.get("spec") or not self.no_nodes:
            return {"spec": {"nodeName": "node"}, "status": pod.get("status") if pod.get("spec") else {}}
        full = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available."}
        return {"spec": {}, "status": {"conditions": [full]}}

    def _make_bento(self, request: Object) -> None:
        owned = {"ownerReferences": [{"uid": request["uid"], "controller": True}]}
        metadata = {"name": request["name"], "namespace": NAMESPACE, **owned}
        self._kube.put(("Bento", NAMESPACE, request["name"]), {"kind": "Bento", "metadata": metadata})

    def _has_image(self, name: str) -> bool:
        if (bento := self._kube.objects.get(("Bento", NAMESPACE, name))) and "spec" in bento:
            return True  # Somebody named an image: nothing has to be built.
        request = self._kube.objects.get(("BentoRequest", NAMESPACE, name), {})
        conditions = request.get("status", {}).get("conditions", ())
        return any((item["type"], item["status"]) == ("BentoAvailable", "True") for item in conditions)

    def _image(self, name: str) -> str:
        """What the Bento names; Bentos of built images have no more than their name here."""
        bento = self._kube.objects.get(("Bento", NAMESPACE, name), {})
        return str(bento.get("spec", {}).get("image", f"registry.example/bentos:{name}"))

    def _run(self, deployment: Object, now: datetime) -> None:
        """A Deployment once the image is there, of the size that the autoscaler's bounds allow."""
        spec, metadata = deployment["spec"], deployment["metadata"]
        if not self._has_image(spec["bento"]) or self._lacks_bento(deployment, now):
            return
        if self._is_parked(deployment, now):
            return
        place = ("Deployment", NAMESPACE, metadata["name"])
        old = self._kube.objects.get(place)
        release = spec["labels"][naming.RELEASE_LABEL]
        bounds = spec["autoscaling"]
        wanted = self.demand.get(release, old["spec"]["replicas"] if old else 1)
        replicas = max(bounds["minReplicas"], min(bounds["maxReplicas"], wanted)) if old else 1
        if old and old["spec"]["replicas"] == 0:
            replicas = 0  # An autoscaler does nothing for a Deployment of this size.
        owner = {
            "uid": metadata["uid"],
            "controller": True,
            "kind": "BentoDeployment",
            "name": metadata["name"],
        }
        made = {"name": metadata["name"], "namespace": NAMESPACE, "labels": dict(spec["labels"])}
        made["annotations"] = spec.get("extraPodMetadata", {}).get("annotations", {})
        image = self._image(spec["bento"])
        template = {"metadata": {"annotations": made["annotations"], "labels": made["labels"]}}
        template["spec"] = {"containers": [{"name": "main", "image": image}]}
        if (
            old
            and old["metadata"]["annotations"] == made["annotations"]
            and old["metadata"]["labels"] == made["labels"]
            and _image_of(old) in ("", image)
        ):
            template = old["spec"]["template"]  # What others added to it stays.
        body = {
            "kind": "Deployment",
            "metadata": {**(old or {"metadata": {}})["metadata"], **made, "ownerReferences": [owner]},
            "spec": {"replicas": replicas, "mode": _mode(spec), "template": template},
            "status": old.get("status", {}) if old else {},
        }
        self._kube.put(place, body)

    def _lacks_bento(self, deployment: Object, now: datetime) -> bool:
        """Without the Bento no Deployment is made, and one that is there stays as it is."""
        metadata = deployment["metadata"]
        found = deployment.get("status", {}).get("conditions", ())
        missed = any((each["type"], each["status"]) == ("BentoFound", "False") for each in found)
        if ("Bento", NAMESPACE, deployment["spec"]["bento"]) in self._kube.objects:
            if missed:
                self._kube.put(("BentoDeployment", NAMESPACE, metadata["name"]), {**deployment, "status": {}})
            return False
        conditions = [self._condition("BentoFound", "False", "Bento not found", now)]
        if ("Deployment", NAMESPACE, metadata["name"]) in self._kube.objects:
            conditions.append(self._condition("Available", "True", "", now))
        known = deployment.get("status") if missed else None
        status = known or {"observedGeneration": -1, "conditions": conditions}
        self._kube.put(("BentoDeployment", NAMESPACE, metadata["name"]), {**deployment, "status": status})
        return True

    def _is_parked(self, deployment: Object, now: datetime) -> bool:
        place = ("BentoDeployment", NAMESPACE, deployment["metadata"]["name"])
        generation, old = deployment["metadata"]["generation"], deployment.get("status", {})
        failed = bool(old.get("conditions"))
        if failed and old["observedGeneration"] == generation:
            return True
        bad = _mode(deployment["spec"]) in self.parked
        if bad:
            since = old["conditions"] if failed else [self._condition("Available", "False", DENIED, now)]
            self._kube.put(
                place, {**deployment, "status": {"observedGeneration": generation, "conditions": since}}
            )
        elif failed:
            self._kube.put(place, {**deployment, "status": {"observedGeneration": generation}})
        return bad

    def _condition(self, kind: str, status: str, message: str, now: datetime) -> Object:
        return {
            "type": kind,
            "status": status,
            "reason": "Because",
            "message": message,
            "lastTransitionTime": timestamp(now + self.skew),
        }

    def _start_pods(self, workload: Object, now: datetime) -> None:
        name, mode = workload["metadata"]["name"], workload["spec"]["mode"]
        labels = _template(workload)["labels"]
        template = hashlib.sha256(repr((labels, mode, _image_of(workload))).encode()).hexdigest()[:6]
        count = workload["spec"]["replicas"]
        if mode in self.refused:
            # What is there stays.
            names = [pod["metadata"]["name"] for pod in self._kube.all("Pod")]
            count = min(count, sum(each.startswith(f"{name}-{template}-") for each in names))
        wanted = [f"{name}-{template}-{number}" for number in range(count)]
        ready = sum(self._tend(workload, pod, number, now) for number, pod in enumerate(wanted))
        old = [
            (place, pod)
            for place, pod in self._kube.owned(workload["metadata"]["uid"])
            if place[0] == "Pod" and place[2] not in wanted
        ]
        if ready >= count or not self.rolls:
            for place, _ in old:
                self._kube.remove(place)
            old = []
        status: Object = {
            "observedGeneration": workload["metadata"]["generation"],
            "replicas": count + len(old),
            "updatedReplicas": count,
            "readyReplicas": ready + sum(_was_ready(pod) for _, pod in old),
        }
        if mode in self.refused:
            known = workload.get("status", {}).get("conditions")
            status["conditions"] = known or [
                self._condition("ReplicaFailure", "True", f"pods: {DENIED}", now)
            ]
        self._kube.put(("Deployment", NAMESPACE, name), {**workload, "status": status})

    def _tend(self, workload: Object, name: str, number: int, now: datetime) -> bool:
        """Make the pod and say how it is; whether it is ready."""
        place = ("Pod", NAMESPACE, name)
        metadata, template = workload["metadata"], _template(workload)
        pod = self._kube.objects.get(place) or self._kube.put(
            place,
            {
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "namespace": NAMESPACE,
                    "labels": {**template["labels"], "pod-template-hash": name.split("-")[-2]},
                    "annotations": self._admitted(template["annotations"]),
                    # The real owner is a ReplicaSet. The test's collection of what lost its owner needs only the uid.
                    "ownerReferences": [
                        {
                            "uid": metadata["uid"],
                            "controller": True,
                            "kind": "ReplicaSet",
                            "name": name.rpartition("-")[0],
                        }
                    ],
                },
            },
        )
        placed = self._placing(pod)
        if not placed["spec"]:
            self._kube.put(place, {**pod, **placed})
            return False
        age = (now - self._born.setdefault(pod["metadata"]["uid"], now)).total_seconds()
        sick = number < self.sick.get(metadata["labels"][naming.RELEASE_LABEL], 0)
        container = self._container(workload["spec"]["mode"], sick, int(age))
        sidecar = self._sidecar(workload["spec"]["mode"])
        status = {"podIP": f"10.0.0.{number + 1}", "containerStatuses": [container, sidecar]}
        self._kube.put(place, {**pod, **placed, "status": status})
        return bool(container["ready"] and sidecar["ready"])

    def _admitted(self, annotations: Mapping[str, str]) -> dict[str, str]:
        """The annotations of a pod that asks for something, as the policy leaves them if it is in force."""
        given = (
            pod_annotations.is_bare(annotations)
            and not self.policy_is_late
            and self._kube.all(POD_POLICIES[0].kind)
        )
        return {**annotations, **({pod_annotations.GIVEN: "v1"} if given else {})}

    def _sidecar(self, mode: str) -> dict[str, Any]:
        bad = mode in self.bad_sidecars
        last = {"terminated": {"exitCode": 137, "reason": "Error"}} if bad else {}
        state = {"waiting": {"reason": "CrashLoopBackOff"}} if bad else {"running": {}}
        count = 9 if bad else 0
        return {"name": "proxy", "ready": not bad, "restartCount": count, "state": state, "lastState": last}

    def _container(self, mode: str, sick: bool, age: int) -> dict[str, Any]:
        ended = {"terminated": {"exitCode": 1, "reason": self.ending}}
        if mode in self.unpullable:
            waiting = {"reason": "ErrImagePull", "message": "not found in the registry"}
            return {"name": "main", "ready": False, "restartCount": 0, "state": {"waiting": waiting}}
        if mode in self.crashing:
            count = min(age // RESTART_EVERY, MOST_RESTARTS)
            state = {"waiting": {"reason": "CrashLoopBackOff"}} if count else {"running": {}}
            last = ended if count else {}
            return {"name": "main", "ready": False, "restartCount": count, "state": state, "lastState": last}
        if sick:
            return {
                "name": "main",
                "ready": False,
                "restartCount": 1,
                "state": {"running": {}},
                "lastState": ended,
            }
        return {
            "name": "main",
            "ready": mode not in self.bad_pods,
            "restartCount": 0,
            "state": {"running": {}},
        }


def _template(workload: Object) -> Object:
    """Labels and annotations of its pods. A planted Deployment has no template."""
    known: Object = workload["spec"].get("template", {}).get("metadata") or workload["metadata"]
    return {"labels": known["labels"], "annotations": known.get("annotations", {})}


def _image_of(workload: Object) -> str:
    containers = workload["spec"].get("template", {}).get("spec", {}).get("containers") or [{}]
    return str(containers[0].get("image", ""))


def _was_ready(pod: Object) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses") or [{"ready": False}]
    return all(each["ready"] for each in statuses)


def _mode(spec: Object) -> str:
    found = (env["value"] for env in spec.get("envs") or () if env["name"] == "MODE")
    memory = spec.get("resources", {}).get("limits", {}).get("memory")
    return str(next(found, MEMORY.get(memory, "")))
