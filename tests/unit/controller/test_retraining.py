"""The Job that trains a drifted model again: made of the platform's template, once for each drift, of nobody's code."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from support.model_bodies import NEW, NEW_DIGEST, NEW_TAG, churn, entry
from unit.controller.test_notifier import MemoryBucket

from e2i import clock
from e2i.api import naming
from e2i.api.conditions import timestamp
from e2i.api.model_body import parse_model
from e2i.archive.s3.bucket import Bucket
from e2i.controller.core.notifications import DRIFTED, RETRAINED, Notification, notifications
from e2i.controller.core.retraining import parse_template, training
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.jobs.turns import Turns
from e2i.controller.edge.notifier import Marks, Notifier
from e2i.controller.edge.retraining import Retraining
from e2i.kube import ApiError, Kube, Object, Resource

KEY = ("models", "churn")
ENV = [{"name": "E2I_MODEL", "value": "x"}, {"name": "A", "value": "1"}]
JOB: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "train-", "namespace": "kube-system", "labels": {"team": "platform"}},
    "spec": {
        "template": {
            "spec": {
                "initContainers": [{"name": "data"}],
                "containers": [
                    {
                        "name": "train",
                        "env": [{"name": "E2I_MODEL", "value": "x"}, {"name": "A", "value": "1"}],
                    }
                ],
            }
        }
    },
}
WORKFLOW: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "train-"},
    "spec": {
        "entrypoint": "train",
        "arguments": {"parameters": [{"name": "model", "value": "x"}, {"name": "own"}]},
    },
}


def body(*features: str) -> Object:
    """A model that has drifted a moment ago."""
    now = timestamp(clock.now())
    drift = {
        "release": NEW,
        "since": now,
        "features": [{"name": name, "score": "0.4", "bound": "0.25", "since": now} for name in features],
    }
    return churn(history=[entry(NEW, NEW_TAG, NEW_DIGEST, "Serving", servedAt=now)], drift=drift)


def drifted(*features: str) -> Notification:
    facts = notifications(parse_model(body(*(features or ("tenure",)))), clock.now())
    return next(fact for fact in facts if fact.type == DRIFTED)


def values_of(job: dict[str, Any], part: str = "containers") -> dict[str, str]:
    (container,) = job["spec"]["template"]["spec"][part]
    return {each["name"]: each["value"] for each in container["env"]}


def test_a_job_gets_the_values_as_variables_of_all_containers() -> None:
    fact = drifted("tenure", "plan")
    made = training(JOB, fact, "e2i-system")
    assert made["metadata"]["namespace"] == "e2i-system"
    assert made["metadata"]["name"] == f"retrain-churn-{fact.id[:12]}"
    assert "generateName" not in made["metadata"]
    assert made["metadata"]["labels"]["team"] == "platform"
    assert made["metadata"]["annotations"]["serving.e2i.dev/retrains"] == "models/churn"
    given = {
        "E2I_MODEL": "churn",
        "E2I_NAMESPACE": "models",
        "E2I_RELEASE": NEW,
        "E2I_BENTO": NEW_TAG,
        "E2I_DIGEST": NEW_DIGEST,
        "E2I_FEATURES": "tenure,plan",
        "E2I_SINCE": fact.time,
    }
    assert values_of(made) == {"A": "1", **given}
    assert values_of(made, "initContainers") == given
    assert ENV[0]["value"] == "x", "the template stays"


def test_a_workflow_gets_them_as_parameters() -> None:
    made = training(WORKFLOW, drifted(), "e2i-system")
    parameters = {each["name"]: each.get("value") for each in made["spec"]["arguments"]["parameters"]}
    assert parameters["model"] == "churn"
    assert parameters["features"] == "tenure"
    assert "own" in parameters


@pytest.mark.parametrize(
    "name",
    [
        "$(AWS_SECRET_ACCESS_KEY)",
        "`id`",
        "{{workflow.name}}",
        "a'; rm -rf /",
        'a", "b',
        "a,b",
        "größe",
        "a b",
    ],
)
def test_a_name_of_a_feature_is_nothing_to_follow_for_a_shell_for_kubernetes_or_for_argo(name: str) -> None:
    features = values_of(training(JOB, drifted(name), "e2i-system"))["E2I_FEATURES"]
    assert re.fullmatch(r"[A-Za-z0-9_.~%-]+", features)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "no YAML"),
        ("", "neither a Job"),
        ("[]", "neither a Job"),
        (yaml.safe_dump({**JOB, "kind": "Pod"}), "neither a Job"),
        (yaml.safe_dump({**JOB, "spec": []}), "must be objects"),
        (yaml.safe_dump({**JOB, "spec": {"template": {}}}), "no containers"),
        (yaml.safe_dump({**JOB, "spec": {"template": {"spec": {"containers": "x"}}}}), "no containers"),
    ],
)
def test_a_template_that_is_none_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_template(text)


class Api:
    """The API server's Jobs."""

    def __init__(self) -> None:
        self.made: dict[str, Object] = {}
        self.asked = 0
        self.refuses = 0

    async def create(self, resource: Resource, namespace: str, body: Object, *, manager: str) -> Object:
        self.asked += 1
        assert (resource.plural, namespace) == ("jobs", "e2i-system")
        if self.refuses:
            raise ApiError(self.refuses, "Forbidden", "jobs.batch is forbidden")
        if body["metadata"]["name"] in self.made:
            raise ApiError(409, "AlreadyExists", "it is there")
        self.made[body["metadata"]["name"]] = body
        return body


def life(api: Api, bucket: MemoryBucket, cache: Cache, folder: Path) -> Notifier:
    """One life of the operator."""
    (folder / "template.yaml").write_text(yaml.safe_dump(JOB))
    jobs = Retraining(cast("Kube", api), folder / "template.yaml", "e2i-system")
    marks = Marks(cast("Bucket", bucket), "", Turns("bucket", 2), RETRAINED)
    return Notifier(cache, marks, jobs, "E2I_RETRAIN_TEMPLATE", DRIFTED)


def cached() -> Cache:
    cache = Cache()
    cache.put(naming.KIND, body("tenure"))
    return cache


async def look(notifier: Notifier) -> None:
    notifier.add(KEY)
    await notifier.post_next()


async def test_each_drift_has_one_job_whatever_lives_and_is_removed(tmp_path: Path) -> None:
    api, bucket, cache = Api(), MemoryBucket(), cached()
    for _ in range(2):
        notifier = life(api, bucket, cache, tmp_path)
        await look(notifier)
        await look(notifier)
        api.made.clear()  # As ttlSecondsAfterFinished does.
    assert api.asked == 1
    (mark,) = bucket.objects
    assert mark.startswith("retrained/models/churn/")


async def test_a_mark_that_was_not_written_makes_no_second_job(tmp_path: Path) -> None:
    api, bucket, cache = Api(), MemoryBucket(), cached()
    bucket.is_away = True
    await look(life(api, bucket, cache, tmp_path))
    bucket.is_away = False
    await look(life(api, bucket, cache, tmp_path))
    assert (api.asked, len(api.made), len(bucket.objects)) == (2, 1, 1)


async def test_a_missing_right_is_said_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    api, bucket = Api(), MemoryBucket()
    api.refuses = 403
    notifier = life(api, bucket, cached(), tmp_path)
    with caplog.at_level(logging.WARNING, "e2i"):
        await look(notifier)
    assert "E2I_RETRAIN_TEMPLATE: events are not delivered: Job e2i-system/retrain-churn-" in caplog.text
    assert bucket.objects == set()
    api.refuses = 0
    await look(notifier)
    assert len(api.made) == 1


async def test_a_template_that_is_changed_into_none_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = life(Api(), MemoryBucket(), cached(), tmp_path)
    (tmp_path / "template.yaml").write_text("kind: Pod")
    await look(notifier)
    assert "it is neither a Job of batch/v1 nor a Workflow" in caplog.text
