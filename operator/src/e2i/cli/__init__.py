"""The command `e2i`."""

from __future__ import annotations

import click

import e2i
from e2i.cli.lazy import LazyGroup

MODULES = {
    "conformance": "e2i.cli.conformance",
    "demo": "e2i.cli.demo",
    "gateway": "e2i.cli.gateway",
    "local": "e2i.cli.local",
    "manifest": "e2i.cli.manifest",
    "package": "e2i.cli.package",
    "pipeline": "e2i.cli.pipeline",
    "promote": "e2i.cli.promote",
    "score": "e2i.cli.score",
    "stack": "e2i.cli.stack",
}
EXTRAS = {
    "conformance": "conformance",
    "demo": "local",
    "gateway": "gateway",
    "local": "local",
    "manifest": "package",
    "package": "package",
    "pipeline": "pipeline",
    "pipeline demo": "pipeline,local",
    "promote": "pipeline",
    "score": "score",
    "stack": "pipeline,local",
}


@click.group(cls=LazyGroup, modules=MODULES, extras=EXTRAS)
@click.version_option(e2i.__version__, prog_name="e2i")
def main() -> None:
    """Deploy BentoML models on Kubernetes with one manifest each."""
