"""Backups of models: what is in the document, how it is read, and what a restore writes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import yaml
from support.builders import DIGEST, NOON

from e2i.api import naming
from e2i.api.restored import RESTORED_ANNOTATION, decode
from e2i.inspection.backup.document import Source, document
from e2i.inspection.backup.reading import BackupInvalid, Saved, read_backup
from e2i.inspection.backup.restoring import (
    Step,
    Wish,
    archive_places,
    expectation,
    manifest_of,
    replaced,
    with_note,
)

SPEC = {"type": "Classification", "bento": {"tag": "churn:2"}, "env": [{"name": "MODE", "value": "new"}]}
SERVED_SPEC = SPEC | {"bento": {"tag": "churn:1"}, "env": [{"name": "MODE", "value": "old"}]}
HISTORY = [{"release": "a4c72660", "bentoTag": "churn:1", "digest": DIGEST, "result": "Serving",
            "servedAt": "2026-11-21T11:00:00Z"}]  # fmt: skip
FAILURE = {"release": "b0000000", "bentoTag": "churn:2", "trial": "00000001", "reason": "CrashLoop",
           "message": "it ended", "failedAt": "2026-11-21T11:30:00Z", "deploymentUid": "1",
           "evidence": {"log": "secret"}}  # fmt: skip
CLUSTER = {"server": "https://lost:6443", "kubernetes": "v1.36.0"}


def a_body(**status: Any) -> dict[str, Any]:
    return {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        "metadata": {
            "name": "churn",
            "namespace": "models",
            "uid": "1",
            "resourceVersion": "7",
            "generation": 3,
            "creationTimestamp": "2026-11-21T10:00:00Z",
            "managedFields": [{}],
            "finalizers": ["serving.e2i.dev/bucket"],
            "labels": {"team": "risk"},
            "annotations": {"serving.e2i.dev/retry-at": "1", RESTORED_ANNOTATION: "of an earlier restore"},
        },
        "spec": SPEC,
        "status": {"observedGeneration": 3, "servingRelease": "a4c72660", "history": HISTORY, **status},
    }


def saved(**entry: Any) -> Saved:
    source = Source(model=a_body(failedReleases=[FAILURE]), asks_for_other=True, served_spec=SERVED_SPEC)
    made = document([source], cluster=CLUSTER, taken_at="2026-11-21T12:00:00Z")
    made["models"][0].update(entry)
    (only,) = read_backup(yaml.safe_dump(made), "a file").models
    return only


def test_a_backup_has_what_people_wrote_and_nothing_of_the_cluster() -> None:
    metadata = saved().manifest["metadata"]
    assert metadata == {
        "name": "churn",
        "namespace": "models",
        "labels": {"team": "risk"},
        "annotations": {"serving.e2i.dev/retry-at": "1"},
    }
    assert set(saved().manifest) == {"apiVersion", "kind", "metadata", "spec"}


def test_a_backup_names_bento_archive_and_image_of_the_release_that_serves() -> None:
    labels = {naming.RELEASE_LABEL: "a4c72660"}
    status = {"name": "main", "imageID": f"registry.example/bentos@{DIGEST}"}
    pod = {"metadata": {"labels": labels}, "status": {"containerStatuses": [status]}}
    made = document([Source(model=a_body(), pods=(pod,))], cluster=CLUSTER, taken_at="")
    serving = made["models"][0]["serving"]
    assert (serving["release"], serving["digest"], serving["imageDigest"]) == ("a4c72660", DIGEST, DIGEST)


def test_each_spec_of_a_backup_is_written_out() -> None:
    served = SPEC | {"bento": {"tag": "churn:1"}}
    made = document([Source(model=a_body(), served_spec=served)], cluster=CLUSTER, taken_at="")
    assert "*id" not in yaml.safe_dump(made)


def test_a_model_that_never_served_is_in_the_backup_too() -> None:
    model = a_body() | {"status": {}}
    (entry,) = document([Source(model=model)], cluster=CLUSTER, taken_at="")["models"]
    assert (entry["serving"], entry["history"]) == (None, [])


MANIFEST = {
    "kind": "E2IModel",
    "metadata": {"name": "a", "namespace": "b"},
    "spec": {"bento": {"tag": "a:1"}},
}


def backup_of(*manifests: dict[str, Any]) -> str:
    models = [{"manifest": each} for each in manifests]
    return yaml.safe_dump({"kind": "E2IBackup", "apiVersion": "backup.serving.e2i.dev/v1", "models": models})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "a file is not YAML or JSON"),
        ("kind: List", "a file is no E2IBackup: give a file that kubectl e2i backup wrote"),
        ("kind: E2IBackup\napiVersion: backup.serving.e2i.dev/v9", "has the format backup.serving.e2i.dev/v9"),
        ("kind: E2IBackup\napiVersion: backup.serving.e2i.dev/v1", "a file has no models"),
        ("kind: E2IBackup\napiVersion: backup.serving.e2i.dev/v1\nmodels: [1]", r"models\[0\] of a file is damaged"),
        ("kind: E2IBackup\napiVersion: backup.serving.e2i.dev/v1\nmodels: [{manifest: {}}]", "is damaged"),
        (backup_of(MANIFEST | {"metadata": {"name": "a", "namespace": "b", "labels": ["c"]}}), "is damaged"),
        (backup_of(MANIFEST, MANIFEST), r"has b/a twice: models\[0\] and models\[1\]. Remove one of them"),
    ],
)  # fmt: skip
def test_what_is_no_backup_is_told(text: str, sentence: str) -> None:
    with pytest.raises(BackupInvalid, match=sentence):
        read_backup(text, "a file")


def note_of(manifest: dict[str, Any], created: datetime = NOON) -> Any:
    return decode(manifest["metadata"]["annotations"][RESTORED_ANNOTATION], created)


def test_the_note_has_results_and_the_environment_that_served_and_no_evidence() -> None:
    note = note_of(with_note(manifest_of(saved(), Wish(namespace="models")), saved(), NOON))
    assert note.env == (("MODE", "old"),)
    assert note.status["history"] == HISTORY
    (failure,) = note.status["failedReleases"]
    assert set(failure) == {"release", "bentoTag", "trial", "reason", "message", "failedAt"}


def test_a_copy_of_a_restored_model_that_is_made_later_has_no_note() -> None:
    manifest = with_note(manifest_of(saved(), Wish(namespace="models")), saved(), NOON)
    assert note_of(manifest, NOON.replace(hour=14)) is None


def test_items_that_the_schema_of_the_status_would_refuse_are_left_out() -> None:
    odd = [
        {**HISTORY[0], "result": "Odd"},
        {**HISTORY[0], "message": "x" * 2000},
        {"release": "a" * 99, "result": "Failed"},
    ]
    note = note_of(
        with_note(manifest_of(saved(), Wish(namespace="models")), saved(history=odd + HISTORY), NOON)
    )
    assert note.status["history"] == HISTORY


def test_a_model_is_written_as_it_served_if_that_is_asked_for() -> None:
    assert manifest_of(saved(), Wish(namespace="models"))["spec"] == SPEC
    assert manifest_of(saved(), Wish(namespace="models", as_served=True))["spec"] == SERVED_SPEC


def test_a_model_is_written_into_another_namespace() -> None:
    assert manifest_of(saved(), Wish(namespace="other"))["metadata"]["namespace"] == "other"


@pytest.mark.parametrize(
    ("live", "wish", "verdict"),
    [
        (None, {}, "create"),
        (a_body(), {}, "same"),
        (a_body() | {"spec": SERVED_SPEC}, {}, "different"),
        (a_body() | {"spec": SERVED_SPEC}, {"replace": True}, "replace"),
        (a_body() | {"metadata": {"name": "churn", "namespace": "models"}}, {}, "different"),
    ],
)
def test_what_is_to_be_done(live: Any, wish: dict[str, Any], verdict: str) -> None:
    assert Step(saved=saved(), wish=Wish(namespace="models", **wish), live=live).verdict == verdict


def test_a_replaced_model_keeps_its_own_labels_and_its_version() -> None:
    live = a_body() | {"spec": SERVED_SPEC}
    live["metadata"] = {**live["metadata"], "labels": {"team": "other", "own": "yes"}}
    body = replaced(live, manifest_of(saved(), Wish(namespace="models")))
    assert body["metadata"]["labels"] == {"team": "risk", "own": "yes"}
    assert (body["spec"], body["metadata"]["resourceVersion"]) == (SPEC, "7")


@pytest.mark.parametrize(
    ("entry", "wish", "words"),
    [
        ({}, {}, "comes back first; churn:2 stays in quarantine (CrashLoop)"),
        ({"failedReleases": []}, {}, "comes back first; then churn:2 is tried"),
        ({}, {"as_served": True}, "comes back, verified again"),
        ({}, {"namespace": "other"}, "served in models; here churn:2 is tried as a new release"),
        ({"serving": None}, {}, "nothing served; churn:2 is tried as a new release"),
    ],
)
def test_what_will_serve_is_told(entry: dict[str, Any], wish: dict[str, Any], words: str) -> None:
    assert words in expectation(saved(**entry), Wish(**{"namespace": "models"} | wish))


@pytest.mark.parametrize(
    ("archive", "places"),
    [
        ("s3://e2i/team/namespaces/models/bentos/churn/1/a.tar", ["s3://e2i/team"]),
        ("s3://e2i/bentos/churn/1/a.tar", ["s3://e2i"]),
        (None, []),
        ("docker://registry.example/churn@sha256:a", []),
    ],
)
def test_the_place_of_archives_that_a_restore_needs_is_known(archive: str | None, places: list[str]) -> None:
    entry = saved(serving={"release": "a", "archive": archive})
    step = Step(saved=entry, wish=Wish(namespace="models"), live=None)
    assert archive_places([step]) == places
