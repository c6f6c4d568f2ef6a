"""A page of the documentation as what a reader does with it: files to write and commands to run, in order.

The notation, which tests/docs/README.md describes for writers:

    ```console       lines behind "$ " are run, what follows them is compared with what they print;
                     a block without such a line is a part of what the last command printed
    ```sh            every line is run and must succeed
    ```python f.py   the block is the file f.py: any language, then a name
    <!-- not run: reason -->   before a block: it is left out

Any other block (```text, ```yaml without a name) is only read.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?P<skip> *<!-- not run: [^\n]+ -->\n)?^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_PROMPT = "$ "
_END_OF_FILE = "END_OF_FILE"


@dataclass(frozen=True)
class Step:
    """One command and what the page says it prints; None where the page shows nothing to compare.

    Without a command, `output` is a part of what the last one printed.
    """

    line: int
    command: str | None
    output: str | None = None


def steps_of(page: Path) -> list[Step]:
    """Return what a reader of `page` types, in order; ValueError for a command that bash cannot read."""
    text = page.read_text()
    found: list[Step] = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("info")) + 1
        if not match["skip"]:
            found += steps_of_block(line, match["info"].split(), match)
    return found


def _dedented(match: re.Match[str]) -> list[str]:
    return [line.removeprefix(match["indent"]) for line in match["body"].splitlines()]


def steps_of_block(line: int, info: list[str], block: re.Match[str]) -> list[Step]:
    """Return what a reader does with a block at `line`, if what stands behind its fence is `info`."""
    body = _dedented(block)
    match info:
        case ["console"]:
            return _console(line + 1, body)
        case ["sh"]:
            return [Step(line, command) for command in _commands(line + 1, body)]
        case [_, name]:
            return [Step(line, f"cat > {name} <<'{_END_OF_FILE}'\n" + "\n".join([*body, _END_OF_FILE]))]
    return []


def _console(line: int, body: list[str]) -> list[Step]:
    steps: list[Step] = []
    if not any(text.startswith(_PROMPT) for text in body):
        return [Step(line, None, "\n".join(["...", *body, "..."]))]
    starts = [index for index, text in enumerate(body) if text.startswith(_PROMPT)]
    for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
        rest = [body[start].removeprefix(_PROMPT), *body[start + 1 : end]]
        command, used = _first_command(line + start, rest)
        printed = "\n".join(rest[used:]).strip("\n")
        steps.append(Step(line + start, command, printed or None))
    return steps


def _commands(line: int, body: list[str]) -> list[str]:
    commands, rest = [], body
    while rest:
        command, used = _first_command(line, rest)
        line, rest = line + used, rest[used:]
        if command.strip():
            commands.append(command)
    return commands


def _first_command(line: int, lines: list[str]) -> tuple[str, int]:
    """Return the shortest run of `lines` that bash reads as complete, and its length."""
    for used in range(1, len(lines) + 1):
        command = "\n".join(lines[:used])
        if not lines[used - 1].endswith("\\") and _is_complete(command):
            return command, used
    raise ValueError(f"line {line}: bash cannot read {lines[0]!r} as a command")


def _is_complete(command: str) -> bool:
    checked = subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True)
    return checked.returncode == 0 and not checked.stderr
