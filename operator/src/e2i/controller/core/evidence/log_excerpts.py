"""Excerpts of the log of a failed container: its end without secrets, and the service's own exception. Pure.

A service that raises while it starts writes its traceback three times, and the supervisor of BentoML writes one of
its own below them. So the supervisor's is cut off, and the exception is looked for above the end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from e2i.controller.core.evidence.redaction import redact

SHOWN_LINES = 20
READ_LINES = 300
"""Lines that are read. The traceback of the supervisor alone has 60."""
LONGEST_LOG = 2048
"""Characters."""
_LONGEST_TEXT = 1 << 16
_LONGEST_EXCEPTION = 300
_MOST_WORDS = 5
"""Lines of an exception's own words."""

# Colours and cursor movements, then titles of windows, then every other escape of two characters.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[^\[\]]?")
_TRACEBACK = "Traceback (most recent call last):"
_REFUSAL = "Error: "
_SUPERVISOR = "No active process found for watcher"
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?::\s|$)")
_KEY_ERROR = re.compile(r"KeyError: '(?P<name>[A-Za-z_][A-Za-z0-9_]*)'")
_CHAINED = ("During handling of the above", "The above exception was the direct")
# BentoML's line for a request, then uvicorn's.
_ACCESS = re.compile(r"\(scheme=\w*,method=|\"[A-Z]+ \S+ HTTP/\d")
_ERROR_LINE = re.compile(r"\b(?:ERROR|CRITICAL|FATAL)\b|^Error: ")
_WARNING_LINE = re.compile(r"\bWARN(?:ING)?\b|Warning: ")
_RAISED_LINE = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception)(?::\s|$)")
# A line of a log begins with a time, a level or a bracket.
_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d|\[|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")


def plain_lines(log: str, secrets: tuple[str, ...]) -> list[str]:
    """Return the last lines of a log as a terminal shows them, without colours and secrets."""
    # Colours are removed first: they may be inside a secret.
    shown = "\n".join(_shown(line) for line in _ESCAPES.sub("", log[-_LONGEST_TEXT:]).split("\n"))
    return redact(shown, secrets).split("\n")[-READ_LINES:]


def log_excerpt(lines: Sequence[str]) -> str:
    """Return the last lines that are not empty, at most 20 lines and 2048 characters.

    What the supervisor of BentoML wrote about the end of the service is left out.
    """
    # Python's marks below the code in a traceback are left out too.
    told = [line for line in lines[: _end(lines)] if line.strip(" ^~")]
    text = "\n".join(told[-SHOWN_LINES:])
    return text if len(text) <= LONGEST_LOG else f"…{text[1 - LONGEST_LOG :]}"


def own_exception(lines: Sequence[str]) -> str:
    """Return the last exception of the service on one line; empty if the log has none.

    KeyError: 'FEATURE_STORE_KEY'
    """
    return _cut(_raised(lines) or _refused(lines))


def telling_line(lines: Sequence[str]) -> str:
    """Return the one line of an excerpt that says most; empty if it holds requests alone.

    The service's own exception, else the last error, else the last warning, else the last line that is no request.
    """
    told = [line for line in lines if line.strip() and not _ACCESS.search(line)]
    levels = (_ERROR_LINE, _WARNING_LINE)
    by_level = (next((line for line in reversed(told) if level.search(line)), "") for level in levels)
    # Of a long traceback the excerpt has only the end, without the line with which it begins.
    raised = next((line for line in reversed(told) if _RAISED_LINE.match(line)), "")
    return own_exception(lines) or raised or next(filter(None, by_level), told[-1] if told else "").strip()


def missing_variable(lines: Sequence[str]) -> str:
    """Return the environment variable whose lack is the last exception of the service; empty if it is another one.

    self.url = os.environ["FEATURE_STORE_URL"] above KeyError: 'FEATURE_STORE_URL' -> FEATURE_STORE_URL
    """
    if (found := _KEY_ERROR.fullmatch(_raised(lines))) is None:
        return ""
    last = max(number for number, line in enumerate(lines) if found.group() in line)
    # The code stands in the indented lines above, and with it that of os.environ itself.
    above = takewhile(lambda line: line.startswith(" "), reversed(lines[:last]))
    return found["name"] if any("os.environ" in line for line in above) else ""


def _raised(lines: Sequence[str]) -> str:
    """Return the exception below the last traceback that is the service's own."""
    for start in reversed([number for number, line in enumerate(lines) if _TRACEBACK in line]):
        words = _exception_below(lines, start)
        if words and _SUPERVISOR not in words:
            return words
    return ""


def _refused(lines: Sequence[str]) -> str:
    """Return the last line that says an error without a traceback: BentoML cannot import the service."""
    return next((line for line in reversed(lines) if line.startswith(_REFUSAL)), "")


def _cut(words: str) -> str:
    return words if len(words) <= _LONGEST_EXCEPTION else f"{words[: _LONGEST_EXCEPTION - 1]}…"


def _end(lines: Sequence[str]) -> int:
    """Return the number of lines before the supervisor's own traceback."""
    starts = [number for number, line in enumerate(lines) if _TRACEBACK in line]
    if starts and starts[-1] > 0 and _SUPERVISOR in _exception_below(lines, starts[-1]):
        return starts[-1]
    return len(lines)


def _exception_below(lines: Sequence[str], start: int) -> str:
    """Return the exception at the end of the traceback that begins at `start`: the first line without indentation."""
    for number in range(start + 1, len(lines)):
        line = lines[number]
        if not line.strip() or line.startswith((" ", "|")):
            continue
        return _words(lines, number) if _EXCEPTION.match(line) else ""
    return ""


def _words(lines: Sequence[str], number: int) -> str:
    """Return the exception with those of its own lines that follow, until the log goes on."""
    words = [lines[number].strip()]
    for line in lines[number + 1 : number + _MOST_WORDS]:
        if not line.strip() or line.startswith(_CHAINED) or _LOG_LINE.match(line) or _TRACEBACK in line:
            break
        words.append(line.strip())
    return " ".join(words)


def _shown(line: str) -> str:
    """Return the line as a terminal shows it: of a progress bar only the last state."""
    last = line.rstrip("\r").rpartition("\r")[2].replace("\t", "    ")
    return "".join(sign for sign in last if sign.isprintable()).rstrip()
