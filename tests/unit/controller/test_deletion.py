"""A model that goes: what it leaves in the bucket is removed only if it was asked for, and never twice."""

from __future__ import annotations

from typing import Any

import pytest
from support.builders import DIGEST, NOON, a_line, a_model, a_request, an_artifact, seen

from e2i.controller.core.actions import Action, EmptyBucket, SetFinalizer
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.rules import deletion

ARCHIVE = (an_artifact().uri, DIGEST)
TOLD = {"artifact": {"uri": "s3://e2i/other", "digest": DIGEST}, "history": [a_line("0b1d77e2")]}


@pytest.mark.parametrize(
    ("said", "actions"),
    [
        pytest.param({}, None, id="it stays"),
        pytest.param({"deleting": True}, (), id="it asked for nothing"),
        pytest.param({"deleting": True, "delete_bucket": True}, (), id="it asked too late: nothing held it"),
        pytest.param({"deleting": True, "finalized": True}, (SetFinalizer(False),), id="it asked, and took it back"),
        pytest.param({"deleting": True, "finalized": True, "delete_bucket": True},
                     (EmptyBucket((ARCHIVE,)), SetFinalizer(False)), id="it asked for it"),
    ],
)  # fmt: skip
def test_a_model_goes(said: dict[str, Any], actions: tuple[Action, ...] | None) -> None:
    chosen = deletion.finish_deletion(Situation(a_model(**said), seen(requests=(a_request(),))), NOON)
    assert (chosen.actions if chosen else None) == actions


@pytest.mark.parametrize(
    ("status", "archives"),
    [
        pytest.param(TOLD, (ARCHIVE, ("s3://e2i/other", DIGEST)), id="what the status tells of goes too"),
        pytest.param({"artifact": TOLD["artifact"]}, (ARCHIVE,), id="not if nothing of it was ever released"),
        pytest.param(
            {**TOLD, "artifact": {"uri": "s3://e2i/other"}}, (ARCHIVE,), id="half an artifact is none"
        ),
        pytest.param({**TOLD, "artifact": None}, (ARCHIVE,), id="nor is an empty one"),
    ],
)
def test_which_archives_are_the_model_s(status: dict[str, Any], archives: tuple[Any, ...]) -> None:
    model = a_model(deleting=True, finalized=True, delete_bucket=True, status=status)
    chosen = deletion.finish_deletion(Situation(model, seen(requests=(a_request(),))), NOON)
    assert chosen
    assert chosen.actions[0] == EmptyBucket(archives)


@pytest.mark.parametrize(
    ("delete_bucket", "finalized", "wanted"),
    [(False, False, None), (True, True, None), (True, False, True), (False, True, False)],
)
def test_the_finalizer_follows_the_spec(delete_bucket: bool, finalized: bool, wanted: bool | None) -> None:
    chosen = deletion.set_finalizer(
        Situation(a_model(delete_bucket=delete_bucket, finalized=finalized), seen()), NOON
    )
    assert (chosen.actions if chosen else None) == (None if wanted is None else (SetFinalizer(wanted),))


@pytest.mark.parametrize("reason", ["BucketUnreachable", "BucketAccessDenied"])
def test_what_the_bucket_said_is_told_until_the_next_attempt_has_ended(reason: str) -> None:
    told = {"status": "False", "reason": reason, "message": "no answer", "observedGeneration": 1}
    status = {"conditions": [{"type": "Ready", **told}, {"type": "Stalled", **told}]}
    model = a_model(deleting=True, finalized=True, delete_bucket=True, status=status)
    chosen = deletion.finish_deletion(Situation(model, seen()), NOON)
    assert chosen
    assert (chosen.reason.name, chosen.message, chosen.stalled) == (reason, "no answer", True)
    assert chosen.actions == (EmptyBucket(()), SetFinalizer(False))
