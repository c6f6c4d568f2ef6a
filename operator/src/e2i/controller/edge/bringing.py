"""Brings what a model asks for: exports its bento, or finds the digest of its image."""

from __future__ import annotations

from e2i.api.artifact import Artifact
from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.archive.export import Exporter
from e2i.archive.export_progress import Attempt, Unsettled
from e2i.archive.s3.bucket import Bucket
from e2i.archive.s3.settings import NO_BUCKET
from e2i.controller.edge.image_registry import ImageRegistry
from e2i.controller.edge.image_tags import is_image, read_accounts, resolve
from e2i.controller.edge.jobs.export_job import Work
from e2i.controller.settings import Settings


def bringing(settings: Settings, bucket: Bucket) -> Work:
    """Return what makes one attempt. It blocks. BadSetting if the accounts of registries cannot be read."""
    shared = settings.share_archives
    exporter = Exporter(settings.store, bucket, settings.prefix, settings.size_limits, is_shared=shared)
    registry = ImageRegistry(settings.tag_registries, read_accounts(settings.registry_auth))

    def bring(attempt: Attempt) -> Artifact | Problem | Unsettled:
        if is_image(attempt.reference):
            return resolve(attempt.reference, registry, settings.tag_registries)
        if settings.bucket == NO_BUCKET:
            return _nowhere(attempt.reference)
        return exporter.attempt(attempt)

    return bring


def _nowhere(reference: str) -> Problem:
    message = (
        f"{reference} cannot be exported: this operator has no bucket (E2I_BUCKET is {NO_BUCKET}). Name an image of "
        "the bento in spec.bento.image, or have whoever runs the operator name a bucket"
    )
    return Problem(reason=Reason.BucketNotConfigured, message=message, stalled=True)
