"""The picture of a release in README.md, drawn from what a real run of a page printed.

python tests/docs/follow.py docs/howto/blue-green.md > run.txt     follow the page on your local cluster
python tests/docs/picture.py run.txt                               take the commands of COMMANDS from that run, and draw
python tests/docs/picture.py                                       only draw: docs/pictures/release.txt to release.svg
"""

from __future__ import annotations

import re
import sys
from html import escape as escape_markup
from pathlib import Path

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
RECORDED, DRAWN = PICTURES / "release.txt", PICTURES / "release.svg"
COMMANDS = (
    "kubectl apply -f churn.yaml",
    "kubectl e2i status churn -n models -w",
    "kubectl e2i history churn -n models",
)
LONGEST, AT_THE_END = 14, 5
"""Lines of one command; of more, the first ones and the last AT_THE_END are shown."""
WIDEST = 146
"""Characters; longer lines are cut."""
LINE, CHARACTER, MARGIN = 19, 7.83, 18
STYLE = (
    "text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
    "fill:#d0d7de}.command{fill:#ffffff;font-weight:600}"
    ".good{fill:#7ee787}.bad{fill:#ff7b72}.past{fill:#8b949e}"
)
_WORDS = {
    "good": r"\b(?:Ready|Serving|Verified|True)\b|\b(?P<pods>\d+)/(?P=pods) ready",
    "bad": r"\b(?:Failed|RolledBack|VerificationFailed|quarantined)\b",
    "past": r"\b(?:Superseded|previous)\b|[│├└─]+",
}
_MARKED = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _WORDS.items()))


def record(run: str) -> str:
    """Return what COMMANDS printed at the end of a run of follow.py, each behind its prompt."""
    steps = re.findall(r"^\d+: \$ (.+)\n((?:(?!\d+: \$ ).*\n)*)", run, re.MULTILINE)
    failing = max(index for index, (command, _) in enumerate(steps) if command == COMMANDS[-1])
    chosen = {command: printed for command, printed in steps[: failing + 1] if command in COMMANDS}
    blocks = [[f"$ {command}", *_shortened(chosen[command].strip("\n").splitlines())] for command in COMMANDS]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def draw(recorded: str) -> str:
    """Return the SVG of a terminal with the recorded lines."""
    lines = recorded.splitlines()
    width = round(max(map(len, lines)) * CHARACTER) + 2 * MARGIN
    height = len(lines) * LINE + 2 * MARGIN
    texts = [
        f'<text x="{MARGIN}" y="{MARGIN + LINE * row + 13}"{_class(line)}>{_marked(line)}</text>'
        for row, line in enumerate(lines)
        if line
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    title = "<title>A release that is refused, as kubectl e2i shows it</title>"
    frame = f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>'
    return "\n".join([head, title, f"<style>{STYLE}</style>", frame, *texts, "</svg>\n"])


def _class(line: str) -> str:
    return ' class="command"' if line.startswith("$ ") else ""


def _marked(line: str) -> str:
    """Return `line` as SVG, with words of good, bad and past states in their colour."""
    if line.startswith("$ "):
        return escape(line)
    parts, at = [], 0
    for found in _MARKED.finditer(line):
        parts += [
            escape(line[at : found.start()]),
            f'<tspan class="{found.lastgroup}">{escape(found[0])}</tspan>',
        ]
        at = found.end()
    return "".join([*parts, escape(line[at:])])


def escape(text: str) -> str:
    """Return `text` as SVG; its spaces stay, where a viewer would make one of several."""
    return escape_markup(text).replace(" ", "\u00a0")


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) > LONGEST:
        lines = [*lines[: LONGEST - AT_THE_END], "…", *lines[-AT_THE_END:]]
    return [_cut(line.rstrip()) for line in lines]


def _cut(line: str) -> str:
    return line if len(line) <= WIDEST else line[: WIDEST - 1] + "…"


if __name__ == "__main__":
    if sys.argv[1:]:
        RECORDED.write_text(record(Path(sys.argv[1]).read_text()))
    DRAWN.write_text(draw(RECORDED.read_text()))
