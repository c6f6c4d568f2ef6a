"""Every command that a page writes: in blocks, in the examples of output, and in the middle of a sentence."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.page import BLOCK, steps_of_block

PROGRAMS = ("kubectl", "e2i", "make", "helm", "bentoml", "python")
"""What a sentence in code begins with when it is a command."""
_INLINE = re.compile(rf"(?<!`)`((?:\.venv/bin/)?(?:{'|'.join(PROGRAMS)}) [^`]+)`(?!`)")
_INDENTED = re.compile(rf"(?m)^ {{4,}}((?:{'|'.join(PROGRAMS)}) \S.*)$")
_REASON = re.compile(r"<!-- not run: (.+) -->")
_NESTED = re.compile(r"\$\(([^()]+)\)")
_PUNCTUATION = set("|&;()<>")
_BEFORE_A_COMMAND = {
    "do",
    "then",
    "else",
    "while",
    "until",
    "if",
    "!",
    "sudo",
    "eval",
    "exec",
    "time",
    "{",
    "$",
}
_TO_A_STREAM = re.compile(r"\d?>&\d|\d>\s*\S+")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass(frozen=True)
class Written:
    """A command as the page has it. `run` says that a test types it; `reason` is why none does.

    In a sentence it may be the name of a command only.
    """

    line: int
    text: str
    run: bool
    reason: str | None = None
    sentence: bool = False


def written_in(page: Path) -> Iterator[Written]:
    """Yield what `page` tells its reader to type, and what it names in its sentences."""
    text = page.read_text()
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("info")) + 1
        reason = reason_of(match)
        info = match["info"].split()
        # An example of output has commands too.
        shown = ["console"] if info == ["text"] and "$ " in match["body"] else info
        for step in steps_of_block(line, shown, match):
            if step.command is not None and "\nEND_OF_FILE" not in step.command:
                yield Written(step.line, step.command, info != ["text"] and not reason, reason)
    rest = BLOCK.sub(lambda match: "\n" * match[0].count("\n"), text)
    for found in (*_INLINE.finditer(rest), *_INDENTED.finditer(rest)):
        line = rest.count("\n", 0, found.start()) + 1
        if "`" not in found[1]:
            yield Written(line, " ".join(found[1].split()), run=False, sentence=found.re is _INLINE)


def reason_of(block: re.Match[str]) -> str | None:
    """Return why the runner leaves out a block, or None."""
    found = _REASON.search(block["skip"] or "")
    return found and found[1]


def simple_commands(text: str) -> list[list[str]]:
    """Return the programs that a command line starts, each with its words, in pipes and `$(...)` too."""
    one_line = text.replace("\\\n", " ").replace("\n", " ; ")
    lexer = shlex.shlex(_TO_A_STREAM.sub(" ", one_line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    skip = False
    for word in lexer:
        if skip:
            skip = False
        elif _PUNCTUATION.issuperset(word):
            skip = bool({"<", ">"} & set(word))
            if not skip:
                commands.append([])
        else:
            commands[-1].append(word)
    nested = [inner for words in commands for word in words for inner in _NESTED.findall(word)]
    found = [_without_what_comes_before(words) for words in commands]
    return [words for words in found if words] + [each for inner in nested for each in simple_commands(inner)]


def _without_what_comes_before(words: list[str]) -> list[str]:
    while words and (words[0] in _BEFORE_A_COMMAND or _ASSIGNMENT.match(words[0])):
        words = words[1:]
    return words
