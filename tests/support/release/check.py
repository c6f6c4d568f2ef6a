"""`make release-check`: builds everything of a release twice, compares both, verifies it, and prints a table."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.release import artifacts, verification, version
from support.release.artifacts import CannotBuild, Tree
from support.release.version import PROJECT

import e2i

OUT = PROJECT / "dist" / "release"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Artifact:
    """One line of the table."""

    name: str
    sha256: str
    size: int | None
    same: bool
    """Both builds gave the same bytes."""
    seen: str = ""


def check(say: Say, *, with_image: bool, out: Path = OUT) -> list[Artifact]:
    """Build and verify everything of the commit; CannotBuild or AssertionError names what is wrong."""
    commit = artifacts.ran("git", "rev-parse", "HEAD").strip()
    with tempfile.TemporaryDirectory(prefix="e2i-release-") as name:
        # In folders of different names: a path that gets into a file shows.
        trees = [artifacts.unpack(Path(name) / folder / "source", commit) for folder in ("a", "another")]
        built = [_built(tree, say) for tree in trees]
        found = _verified(trees[0], built[0], built[1], say)
        if out.exists():
            shutil.rmtree(out)
        shutil.copytree(built[0], out)
        if with_image and not (missing := artifacts.missing_for_an_image()):
            found.append(_image(trees, say))
        elif with_image:
            say(f"no image was built and compared: {missing} is missing here")
    (out / "SHA256SUMS").write_text("".join(f"{each.sha256}  {each.name}\n" for each in found if each.size))
    return found


def _built(tree: Tree, say: Say) -> Path:
    out = tree.folder.parent / "out"
    say(f"building wheel, sdist, charts and SBOM of {tree.commit[:12]} in {out}")
    artifacts.python_packages(tree, out)
    artifacts.charts(tree, out, say)
    (wheel,) = out.glob("*.whl")
    artifacts.sbom(tree, artifacts.environment(tree.folder.parent / "venv", wheel), out)
    return out


def _verified(tree: Tree, out: Path, other: Path, say: Say) -> list[Artifact]:
    say("verifying them")
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("e2i_operator-*.tar.gz")
    beside = tree.folder.parent
    helms = artifacts.helms(say)
    seen = {
        wheel: f"{verification.wheel(tree, wheel)}; {verification.installed(beside / 'venv/bin/python', beside)}",
        sdist: verification.sdist(sdist, wheel, artifacts.wheel_of_sdist(tree, sdist, beside / "sdist")),
        **{file: verification.chart(helms, file) for file in out.glob("*.tgz")},
        **{file: verification.sbom(file) for file in out.glob("*.cdx.json")},
    }
    return [_compared(file, other / file.name, words) for file, words in seen.items()]


def _compared(file: Path, other: Path, seen: str) -> Artifact:
    content = file.read_bytes()
    same = other.is_file() and other.read_bytes() == content
    return Artifact(file.name, hashlib.sha256(content).hexdigest(), len(content), same, seen)


def _image(trees: list[Tree], say: Say) -> Artifact:
    name = f"ghcr.io/e2i-dev/e2i-operator:{e2i.__version__}"
    digests = []
    for tree in trees:
        say("building the image, which takes a minute or two")
        digests.append(artifacts.image(tree, name))
    return Artifact(
        name, digests[0].removeprefix("sha256:"), None, len(set(digests)) == 1, "in buildah's storage"
    )


def table(found: list[Artifact]) -> str:
    """Return the table for people."""
    rows = [("artifact", "bytes", "sha256", "twice the same")]
    rows += [(each.name, str(each.size or ""), each.sha256, "yes" if each.same else "NO") for each in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([*lines, "", *(f"{each.name}: {each.seen}" for each in found)])


def run(say: Say, *, with_image: bool) -> int:
    """Return the exit code, after the table or the sentence of what is wrong."""
    changed = artifacts.ran("git", "status", "--porcelain")
    if changed:
        say(
            "what is not committed is not looked at: "
            + " ".join(line[3:] for line in changed.splitlines()[:5])
        )
    try:
        found = check(say, with_image=with_image)
    except (AssertionError, CannotBuild) as wrong:
        say(f"NOT a release: {wrong}")
        return 1
    say(f"\n{table(found)}\n")
    if different := [each.name for each in found if not each.same]:
        say(f"NOT a release: two builds differ in {', '.join(different)}")
        return 1
    say(f"They are in {os.path.relpath(OUT)}. {_next()}")
    return 0


def _next() -> str:
    if version.is_release(e2i.__version__):
        return f"Next:  git tag --annotate v{e2i.__version__}"
    return f"{e2i.__version__} is not the version of a release: CONTRIBUTING.md says how one is made."
