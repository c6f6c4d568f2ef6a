"""Small bentos in the cluster's store, and exported ahead into its bucket where only what follows is measured."""

from __future__ import annotations

import os

from benchmarks.plant import bucket_settings, store_of
from support.stores import a_bento

from e2i.api.artifact import Artifact
from e2i.archive.export import Exporter
from e2i.archive.export_progress import Attempt
from e2i.archive.s3.bucket import Bucket
from e2i.local.layout import ClusterHome


def put_bento(home: ClusterHome, tag: str) -> None:
    """A bento and its model, 1 kB each, in the store."""
    a_bento(store_of(home), tag, uses=(f"{tag.partition(':')[0]}-weights:1",))


def export_ahead(home: ClusterHome, tag: str) -> Artifact:
    """Bring a bento that is in the store into the bucket."""
    settings = bucket_settings(home)
    # The client takes its credentials from the environment, as in the operator's pod.
    os.environ.update(settings)
    bucket = Bucket(settings["E2I_BUCKET"], endpoint=settings["AWS_ENDPOINT_URL"])
    done = Exporter(store_of(home), bucket)(Attempt(reference=tag))
    if not isinstance(done, Artifact):
        raise RuntimeError(f"the bento {tag} was not exported: {done.message}")
    return done
