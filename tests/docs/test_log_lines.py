"""docs/howto/read-the-logs.md has every line that the operator can write at INFO or above, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from support.log_lines import lines

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "read-the-logs.md"
_VALUE = re.compile(r"%[.\d]*[srdg]")
_ROW = re.compile(r"^\| `(.+?)` \| ([a-z ]+) \| .+ \| .+ \|$", re.MULTILINE)


def test_the_page_has_every_line_with_its_severity() -> None:
    written = {(_VALUE.sub("…", line), level) for line, level in lines()}
    _, table = PAGE.read_text().split("## Every line")
    assert set(_ROW.findall(table)) == written
