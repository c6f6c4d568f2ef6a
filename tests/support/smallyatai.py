"""A Yatai that moves requests and deployments along, one step at a time; it makes ready pods itself."""

from __future__ import annotations

from datetime import datetime

from support.fakekube import FakeKube

from e2i.core import naming
from e2i.core.conditions import timestamp
from e2i.kube import Object

NAMESPACE = "models"


class SmallYatai:
    def __init__(self, kube: FakeKube) -> None:
        self._kube = kube
        self.bad_builds: set[str] = set()
        """Bento digests of which no image can be built."""
        self.bad_pods: set[str] = set()
        """Values of the variable MODE with which no pod gets ready."""

    def step(self, now: datetime) -> bool:
        """Whether there was anything to do."""
        before = self._kube.version
        for request in self._kube.all("BentoRequest"):
            self._build(request, now)
        for deployment in self._kube.all("BentoDeployment"):
            self._run(deployment)
        for workload in self._kube.all("Deployment"):
            self._start_pods(workload)
        return self._kube.version != before

    def _build(self, request: Object, now: datetime) -> None:
        place = ("BentoRequest", NAMESPACE, request["metadata"]["name"])
        told = {item["type"]: item for item in request.get("status", {}).get("conditions", ())}
        if naming.DIGEST_ANNOTATION not in request["metadata"].get("annotations", {}):
            return
        if "ImageBuilding" not in told:
            conditions = [_condition("ImageBuilding", "True", "Bento image is building", now)]
        elif told["ImageBuilding"]["status"] == "True":
            bad = request["metadata"]["annotations"][naming.DIGEST_ANNOTATION] in self.bad_builds
            name = request["metadata"]["name"]
            words = f"Job {name} is failed." if bad else "Bento image is built"
            conditions = [
                _condition("BentoAvailable", "Unknown" if bad else "True", "", now),
                _condition("ImageBuilding", "False", words, now),
            ]
        else:
            return
        self._kube.put(place, {**request, "status": {"conditions": conditions}})

    def _run(self, deployment: Object) -> None:
        """A Deployment once the image is there, of the size that the autoscaler's bounds allow."""
        built = {
            request["metadata"]["name"]
            for request in self._kube.all("BentoRequest")
            for item in request.get("status", {}).get("conditions", ())
            if (item["type"], item["status"]) == ("BentoAvailable", "True")
        }
        if deployment["spec"]["bento"] not in built:
            return
        metadata = deployment["metadata"]
        place = ("Deployment", NAMESPACE, metadata["name"])
        old = self._kube.objects.get(place)
        bounds = deployment["spec"]["autoscaling"]
        replicas = old["spec"]["replicas"] if old else 1
        replicas = max(bounds["minReplicas"], min(bounds["maxReplicas"], replicas)) if old else 1
        mode = next((env["value"] for env in deployment["spec"]["envs"] if env["name"] == "MODE"), "")
        owner = {
            "uid": metadata["uid"],
            "controller": True,
            "kind": "BentoDeployment",
            "name": metadata["name"],
        }
        body = {
            "kind": "Deployment",
            "metadata": {
                "name": metadata["name"],
                "namespace": NAMESPACE,
                "labels": dict(deployment["spec"]["labels"]),
                "ownerReferences": [owner],
            },
            "spec": {"replicas": replicas, "mode": mode},
            "status": old.get("status", {}) if old else {},
        }
        if old is None:
            self._kube.put(place, body)
            return
        labels = {"labels": body["metadata"]["labels"]}
        self._kube.put(place, {**old, "metadata": {**old["metadata"], **labels}, "spec": body["spec"]})

    def _start_pods(self, workload: Object) -> None:
        place = ("Deployment", NAMESPACE, workload["metadata"]["name"])
        count = workload["spec"]["replicas"]
        ready = 0 if workload["spec"]["mode"] in self.bad_pods else count
        generation = workload["metadata"]["generation"]
        status = {
            "observedGeneration": generation,
            "replicas": count,
            "updatedReplicas": count,
            "readyReplicas": ready,
        }
        self._kube.put(place, {**workload, "status": status})


def _condition(kind: str, status: str, message: str, at: datetime) -> Object:
    return {
        "type": kind,
        "status": status,
        "reason": "Because",
        "message": message,
        "lastTransitionTime": timestamp(at),
    }
