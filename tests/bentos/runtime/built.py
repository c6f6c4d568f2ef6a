"""Bentos of the small models, built by BentoML into a home of their own and unpacked from their archive."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bentos.runtime import made
from support.built_bentos import build_once

LIBRARY = Path(__file__).resolve().parents[3] / "operator" / "src" / "e2i_bento"
SERVICE = """
import bentoml

from e2i_bento.service import declared, serves


@bentoml.service(name="pair", workers={workers}, traffic={{"timeout": 20}})
@serves
class Pair:
{attributes}
"""
# A process of its own: BentoML reads its home once, and this one must not become the tests' own.
BUILD = """
import sys
from pathlib import Path
from shutil import copytree, unpack_archive

import bentoml

context, versions, archive = Path(sys.argv[1]), dict(pair.split("=") for pair in sys.argv[3:]), sys.argv[2]
for name, version in versions.items():
    with bentoml.models.create(f"{name}:{version}") as model:
        copytree(context.parent / name, model.path, dirs_exist_ok=True)
bentoml.bentos.build_bentofile(
    str(context / "bentofile.yaml"), version="1.0.0", build_ctx=str(context), args={"models": versions}
)
bentoml.bentos.export_bento("pair:1.0.0", archive)
unpack_archive(archive, context.parent / "unpacked")
"""


def pair(place: Path) -> Path:
    """Put a bento of two models at the place, built once for all tests."""

    def fill(folder: Path) -> None:
        made.churn(folder / "churn_model")
        made.ltv(folder / "ltv_model")
        build(folder, {"churn_model": "1.2.0", "ltv_model": "0.3.0"})

    once = build_once("pair", [LIBRARY, Path(made.__file__), Path(__file__)], fill)
    # Serving writes bytecode beside the sources.
    return Path(shutil.copytree(once / "unpacked", place))


def with_overlap(place: Path) -> Path:
    """Put a bento of a classifier and of a causal model that knows its overlap at the place, built once likewise."""

    def fill(folder: Path) -> None:
        made.churn(folder / "churn_model")
        causal = {"treatment": "discount", "outcome": "spend", "overlap": made.OVERLAP}
        made.uplift(folder / "cate_model", causal=causal)
        # The pickle names its class by this module.
        modules = folder / "context" / "bentos" / "runtime"
        modules.mkdir(parents=True)
        shutil.copy(made.__file__, modules)
        build(folder, {"churn_model": "1.2.0", "cate_model": "0.3.0"})

    once = build_once("overlap", [LIBRARY, Path(made.__file__), Path(__file__)], fill)
    return Path(shutil.copytree(once / "unpacked", place))


def build(folder: Path, versions: Mapping[str, str], workers: int = 1) -> Path:
    """Build a bento of the trained folders `folder/NAME`; returns it exported and unpacked."""
    context = folder / "context"
    shutil.copytree(LIBRARY, context / "e2i_bento", ignore=shutil.ignore_patterns("__pycache__"))
    attributes = "\n".join(f'    {name} = declared("{name}")' for name in versions)
    (context / "service.py").write_text(SERVICE.format(attributes=attributes, workers=workers))
    (context / "bentofile.yaml").write_text(
        'service: "service:Pair"\ninclude: ["**"]\npython: {packages: [scikit-learn], lock_packages: false}\n'
    )
    pairs = [f"{name}={version}" for name, version in versions.items()]
    command = [sys.executable, "-c", BUILD, str(context), str(folder / "pair.tar.gz"), *pairs]
    home = {"BENTOML_HOME": str(folder / "home"), "BENTOML_DO_NOT_TRACK": "True"}
    done = subprocess.run(command, env=os.environ | home, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder / "unpacked"
