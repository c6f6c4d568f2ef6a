"""From a tag to an exported bento, or to the words that say why there is none."""

from __future__ import annotations

import asyncio
import logging

from e2i.core.conditions import Reason
from e2i.core.failures import ExportFailure
from e2i.core.observed import Artifact, Trouble
from e2i.core.tags import parse_tag
from e2i.edge.bentos import find_bento
from e2i.edge.bucket import Bucket
from e2i.edge.export import Digests, Exported, export
from e2i.edge.exports import Bring, Progress
from e2i.settings import Settings

logger = logging.getLogger("e2i")


def bringer(settings: Settings) -> Bring:
    """What `Exports` calls for each tag: looks into the store, digests, uploads what is not there yet."""
    bucket = Bucket(settings.bucket, settings.endpoint)
    digests = Digests()

    async def bring(tag: str, progress: Progress) -> Artifact | Trouble:
        try:
            bento = await asyncio.to_thread(
                find_bento, settings.store, parse_tag(tag), settings.largest_bento
            )
            exported = await export(bento, bucket, digests, prefix=settings.prefix, progress=progress)
        except ExportFailure as failure:
            return Trouble(
                reason=Reason[failure.reason], message=failure.message, stalled=not failure.passing
            )
        except Exception as error:
            # A surprise concerns this bento alone: it is told like any other failure, and all others go on.
            logger.exception("export of %s failed in a way that has no word of its own", tag)
            return Trouble(reason=Reason.ExportFailed, message=f"{tag}: {type(error).__name__}: {error}")
        return _artifact(tag, exported, settings)

    return bring


def _artifact(tag: str, exported: Exported, settings: Settings) -> Artifact:
    return Artifact(
        tag=tag,
        digest=exported.digest,
        uri=f"s3://{settings.bucket}/{exported.archive.key}",
        size=exported.archive.size,
        service=exported.bento.service,
        bentoml_version=exported.bento.bentoml_version,
    )
