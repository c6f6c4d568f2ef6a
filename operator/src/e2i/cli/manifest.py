"""`e2i manifest`: the E2IModel of a packaged bento, with its golden predictions as checks."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import click

from e2i.cli.package import FOLDER, report_errors


@click.command()
@click.argument("bento_tag")
@click.option("--store", type=FOLDER, help="BentoML home folder.  [default: $BENTOML_HOME or ~/bentoml]")
@click.option("--name", default="", help="Name of the E2IModel.  [default: the bento's, with - for _]")
@click.option("--namespace", default="models", show_default=True, help="Its namespace.")
@click.option("--replicas", type=click.IntRange(1, 1000), help="Number of pods.")
@click.option(
    "--archive", is_flag=True, help="Take the bento from its archive in the bucket (`e2i pipeline push`)."
)
@click.option(
    "--overlay", type=FOLDER, help="Write NAME.yaml into this folder of an environment and list it there."
)
def manifest(
    bento_tag: str,
    store: Path | None,
    name: str,
    namespace: str,
    replicas: int | None,
    archive: bool,
    overlay: Path | None,
) -> None:
    """Print the E2IModel of BENTO_TAG, or write it into the folder of an environment.

    Each release must give the golden predictions before it gets requests. In a file that is there already only the
    bento, the checks named golden-… and the labels are replaced; what people wrote stays.
    """
    with report_errors():
        from e2i.packaging.model_manifest import ManifestInputs
        from e2i.packaging.overlay import notes_of, to_yaml, write_overlay
        from e2i.packaging.store_write import store_folder
        from e2i.packaging.stored_bento import read_stored

        bento = read_stored(store_folder(store), bento_tag)
        digest = bento.digest if archive else ""
        inputs = ManifestInputs(bento.tag, bento.cards, name, namespace, replicas, digest)
        inputs = replace(inputs, required_env=bento.required_env, model_bytes=bento.model_bytes)
        if overlay is None:
            text = to_yaml(inputs)
            click.echo(text, nl=False)
        else:
            file, changed = write_overlay(overlay, inputs)
            text = file.read_text()
    for note in notes_of(text):
        click.echo(f"Note: {note}", err=True)
    if overlay is None:
        return
    click.echo(
        f"{file} {'has' if changed else 'had'} {bento.tag}. "
        f"Next: commit {overlay}, or kubectl apply -k {shlex.quote(str(overlay))}"
    )
