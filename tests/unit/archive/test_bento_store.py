"""A bento is found exactly, whole and harmless, or the reason why not names what to do."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.stores import a_bento, a_model

from e2i.api.tags import Tag, parse_tag
from e2i.archive.bento_store import FoundBento, find_bento
from e2i.archive.errors import (
    BentoNotFound,
    BentoUnreadable,
    ExportError,
    ModelMissing,
    NoDeclaredModel,
    UnsafeFile,
)

TAG = Tag("churn", "1.0.0")


def paths(bento: FoundBento) -> set[str]:
    return {piece.member.path for piece in bento.pieces}


def test_a_bento_is_found_with_its_models(tmp_path: Path) -> None:
    folder = a_bento(tmp_path)
    bento = find_bento(tmp_path, TAG)
    assert (bento.tag, bento.path, bento.service, bento.bentoml_version) == (TAG, folder, "churn", "1.4.39")
    assert [str(model.tag) for model in bento.models] == ["weights:7"]
    assert {"bento.yaml", "models/weights/7/weights.bin", "models/weights/latest"} <= paths(bento)


def test_models_of_the_bento_and_of_its_services_are_both_found(tmp_path: Path) -> None:
    services = [{"models": [{"tag": "weights:7"}]}, {"models": [{"tag": "third:3"}]}]
    a_bento(tmp_path, uses=(), models=[{"tag": "other:2"}], services=services)
    for tag in ("weights:7", "other:2", "third:3"):
        a_model(tmp_path, tag)
    found = [str(model.tag) for model in find_bento(tmp_path, TAG).models]
    assert found == ["other:2", "third:3", "weights:7"]


def test_of_two_versions_of_a_model_the_newer_is_latest_in_the_archive(tmp_path: Path) -> None:
    references = [
        {"tag": "weights:a", "creation_time": "2026-05-01"},
        {"tag": "weights:b", "creation_time": "2026-01-01"},
    ]
    a_bento(tmp_path, uses=(), services=[{"models": references}])
    for reference in references:
        a_model(tmp_path, reference["tag"])
    latest = [p.content for p in find_bento(tmp_path, TAG).pieces if p.member.path == "models/weights/latest"]
    assert latest == [b"a"]


@pytest.mark.parametrize("asked", ["churn:1.0", "churn:1", "chur:1.0.0", "churn:1.0.0.0"])
def test_a_tag_that_is_only_near_is_not_found(tmp_path: Path, asked: str) -> None:
    a_bento(tmp_path)
    with pytest.raises(BentoNotFound, match=asked):
        find_bento(tmp_path, parse_tag(asked))


def test_at_most_five_near_versions_are_named(tmp_path: Path) -> None:
    for version in range(7):
        a_bento(tmp_path, f"churn:2.{version}")
    with pytest.raises(BentoNotFound, match=r"it has churn:2\.\d(, churn:2\.\d){4} and 2 more\."):
        find_bento(tmp_path, TAG)


def test_a_name_that_resembles_another_is_answered_with_it(tmp_path: Path) -> None:
    """BentoML names the bento of the class AdmissionService admission_service."""
    for name in ("admission_service", "churn"):
        a_bento(tmp_path, f"{name}:1.0.0")
    with pytest.raises(BentoNotFound, match=r"named admissionservice,.* Did you mean admission_service\? If"):
        find_bento(tmp_path, parse_tag("admissionservice:1.0.0"))
    with pytest.raises(
        BentoNotFound, match=r"named fraud, in no version\. Build fraud:1 or import it there\."
    ):
        find_bento(tmp_path, parse_tag("fraud:1"))


def test_without_a_store_the_bento_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(BentoNotFound, match="no bento named churn"):
        find_bento(tmp_path / "nowhere", TAG)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="half copied: no bento.yaml"),
        pytest.param("", id="an empty file"),
        pytest.param("[1, 2]", id="a list"),
        pytest.param("name: churn\nversion: 1.0.0", id="no service"),
        pytest.param("a: b: c", id="no YAML"),
        pytest.param("[" * 100_000, id="YAML nested without end"),
    ],
)
def test_a_broken_bento_is_unreadable_and_the_good_one_beside_it_is_found(
    tmp_path: Path, text: str | None
) -> None:
    broken = a_bento(tmp_path) / "bento.yaml"
    a_bento(tmp_path, "churn:2.0.0")
    broken.unlink() if text is None else broken.write_text(text)
    with pytest.raises(BentoUnreadable, match=r"churn.1\.0\.0"):
        find_bento(tmp_path, TAG)
    assert find_bento(tmp_path, Tag("churn", "2.0.0")).tag.version == "2.0.0"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"name": "other"}, "says that it is other:1.0.0, not churn:1.0.0", id="another bento's"),
        pytest.param({"version": "1.0"}, "says that it is churn:1.0, not", id="another version's"),
        pytest.param({"spec": 3}, r"spec 3; known are 1 and 2.*BentoML 1\.4", id="a form of the future"),
        pytest.param({"spec": [1]}, "unknown form", id="a form that is no number"),
        pytest.param({"spec": True}, "unknown form", id="a form that is a truth"),
        pytest.param({"models": 7}, "lists its models", id="models in no form"),
        pytest.param({"models": ["x"]}, "lists its models", id="models as words"),
        pytest.param({"services": "all"}, "lists its models", id="services as a word"),
        pytest.param({"models": [{"tag": "x"}]}, "without an exact tag", id="no exact model"),
        pytest.param({"image": None}, "it has no image.post_commands", id="an image without content"),
    ],
)
def test_a_description_with_a_wrong_value_is_refused_by_it(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    a_bento(tmp_path, **changes)
    with pytest.raises(BentoUnreadable, match=sentence):
        find_bento(tmp_path, TAG)


@pytest.mark.parametrize("part", ["src", "env"])
@pytest.mark.parametrize("left", [False, True], ids=["without the folder", "with an empty folder"])
def test_a_bento_that_was_copied_in_part_is_refused(tmp_path: Path, part: str, left: bool) -> None:
    folder = a_bento(tmp_path) / part
    shutil.rmtree(folder)
    if left:
        (folder / "inner").mkdir(parents=True)
    with pytest.raises(
        BentoUnreadable, match=rf"churn:1\.0\.0 has no file in {part}/, as if it was copied in part"
    ):
        find_bento(tmp_path, TAG)


@pytest.mark.parametrize(
    ("service", "files", "missing"),
    [
        pytest.param("service:churn", ["data.py"], "src/service.py", id="its module"),
        pytest.param("service.py:churn", ["data.py"], "src/service.py", id="its module, named as a file"),
        pytest.param("./web/api.py:churn", ["web/data.py"], "src/web/api.py", id="its module in a folder"),
        pytest.param("web.api:churn", ["web/__init__.py"], "src/web/api.py", id="its module in a package"),
        pytest.param("service:churn", ["service.py"], "", id="nothing"),
        pytest.param("service", ["service.py"], "", id="nothing, if only the module is named"),
        pytest.param("./web/api.py:churn", ["web/api.py"], "", id="nothing, named as a file"),
        pytest.param("service:churn", ["service/__init__.py"], "", id="nothing, if the module is a folder"),
        pytest.param(
            "service:churn", ["service.cpython-311-x86_64-linux-gnu.so"], "", id="nothing if compiled"
        ),
        pytest.param("shop.api:churn", ["data.py"], "", id="nothing, as the package may be installed"),
        pytest.param("", ["data.py"], "", id="nothing that is named"),
        pytest.param("../x.py:churn", ["data.py"], "", id="nothing that can be known"),
    ],
)
def test_a_bento_without_the_module_of_its_service_is_refused(
    tmp_path: Path, service: str, files: list[str], missing: str
) -> None:
    source = a_bento(tmp_path, service=service) / "src"
    (source / "service.py").unlink()
    for name in files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("")
    if not missing:
        assert find_bento(tmp_path, TAG)
        return
    with pytest.raises(BentoUnreadable, match=rf"churn:1\.0\.0 has no {missing}, .* copied in part"):
        find_bento(tmp_path, TAG)


@pytest.mark.parametrize("lost", ["weights/7", "weights/7/model.yaml"])
def test_a_model_that_is_not_whole_in_the_store_is_missing(tmp_path: Path, lost: str) -> None:
    a_bento(tmp_path)
    path = tmp_path / "models" / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(ModelMissing, match="weights:7"):
        find_bento(tmp_path, TAG)


def test_a_near_version_of_the_model_is_not_taken_for_it(tmp_path: Path) -> None:
    a_bento(tmp_path)
    (tmp_path / "models/weights/7").rename(tmp_path / "models/weights/7.1")
    with pytest.raises(ModelMissing):
        find_bento(tmp_path, TAG)


SPEC_1 = {
    "spec": 1,
    "runners": [],
    "apis": [],
    "docker": {},
    "python": {"wheels": ["a-1-py3-none-any.whl"]},
    "conda": {"environment_yml": None, "channels": None, "dependencies": None, "pip": None},
}
OLD_STYLE = {
    **SPEC_1,
    "models": [{"tag": "weights:7", "module": "bentoml.xgboost"}],
    "services": [],
    "runners": [{"name": "trees", "runnable_type": "Booster", "models": ["weights:7"]}],
    "apis": [{"name": "classify", "input_type": "JSON", "output_type": "JSON"}],
}


def test_an_old_style_bento_is_found_with_the_models_of_its_runners(tmp_path: Path) -> None:
    a_bento(tmp_path, **OLD_STYLE)
    bento = find_bento(tmp_path, TAG)
    assert [str(model.tag) for model in bento.models] == ["weights:7"]
    assert {"bento.yaml", "models/weights/7/weights.bin", "models/weights/latest"} <= paths(bento)


def test_a_bento_that_does_not_say_its_form_is_an_old_one(tmp_path: Path) -> None:
    file = a_bento(tmp_path, **OLD_STYLE) / "bento.yaml"
    of_1_0 = yaml.safe_load(file.read_text())
    for later in ("spec", "entry_service", "services", "envs", "schema", "image"):
        del of_1_0[later]
    file.write_text(yaml.safe_dump(of_1_0, sort_keys=False))
    bento = find_bento(tmp_path, TAG)
    assert (bento.service, [str(model.tag) for model in bento.models]) == ("churn", ["weights:7"])


def test_an_old_style_bento_without_models_is_told_where_they_are_declared(tmp_path: Path) -> None:
    a_bento(tmp_path, uses=(), **OLD_STYLE | {"models": []})
    with pytest.raises(NoDeclaredModel, match=r"Runner\(\.\.\., models="):
        find_bento(tmp_path, TAG)


def test_a_new_style_bento_that_is_written_in_the_old_form_gets_advice_for_new_ones(tmp_path: Path) -> None:
    a_bento(tmp_path, uses=(), **SPEC_1)
    with pytest.raises(NoDeclaredModel, match=r"bentoml\.models\.BentoModel") as refused:
        find_bento(tmp_path, TAG)
    assert "Runner" not in refused.value.message


def test_a_bento_without_a_declared_model_is_refused(tmp_path: Path) -> None:
    a_bento(tmp_path, uses=())
    with pytest.raises(NoDeclaredModel, match="BentoModel"):
        find_bento(tmp_path, TAG)


@pytest.mark.parametrize("value", ["true", True])
def test_the_author_may_say_that_no_model_is_needed(tmp_path: Path, value: object) -> None:
    a_bento(tmp_path, uses=(), labels={"e2i.dev/no-model": value})
    assert not any(path.startswith("models") for path in paths(find_bento(tmp_path, TAG)))


@pytest.mark.parametrize("labels", [None, [], {"e2i.dev/no-model": "false"}])
def test_any_other_label_does_not_excuse_a_missing_model(tmp_path: Path, labels: object) -> None:
    a_bento(tmp_path, uses=(), labels=labels)
    with pytest.raises(NoDeclaredModel):
        find_bento(tmp_path, TAG)


def test_a_model_of_another_registry_is_declared_but_not_carried(tmp_path: Path) -> None:
    a_bento(tmp_path, uses=(), services=[{"models": [{"tag": "llm:1", "registry": "huggingface"}]}])
    assert find_bento(tmp_path, TAG).models == ()


def test_leftovers_of_an_export_and_of_serving_are_not_part_of_the_bento(tmp_path: Path) -> None:
    folder = a_bento(tmp_path)
    before = find_bento(tmp_path, TAG)
    (folder / "models/weights/7").mkdir(parents=True)
    (folder / "models/weights/7/weights.bin").write_text("cut o")
    (folder / "src/__pycache__").mkdir()
    (folder / "src/__pycache__/service.pyc").write_text("bytecode")
    after = find_bento(tmp_path, TAG)
    assert (after.pieces, after.signature) == (before.pieces, before.signature)


def _symlink_out(file: Path) -> None:
    file.symlink_to("/etc/hostname")


def _relative_link_out(file: Path) -> None:
    file.symlink_to("../../../../../outside")
    (file.parent / "../../../../../outside").resolve().write_text("secret")


def _link_through_a_link(file: Path) -> None:
    (file.parent / "step").symlink_to("/etc")
    file.symlink_to("step/hostname")


def _absolute_link_inside(file: Path) -> None:
    file.symlink_to(file.parent / "service.py")


def _dangling(file: Path) -> None:
    file.symlink_to("gone")


def _loop(file: Path) -> None:
    file.symlink_to(file.name)


def _fifo(file: Path) -> None:
    os.mkfifo(file)


def _socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        # A path of its own length: an address of this kind holds 107 bytes.
        os.chdir(file.parent)
        server.bind(file.name)


def _hard_link(file: Path) -> None:
    file.hardlink_to(file.parent / "service.py")


def _odd_name(file: Path) -> None:
    Path(os.fsdecode(os.fsencode(file) + b"\xff")).write_text("")


@pytest.mark.parametrize("where", ["bentos/churn/1.0.0/src/evil", "models/weights/7/evil"])
@pytest.mark.parametrize(
    "make",
    [
        _symlink_out,
        _relative_link_out,
        _absolute_link_inside,
        _dangling,
        _loop,
        _fifo,
        _socket,
        _odd_name,
    ],
)
def test_what_must_not_leave_the_machine_is_refused_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, make: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    a_bento(tmp_path / "a/store")
    file = tmp_path / "a/store" / where
    (file.parent / "service.py").touch()
    make(file)
    with pytest.raises(UnsafeFile, match="evil"):
        find_bento(tmp_path / "a/store", TAG)


@pytest.mark.parametrize("make", [_hard_link, _link_through_a_link])
def test_a_second_name_and_a_detour_are_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = a_bento(tmp_path)
    make(folder / "src/evil")
    with pytest.raises(UnsafeFile, match="src"):
        find_bento(tmp_path, TAG)


def test_a_fifo_as_description_is_not_waited_for(tmp_path: Path) -> None:
    file = a_bento(tmp_path) / "bento.yaml"
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(UnsafeFile, match=r"bento\.yaml"):
        find_bento(tmp_path, TAG)


@pytest.mark.parametrize(
    "linked", ["bentos/churn/1.0.0", "bentos/churn", "models/weights/7", "models/weights"]
)
def test_a_folder_of_the_store_that_is_a_link_is_refused(tmp_path: Path, linked: str) -> None:
    a_bento(tmp_path / "store")
    (tmp_path / "store" / linked).rename(tmp_path / "elsewhere")
    (tmp_path / "store" / linked).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeFile, match="link"):
        find_bento(tmp_path / "store", TAG)


def test_a_store_that_is_itself_a_link_is_fine(tmp_path: Path) -> None:
    a_bento(tmp_path / "store")
    (tmp_path / "link").symlink_to("store")
    assert find_bento(tmp_path / "link", TAG).tag == TAG


def test_more_files_than_memory_should_hold_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("e2i.archive.file_listing.MAX_MEMBERS", 10)
    folder = a_bento(tmp_path)
    for number in range(11):
        (folder / f"src/{number}").touch()
    with pytest.raises(UnsafeFile, match="more than 10 files"):
        find_bento(tmp_path, TAG)


@pytest.fixture
def nobody() -> Iterator[Callable[[], None]]:
    """Become a user who owns nothing, until the test ends."""
    before = os.geteuid()
    if before != 0:
        pytest.skip("only root can become somebody else")
    yield lambda: os.seteuid(65534)
    os.seteuid(before)


@pytest.mark.parametrize(
    "closed", ["bentos/churn/1.0.0", "models/weights/7", "bentos/churn/1.0.0/bento.yaml"]
)
def test_what_the_operator_may_not_read_is_named(nobody: Callable[[], None], closed: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        a_bento(Path(folder))
        (Path(folder) / closed).chmod(0)
        nobody()
        with pytest.raises(BentoUnreadable, match=rf"user 65534 may not read .*{closed}"):
            find_bento(Path(folder), TAG)
        os.seteuid(0)


def test_a_link_inside_the_bento_stays_a_link(tmp_path: Path) -> None:
    folder = a_bento(tmp_path)
    (folder / "src/also.py").symlink_to("service.py")
    targets = {piece.member.path: piece.member.target for piece in find_bento(tmp_path, TAG).pieces}
    assert targets["src/also.py"] == "service.py"


def test_every_failure_has_its_class_as_reason() -> None:
    assert BentoNotFound("x").reason == "BentoNotFound"
    assert all(kind.__doc__ for kind in ExportError.__subclasses__())
