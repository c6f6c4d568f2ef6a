"""What BentoML writes is read; the same cut off anywhere is refused, and never for the style of its service.

The files in `bentos/` were written by BentoML 1.4.39; tests/s3/test_bentoml_agrees.py builds such bentos again.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from e2i.api.tags import Tag
from e2i.archive.bento_yaml import is_old_style, read_description
from e2i.archive.errors import BentoUnreadable
from e2i.archive.file_listing import list_tree

WRITTEN = Path(__file__).with_name("bentos")
FORMS = {
    "new_style": ("docker", 2, False),
    "new_style_with_wheels": ("wheels", 1, False),
    "old_style": ("old", 1, True),
}


def put(folder: Path, text: str) -> None:
    (folder / "bento.yaml").write_text(text)


@pytest.mark.parametrize("form", FORMS)
def test_what_bentoml_writes_is_read(form: str, tmp_path: Path) -> None:
    name, spec, old = FORMS[form]
    put(tmp_path, (WRITTEN / f"{form}.yaml").read_text())
    description = read_description(list_tree(tmp_path), Tag(name, "1"))
    assert (description["spec"], is_old_style(description)) == (spec, old)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_is_cut_anywhere_is_refused_as_such(form: str, tmp_path: Path) -> None:
    text = (WRITTEN / f"{form}.yaml").read_text()
    # `build_include` is younger than spec 2: a file that ends just before it may be whole.
    whole = {len(text), text.find("  build_include")}
    lines = [at + 1 for at, character in enumerate(text) if character == "\n"]
    for end in {0, *lines, *(end - 3 for end in lines)} - whole:
        put(tmp_path, text[:end])
        with pytest.raises(
            BentoUnreadable, match=r"incomplete|cannot be read|does not describe|says that it is"
        ) as refused:
            read_description(list_tree(tmp_path), Tag(FORMS[form][0], "1"))
        assert "Runner" not in refused.value.message


def test_the_message_names_what_is_missing(tmp_path: Path) -> None:
    content = yaml.safe_load((WRITTEN / "new_style.yaml").read_text())
    del content["image"], content["schema"]
    put(tmp_path, yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(
        BentoUnreadable, match=r"is incomplete: it has no schema, image\. Build docker:1 again"
    ):
        read_description(list_tree(tmp_path), Tag("docker", "1"))
