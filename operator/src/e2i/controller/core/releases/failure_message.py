"""The message about a release that failed: which one serves instead, and when it is tried again. Pure."""

from __future__ import annotations

from e2i.api.conditions import timestamp
from e2i.api.model import Rollback
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.releases import quarantine, retries
from e2i.controller.core.releases.release import serving_release
from e2i.controller.core.releases.situation import Situation


def failure_message(here: Situation, failed: Failure) -> str:
    """Return: release 1b2c of churn:2 failed: ... Release 9c01 serves in its place. It is not tried again ..."""
    serving, back = serving_release(here.seen), here.fallback
    if back is None and serving == failed.release:
        instead = "It continues to serve. "
        if here.model.rollout.rollback is Rollback.MANUAL:
            instead = "spec.rollout.rollback is Manual: it continues to serve until the spec changes. "
    elif back is None:
        instead = f"{no_way_back(here)}. "
    elif serving == back.release:
        instead = f"Release {back.release} serves in its place. "
    else:
        instead = f"Release {back.release} is about to take its place. "
    again = retries.due(here.model, failed) if back else None
    until = f"It is tried again at {timestamp(again)}, or when" if again else "It is not tried again until"
    cause = failed.message.rstrip(".")
    return (
        f"release {failed.release} of {failed.tag} failed: {cause}. {instead}{until} the "
        f"spec changes or kubectl e2i retry {here.model.name} -n {here.model.namespace} asks for it"
    )


def no_way_back(here: Situation) -> str:
    """Return why there is no release to go back to."""
    record = quarantine.lacks_values(here.model, here.seen, here.asked)
    if record is None:
        return "There is no earlier release to go back to"
    return (
        f"Release {record.release} of {record.artifact.tag} was good and cannot be restored: nothing in this cluster "
        f"has the values of its environment ({', '.join(record.env)}); apply the spec that had them"
    )
