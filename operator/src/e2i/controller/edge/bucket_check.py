"""Checks the bucket once, at the start of the operator."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from e2i.archive.errors import ExportError
from e2i.archive.s3.bucket import Bucket
from e2i.controller.edge.jobs.release_store_reader import PATIENCE
from e2i.controller.edge.jobs.turns import Hung, Turns

T = TypeVar("T")

logger = logging.getLogger("e2i")


async def check_bucket(bucket: Bucket, archives: str, turns: Turns) -> None:
    """Abort the uploads below `archives` that a killed operator left, and log a bucket that cannot be used.

    Raises nothing."""
    try:
        aborted = await _run(turns, lambda: bucket.abort_stale_uploads(archives))
        is_safe = await _run(turns, bucket.has_conditional_writes)
    except Hung as error:
        logger.warning("the bucket could not be checked: %s", error)
        return
    except ExportError as error:
        logger.warning(
            "the bucket cannot be used: %s: %s", error.reason, error.message, extra={"reason": error.reason}
        )
        return
    except Exception:
        # The check only warns early: every export meets and reports the same error.
        logger.exception("the bucket could not be checked")
        return
    if aborted:
        logger.info("aborted %d unfinished uploads of an earlier operator", aborted)
    if not is_safe:
        logger.warning(
            "the S3 server ignores conditional writes and may overwrite an archive: only its digest protects it"
        )


async def _run(turns: Turns, call: Callable[[], T]) -> T:
    return await turns.run(turns.queue(""), lambda beat: call(), PATIENCE)
