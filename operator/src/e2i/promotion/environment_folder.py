"""Finds a model in the folder of an environment, and writes a promoted release into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2i.api import naming
from e2i.packaging.errors import PackagingError
from e2i.packaging.model_manifest import GOLDEN_PREFIX
from e2i.packaging.yaml_file import dump, list_resource, load, with_blocks, write
from e2i.promotion.errors import PromotionRefused, Reason
from e2i.promotion.evidence import Evidence

KUSTOMIZATION = "kustomization.yaml"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The file of a folder that says which bento a model has: its manifest, or a patch of it."""

    file: Path
    content: Mapping[str, Any]

    @property
    def spec(self) -> Mapping[str, Any]:
        return self.content.get("spec") or {}

    @property
    def namespace(self) -> str | None:
        return (self.content.get("metadata") or {}).get("namespace")


def find(folder: Path, name: str) -> Manifest | None:
    """Return the manifest of the model, or None. PromotionRefused if the folder cannot be read or names it twice."""
    if not (folder / KUSTOMIZATION).is_file():
        raise PromotionRefused(
            Reason.FolderUnusable, f"{folder} has no {KUSTOMIZATION}. Name the folder of an environment."
        )
    found = [each for each in _models(folder) if (each.content.get("metadata") or {}).get("name") == name]
    if len(found) > 1:
        raise PromotionRefused(
            Reason.FolderUnusable,
            f"{found[0].file} and {found[1].file} both say the bento of {name}. Leave it in one of them.",
        )
    return found[0] if found else None


def promoted(folder: Path, name: str, evidence: Evidence, namespace: str) -> dict[Path, str]:
    """Return the texts of the files that change: the bento and the checks of `evidence`, and nothing else.

    Checks that only this environment has stay, except golden predictions of an earlier bento. A model that is not in
    the folder yet gets a manifest in `namespace`.
    """
    present = find(folder, name)
    if present is None:
        made = {
            "apiVersion": naming.API_VERSION,
            "kind": naming.KIND,
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"type": evidence.type, "bento": evidence.bento},
        }
        if evidence.checks:
            made["spec"]["rollout"] = dict(evidence.checks)  # type: ignore[index]
        file = folder / f"{name}.yaml"
        listed = _usable(lambda: list_resource(folder / KUSTOMIZATION, file.name))
        return {file: dump(with_blocks(made)), folder / KUSTOMIZATION: listed}
    content = _usable(lambda: load(present.file.read_text(), present.file))
    spec = content.setdefault("spec", with_blocks({}))
    named = spec.setdefault("bento", with_blocks({}))
    for field in ("store", "archive", "image"):
        if field not in evidence.bento:
            named.pop(field, None)
    named.update(with_blocks(evidence.bento))
    _write_checks(spec, evidence.checks)
    return {present.file: dump(content)}


def save(files: Mapping[Path, str]) -> list[Path]:
    """Write the files; return those whose text changed."""
    return [file for file, text in files.items() if write(file, text)]


def _write_checks(spec: Any, checks: Mapping[str, Any]) -> None:
    rollout = spec.get("rollout")
    if rollout is None and checks:
        rollout = spec["rollout"] = with_blocks({})
    if rollout is None:
        return
    present = {check["name"]: check for check in rollout.get("verify") or ()}
    passed = {check["name"]: check for check in checks.get("verify", ())}
    own = [
        check for name, check in present.items() if name not in passed and not name.startswith(GOLDEN_PREFIX)
    ]
    if verify := [*(_check(check, present.get(name)) for name, check in passed.items()), *own]:
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


def _models(folder: Path) -> Iterator[Manifest]:
    """The files of the folder's kustomization with one E2IModel each that names a bento."""
    kustomization = _usable(lambda: load((folder / KUSTOMIZATION).read_text(), folder / KUSTOMIZATION))
    resources = kustomization.get("resources") or ()
    patches = (patch.get("path") for patch in kustomization.get("patches") or ())
    for name in (*resources, *patches):
        file = folder / str(name)
        if not file.is_file():
            continue
        # A file with several objects is none of ours: its other objects are not read.
        try:
            content = load(file.read_text(), file)
        except PackagingError:
            continue
        if content.get("kind") == naming.KIND and "bento" in (content.get("spec") or {}):
            yield Manifest(file=file, content=content)


def _usable(read: Any) -> Any:
    try:
        return read()
    except PackagingError as error:
        raise PromotionRefused(Reason.FolderUnusable, error.message) from error
