"""What a release consists of is the same each time it is built, and what is wrong with it is found."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deploy.programs import Program
from support.release import artifacts, check, verification
from support.release.artifacts import Tree

import e2i


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Tree]]:
    """The last commit twice, in folders of different names."""
    folder = tmp_path_factory.mktemp("release")
    commit = artifacts.ran("git", "rev-parse", "HEAD").strip()
    return [artifacts.unpack(folder / name / "source", commit) for name in ("a", "another")]


@pytest.fixture(scope="module")
def packages(trees: list[Tree], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Wheel and sdist."""
    out = tmp_path_factory.mktemp("packages")
    artifacts.python_packages(trees[0], out)
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


def test_wheel_and_sdist_are_in_order_and_the_sdist_gives_the_wheel(
    trees: list[Tree], packages: tuple[Path, Path], tmp_path: Path
) -> None:
    wheel, sdist = packages
    assert "as in operator/src" in verification.wheel(trees[0], wheel)
    rebuilt = artifacts.wheel_of_sdist(trees[0], sdist, tmp_path / "sdist")
    assert "gives the same wheel" in verification.sdist(sdist, wheel, rebuilt)


def test_both_charts_are_the_same_from_another_folder_and_in_order(
    trees: list[Tree], helm: Program, helm_3: Program, say: Callable[[str], None], tmp_path: Path
) -> None:
    for tree, name in zip(trees, ("first", "second"), strict=True):
        artifacts.charts(tree, tmp_path / name, say)
    files = sorted((tmp_path / "first").iterdir())
    assert [file.name for file in files] == [
        f"{name}-{e2i.__version__}.tgz" for name in sorted(artifacts.CHARTS)
    ]
    for file in files:
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes()
        assert "they render the same" in verification.chart((helm, helm_3), file)


def test_a_wheel_that_was_changed_afterwards_is_refused(
    trees: list[Tree], packages: tuple[Path, Path], tmp_path: Path
) -> None:
    changed = tmp_path / packages[0].name
    with zipfile.ZipFile(packages[0]) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content + b"\n# more\n" if name == "e2i/clock.py" else content)
    with pytest.raises(AssertionError, match=r"e2i/clock\.py has another sum"):
        verification.wheel(trees[0], changed)


def test_what_two_builds_have_different_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [check.Artifact("same.whl", "ab", 1, True), check.Artifact("other.tgz", "cd", 2, False)]
    monkeypatch.setattr(check, "check", lambda *_, **__: found)
    said: list[str] = []
    assert check.run(said.append, with_image=False) == 1
    assert said[-1] == "NOT a release: two builds differ in other.tgz"


@pytest.mark.deep
def test_everything_of_a_release_is_built_twice_compared_and_verified(
    say: Callable[[str], None], tmp_path: Path
) -> None:
    """The image too, where one is root and has buildah."""
    found = check.check(say, with_image=True, out=tmp_path / "release")
    assert [each.name for each in found if not each.same] == []
    sums = (tmp_path / "release" / "SHA256SUMS").read_text()
    assert {each.name for each in found if each.size} == {line.split()[1] for line in sums.splitlines()}
