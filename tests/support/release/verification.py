"""Verifies what was built for a release: each function returns what it saw, AssertionError names what is wrong."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from deploy.programs import Program
from packaging.metadata import Metadata
from packaging.version import Version
from support.release.artifacts import Tree, ran

import e2i
from e2i.local.kubernetes_versions import NEWEST, VERSIONS

NOT_SHIPPED = re.compile(r"(^|/)(tests|\.venv|__pycache__|\.git)/|\.pyc$")
BUCKET = "bucket.name=e2i-bentos"


def wheel(tree: Tree, file: Path) -> str:
    """The wheel has the source's files, each with its sum, and metadata that an index accepts."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        (record,) = [name for name in names if name.endswith(".dist-info/RECORD")]
        rows = [*csv.reader(io.StringIO(archive.read(record).decode()))]
        for name, summed, _ in rows:
            assert name == record or summed == f"sha256={_digest(archive.read(name))}", (
                f"{name} has another sum"
            )
        metadata = archive.read(record.replace("RECORD", "METADATA"))
    assert {name for name, *_ in rows} == set(names), "RECORD does not list the files"
    source = tree.folder / "operator" / "src"
    sources = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert {name for name in names if ".dist-info/" not in name} == sources, (
        "its files are not those of the source"
    )
    _check_metadata(metadata)
    return f"{len(sources)} files, as in operator/src"


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _check_metadata(text: bytes) -> None:
    """As an index checks it before it takes an upload."""
    found = Metadata.from_email(text, validate=True)
    assert found.version == Version(e2i.__version__), f"its metadata has the version {found.version}"
    assert found.description, "it has no description"


def sdist(file: Path, wheel: Path, rebuilt: Path) -> str:
    """The sdist has metadata, no files that are not sources, and gives the same wheel."""
    with tarfile.open(file) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert "PKG-INFO" in names
    left_out = [name for name in names if NOT_SHIPPED.search(name)]
    assert not left_out, f"{left_out[0]} is no source"
    assert rebuilt.read_bytes() == wheel.read_bytes(), "the wheel that it gives is another one"
    return f"{len(names)} files; gives the same wheel"


def installed(python: Path, home: Path) -> str:
    """The wheel works with the locked dependencies alone."""
    programs = python.parent
    alone = {"PATH": f"{programs}:{os.defpath}", "HOME": str(home)}
    said = ran(programs / "e2i", "--version", cwd=home, environment=alone).strip()
    assert said.endswith(e2i.__version__), f"e2i --version says {said}"
    ran(python, "-P", "-m", "e2i.controller", "--help", cwd=home, environment=alone)
    return f"installed with operator/requirements.lock: {said}"


def chart(helms: Sequence[Program], file: Path) -> str:
    """The chart has the version, and each Helm has no remark of lint on it and renders the same objects."""
    rendered = [_rendered(helm, file) for helm in helms]
    assert all(objects == rendered[0] for objects in rendered), "the Helms render it differently"
    assert "CustomResourceDefinition" in {item["kind"] for item in rendered[0]}
    versions = " and ".join(helm("version", "--template={{.Version}}") for helm in helms)
    return f"lint of Helm {versions} is silent; they render the same {len(rendered[0])} objects"


def _rendered(helm: Program, file: Path) -> list[Any]:
    described = yaml.safe_load(helm("show", "chart", file))
    assert described["version"] == described["appVersion"] == e2i.__version__
    values = ("--set", BUCKET) if described["name"] == "e2i-operator" else ()
    linted = helm.tried("lint", "--strict", file, *values)
    assert linted.returncode == 0, f"helm lint: {linted.stdout}{linted.stderr}"
    # Of which Kubernetes a Helm renders by itself is set when it is compiled.
    template = ("template", "x", file, f"--kube-version={VERSIONS[NEWEST]}", *values)
    return [item for item in yaml.safe_load_all(helm(*template)) if item]


def sbom(file: Path) -> str:
    """It is CycloneDX, and has the operator with its dependencies."""
    found = json.loads(file.read_text())
    assert found["bomFormat"] == "CycloneDX"
    versions = {item["name"]: item.get("version") for item in found["components"]}
    assert Version(versions.get("e2i-operator") or "0") == Version(e2i.__version__), (
        "the operator is not in it"
    )
    assert {"kopf", "boto3"} <= versions.keys()
    return f"{len(versions)} packages"
