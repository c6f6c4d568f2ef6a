"""Writes a promoted release into the folder of an environment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from e2i.api import naming
from e2i.packaging.model_manifest import GOLDEN_PREFIX
from e2i.packaging.yaml_file import dump, list_in, load, read, with_blocks, write
from e2i.promotion.errors import PromotionRefused, Reason
from e2i.promotion.evidence import Evidence
from e2i.promotion.kustomization import Environment, Manifest, find, inherited, usable


def promoted(environment: Environment, name: str, evidence: Evidence, namespace: str) -> dict[Path, str]:
    """Return the texts of the files that change: the bento and the checks of `evidence`, and nothing else.

    Checks that only this environment has stay, except golden predictions of an earlier bento. A model that no file of
    the folder names gets a patch if the environment is based on a folder with it, else a manifest in `namespace`.
    """
    present = find(environment, name)
    if present is None:
        return _new(environment, name, evidence, namespace)
    _require_own(environment, present)
    text = read(present.file)
    content = usable(lambda: load(text, present.file))
    spec = content.get("spec")
    if spec is None:
        spec = content["spec"] = with_blocks({})
    named = spec.setdefault("bento", with_blocks({}))
    for field in ("store", "archive", "image"):
        if field not in evidence.bento:
            named.pop(field, None)
    named.update(with_blocks(evidence.bento))
    _write_checks(spec, evidence.checks)
    return {present.file: dump(content, like=text)}


@contextlib.contextmanager
def saved(files: Mapping[Path, str]) -> Iterator[list[Path]]:
    """Write the files; give those whose text changed. All of them are as before if anything fails meanwhile."""
    before = {file: file.read_bytes() if file.exists() else None for file in files}
    try:
        yield [file for file, text in files.items() if write(file, text)]
    except BaseException:
        for file, content in before.items():
            if content is None:
                file.unlink(missing_ok=True)
            elif file.read_bytes() != content:
                file.write_bytes(content)
        raise


def _new(environment: Environment, name: str, evidence: Evidence, namespace: str) -> dict[Path, str]:
    """Return a file for the model and the kustomization that lists it."""
    file = environment.folder / f"{name}.yaml"
    if file.exists():
        raise PromotionRefused(
            Reason.FolderUnusable,
            f"{file} exists, and {environment.file} does not list it as a file of {name}. List it, or move it away.",
        )
    base = inherited(environment, name)
    place = base.namespace if base else environment.namespace or namespace
    metadata = {"name": name, **({"namespace": place} if place else {})}
    spec: dict[str, Any] = {} if base else {"type": evidence.type}
    spec["bento"] = evidence.bento
    if evidence.checks:
        spec["rollout"] = dict(evidence.checks)
    made = {"apiVersion": naming.API_VERSION, "kind": naming.KIND, "metadata": metadata, "spec": spec}
    field, entry = ("patches", {"path": file.name}) if base else ("resources", file.name)
    listed = usable(lambda: list_in(environment.file, field, entry))
    return {file: dump(with_blocks(made)), environment.file: listed}


def _require_own(environment: Environment, present: Manifest) -> None:
    """Refuse a file that other environments may use too: the release would change there as well."""
    real = present.file.resolve()
    if not real.is_relative_to(environment.folder.resolve()):
        raise PromotionRefused(
            Reason.FolderUnusable,
            f"{present.file} is {real}, outside of the environment, where others may use it. Give the environment a "
            "file of its own.",
        )


def _write_checks(spec: Any, checks: Mapping[str, Any]) -> None:
    rollout = spec.get("rollout")
    if rollout is None and checks:
        rollout = spec["rollout"] = with_blocks({})
    if rollout is None:
        return
    before = rollout.get("verify") or []
    present = {check["name"]: check for check in before}
    passed = {check["name"]: check for check in checks.get("verify", ())}
    own = [
        check for name, check in present.items() if name not in passed and not name.startswith(GOLDEN_PREFIX)
    ]
    if verify := [*(_check(check, present.get(name)) for name, check in passed.items()), *own]:
        # An equal list stays as it is written.
        if verify != list(before):
            rollout["verify"] = verify
    else:
        rollout.pop("verify", None)
    if "contract" in checks and rollout.get("contract") != checks["contract"]:
        rollout["contract"] = with_blocks(checks["contract"])


def _check(passed: Mapping[str, Any], present: Any) -> Any:
    """The check as the folder has it if it is the same: somebody chose how it is written."""
    if present == passed:
        return present
    # The API server sorts the fields.
    return with_blocks({"name": passed["name"], "path": passed["path"], **passed})
