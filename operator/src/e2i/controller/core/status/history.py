"""Updates status.history from the last status. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from e2i.controller.core import persisted_status
from e2i.controller.core.observed import Observed
from e2i.controller.core.persisted_status import Entry, Failure
from e2i.controller.core.releases.quarantine import noted_failures
from e2i.controller.core.releases.release import existing_release
from e2i.controller.core.releases.situation import Situation


def updated(here: Situation, failures: Sequence[Failure], now: datetime) -> tuple[Entry, ...]:
    """Return the new history, the newest first, with at most `revisionHistoryLimit` entries besides the serving one.

    serving A, then B            -> B Serving, A Superseded
    serving A, B fails before it -> B Failed, A Serving
    serving B, it fails, A again -> A Serving, B RolledBack, A Superseded
    canary B beside A, then C    -> B Overtaken, A Serving
    """
    entries = [_explained(entry, failures) for entry in persisted_status.history(here.model)]
    serving = here.serving
    if serving:
        current = next(
            (one for one in entries if (one.release, one.result) == (serving, persisted_status.SERVING)), None
        )
        over = [one for one in entries if one.result == persisted_status.SERVING and one is not current]
        entries = [_ended(one, here.seen, now) if one in over else one for one in entries]
        if current is None:
            # It may have failed before a status told of it.
            entries.insert(0, _explained(_begun(here.seen, serving, now), failures))
    for failed in failures:
        if serving != failed.release and not any(_tells(entry, failed) for entry in entries):
            entries.insert(0, _failed(failed, here.seen))
    if overtaken := _overtaken(here, now):
        entries.insert(0, overtaken)
    return tuple(_bounded(entries, here.model.rollout.history))


def _begun(seen: Observed, serving: str, now: datetime) -> Entry:
    """Return the entry of the release that has just got the address."""
    switched = seen.service.switched_at if seen.service else None
    child = seen.deployment(serving)
    if child is None:
        return Entry(
            release=serving, tag="", digest="", result=persisted_status.SERVING, served_at=switched or now
        )
    release = existing_release(seen, child)
    return Entry(
        release=serving,
        tag=release.tag,
        digest=release.artifact.digest,
        image=release.request.image if release.request else "",
        restart=child.restart,
        started_at=child.asked_at or child.created,
        served_at=switched or now,
        result=persisted_status.SERVING,
    )


def _explained(entry: Entry, failures: Sequence[Failure]) -> Entry:
    """Add the cause to the entry of a release that failed while serving. It ends when the address moves."""
    failed = next((failed for failed in failures if failed.release == entry.release), None)
    if failed is None or entry.result != persisted_status.SERVING:
        return entry
    return replace(entry, reason=failed.reason.name, message=failed.message)


def _ended(entry: Entry, seen: Observed, now: datetime) -> Entry:
    """Return the entry of a release that has lost the address."""
    switched = seen.service.switched_at if seen.service else None
    result = persisted_status.ROLLED_BACK if entry.reason else persisted_status.SUPERSEDED
    return replace(entry, result=result, ended_at=switched or now)


def _tells(entry: Entry, failed: Failure) -> bool:
    """Return whether the entry describes this failure. Times are stored in whole seconds."""
    if entry.release != failed.release or entry.ended_at is None:
        return False
    moment = failed.failed_at.replace(microsecond=0)
    # A rollback ends when the address has moved; a later trial of the same release may fail again.
    rolled_back = entry.result == persisted_status.ROLLED_BACK and entry.ended_at >= moment
    return rolled_back or (entry.result == persisted_status.FAILED and entry.ended_at == moment)


def _failed(failed: Failure, seen: Observed) -> Entry:
    """Return the entry of a release that failed before it got the address."""
    child = seen.deployment(failed.release)
    release = existing_release(seen, child) if child else None
    return Entry(
        release=failed.release,
        tag=failed.tag,
        digest=failed.digest,
        image=release.request.image if release and release.request else "",
        restart=child.restart if child else "",
        started_at=(child.asked_at or child.created) if child else None,
        ended_at=failed.failed_at.replace(microsecond=0),
        result=persisted_status.FAILED,
        reason=failed.reason.name,
        message=failed.message,
    )


def _overtaken(here: Situation, now: datetime) -> Entry | None:
    """Return the entry of a canary that had a share of the requests and is no longer asked for.

    Its objects are gone by now. The last status is the last one that knows of it."""
    model, known = here.model, persisted_status.canary(here.model)
    share = persisted_status.canary_weight(model)
    failed = {each.release for each in noted_failures(model, here.seen)}
    if known is None or not share or known.release in {here.asked, here.serving, *failed} or model.invalid:
        return None
    body = model.status.get("artifact") or {}
    instead = f"release {here.asked}" if here.asked else model.tag
    return Entry(
        release=known.release,
        tag=body.get("tag", ""),
        digest=body.get("digest", ""),
        restart=known.restart,
        started_at=known.asked_at,
        ended_at=now,
        result=persisted_status.OVERTAKEN,
        message=f"it had {share} % of the requests when {instead} was asked for in its place",
    )


def _bounded(entries: list[Entry], limit: int) -> list[Entry]:
    """Return the newest `limit` entries and the serving one."""
    serving = [entry for entry in entries if entry.result == persisted_status.SERVING][:1]
    others = [entry for entry in entries if entry not in serving][: limit or 0]
    return [entry for entry in entries if entry in serving or entry in others]
