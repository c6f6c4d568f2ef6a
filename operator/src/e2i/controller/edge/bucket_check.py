"""Checks the bucket once, at the start of the operator."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from e2i.api.artifact import ArchivePlace
from e2i.archive.errors import BucketAccessDenied, ExportError
from e2i.archive.s3.bucket import Bucket
from e2i.controller.edge.jobs.release_store_reader import PATIENCE
from e2i.controller.edge.jobs.turns import Hung, Turns

T = TypeVar("T")

logger = logging.getLogger("e2i")


async def check_bucket(bucket: Bucket, place: ArchivePlace, turns: Turns) -> None:
    """Abort the uploads that a killed operator left, and log a bucket that cannot be used, or gives too few rights.

    Raises nothing."""
    try:
        await _look(bucket, place, turns)
    except Hung as error:
        logger.warning("the bucket could not be checked: %s", error)
    except ExportError as error:
        logger.warning(
            "the bucket cannot be used: %s: %s", error.reason, error.message, extra={"reason": error.reason}
        )
    except Exception:
        # The check only warns early: every export meets and reports the same error.
        logger.exception("the bucket could not be checked")


async def _look(bucket: Bucket, place: ArchivePlace, turns: Turns) -> None:
    prefix = f"{place.prefix}/".lstrip("/")
    refused: list[BucketAccessDenied] = []

    async def ask(call: Callable[[], T]) -> T | None:
        try:
            return await _run(turns, call)
        except BucketAccessDenied as error:
            refused.append(error)
            return None

    aborted = await ask(lambda: bucket.abort_stale_uploads(place.root))
    is_safe = await ask(lambda: bucket.has_conditional_writes(prefix))
    if refused:
        reason = refused[0].reason
        logger.warning(
            "the bucket refuses what the operator needs: %s: %s",
            reason,
            _together(refused),
            extra={"reason": reason},
        )
    if aborted:
        logger.info("aborted %d unfinished uploads of an earlier operator", aborted)
    if is_safe is False:
        logger.warning(
            "the S3 server ignores conditional writes and may overwrite an archive: only its digest protects it"
        )


def _together(refused: list[BucketAccessDenied]) -> str:
    """Return the first sentence, with the other rights that are refused."""
    rest = dict.fromkeys(error.right for error in refused if error.right not in ("", refused[0].right))
    return f"{refused[0].message} Neither does it allow {', '.join(rest)}." if rest else refused[0].message


async def _run(turns: Turns, call: Callable[[], T]) -> T:
    return await turns.run(turns.queue(""), lambda beat: call(), PATIENCE)
