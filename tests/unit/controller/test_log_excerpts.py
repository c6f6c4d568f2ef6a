"""What is kept of a container's log: its end in plain text, and the service's own exception."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2i.controller.core.evidence.log_excerpts import (
    LONGEST_LOG,
    SHOWN_LINES,
    log_excerpt,
    missing_variable,
    own_exception,
    plain_lines,
    telling_line,
)

# As BentoML 1.4.39 writes it when a service raises in its constructor, without the frames in the middle.
RAISED = """\
2026-11-29T23:47:33+0000 [ERROR] [entry_service:envneed:1] Initializing service error
Traceback (most recent call last):
  File "/home/bentoml/bento/src/service.py", line 7, in __init__
    self.key = os.environ["FEATURE_STORE_KEY"]
               ~~~~~~~~~~^^^^^^^^^^^^^^^^^^^^^
  File "<frozen os>", line 679, in __getitem__
KeyError: 'FEATURE_STORE_KEY'
2026-11-29T23:47:33+0000 [ERROR] [entry_service:envneed:1] Traceback (most recent call last):
  File "/app/.venv/lib/python3.11/site-packages/starlette/routing.py", line 661, in lifespan
    async with self.lifespan_context(app) as maybe_state:
  File "<frozen os>", line 679, in __getitem__
KeyError: 'FEATURE_STORE_KEY'

2026-11-29T23:47:33+0000 [ERROR] [entry_service:envneed:1] Application startup failed. Exiting.
"""
TB = "Traceback (most recent call last):\n  File\n"
SUPERVISOR = (
    "Traceback (most recent call last):\n"
    + '  File "/app/.venv/lib/python3.11/site-packages/circus/arbiter.py", line 556, in start\n    raise exc\n'
    * 30
    + "RuntimeError: No active process found for watcher.\n"
)


def excerpt_of(log: str, *secrets: str) -> str:
    return log_excerpt(plain_lines(log, secrets))


def exception_in(log: str) -> str:
    return own_exception(plain_lines(log, ()))


def test_the_service_s_own_exception_is_found_above_the_supervisor_s() -> None:
    assert exception_in(RAISED) == "KeyError: 'FEATURE_STORE_KEY'"
    assert exception_in(RAISED + SUPERVISOR) == "KeyError: 'FEATURE_STORE_KEY'"


ACCESS = (
    "2026-11-29T23:47:33+0000 [INFO] [entry_service:churn:1] 127.0.0.1:38970 (scheme=http,method=GET,path=/readyz,"
    "type=,length=) (status=503,type=text/plain,length=1) 0.5ms (trace=1,span=2,sampled=0,service.name=churn)"
)
UVICORN = 'INFO:     127.0.0.1:4 - "GET /metrics HTTP/1.1" 200 OK'


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        pytest.param([*RAISED.splitlines(), ACCESS], "KeyError: 'FEATURE_STORE_KEY'", id="its own exception"),
        pytest.param(
            ["WARNING: old", "[ERROR] golden differs", "WARNING: slow", "up", ACCESS],
            "[ERROR] golden differs",
            id="the last error, also before a warning",
        ),
        pytest.param(
            [
                '    raise URLError("x")',
                "urllib.error.URLError: <no such host>",
                "",
                "[ERROR] Exiting.",
                ACCESS,
            ],
            "urllib.error.URLError: <no such host>",
            id="the end of a traceback that is cut",
        ),
        pytest.param(
            ["UserWarning: other version", "up", ACCESS], "UserWarning: other version", id="a warning"
        ),
        pytest.param(["up", "  loaded the model", ACCESS, UVICORN, ""], "loaded the model", id="no request"),
        pytest.param([ACCESS, UVICORN], "", id="requests alone say nothing"),
        pytest.param([], "", id="no log"),
    ],
)
def test_one_line_stands_for_a_log(lines: list[str], told: str) -> None:
    assert telling_line(lines) == told


def test_the_supervisor_s_traceback_is_left_out_of_the_excerpt() -> None:
    shown = excerpt_of(RAISED + SUPERVISOR)
    assert shown == excerpt_of(RAISED)
    assert shown.endswith("Application startup failed. Exiting.")
    assert "KeyError: 'FEATURE_STORE_KEY'" in shown
    assert len(shown.splitlines()) <= SHOWN_LINES


def test_a_supervisor_that_says_all_there_is_stays() -> None:
    assert excerpt_of(SUPERVISOR).endswith("RuntimeError: No active process found for watcher.")
    assert exception_in(SUPERVISOR) == ""


@pytest.mark.parametrize(
    ("log", "exception"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("Killed\n", "", id="no traceback"),
        pytest.param(
            "Error: [serve] `serve` failed: No module named 'helper'\nIf you are trying to import\n",
            "Error: [serve] `serve` failed: No module named 'helper'",
            id="a service that cannot be imported",
        ),
        pytest.param(f"Error: earlier\n{TB}my.pkg.Bad: no\n", "my.pkg.Bad: no", id="a traceback says more"),
        pytest.param("Traceback (most recent call last):\n  File", "", id="a traceback that was cut"),
        pytest.param(f"{TB}2026-11-29 end", "", id="without its exception"),
        pytest.param(f"{TB}KeyboardInterrupt\n", "KeyboardInterrupt",
                     id="an exception without words"),
        pytest.param(f"{TB}my.pkg.Bad: no\n", "my.pkg.Bad: no", id="of a package"),
        pytest.param(
            f"{TB}ValueError: the scaler has 3 features,\nbut the model wants 4\n"
            "2026-11-29T23:49:39+0000 [ERROR] Application startup failed. Exiting.",
            "ValueError: the scaler has 3 features, but the model wants 4", id="words of two lines"),
        pytest.param(
            f"{TB}KeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n\n"
            f"{TB}RuntimeError: no model\n",
            "RuntimeError: no model", id="of a chain the one that was raised"),
        pytest.param(f"{TB}A: 1\n" * 2 + f"{TB}B: 2",
                     "B: 2", id="the last one"),
    ],
)  # fmt: skip
def test_an_exception_is_told_in_its_own_words(log: str, exception: str) -> None:
    assert exception_in(log) == exception


LOOKED_UP = """Traceback (most recent call last):
  File "s.py", line 9, in __init__
    key = {code}["KEY"]
{inner}KeyError: 'KEY'
"""
FROM_OS = LOOKED_UP.format(code="os.environ", inner='  File "<frozen os>", line 679, in __getitem__\n')
FROM_SETTINGS = LOOKED_UP.format(code="settings", inner="")


@pytest.mark.parametrize(
    ("log", "variable"),
    [
        pytest.param(FROM_OS, "KEY", id="of the environment"),
        pytest.param(FROM_SETTINGS, "", id="of another mapping"),
        pytest.param(FROM_OS + FROM_SETTINGS.replace("KEY", "OTHER"), "", id="of another mapping, later"),
        pytest.param("ready", "", id="none"),
    ],
)
def test_a_variable_that_the_environment_lacks_is_named(log: str, variable: str) -> None:
    assert missing_variable(plain_lines(log, ())) == variable


def test_a_long_exception_is_cut() -> None:
    found = exception_in(f"{TB}ValueError: " + "x" * 5000)
    assert len(found) == 300
    assert found.endswith("x…")


def test_of_a_log_the_last_twenty_lines_are_shown() -> None:
    log = "\n".join(f"line {number}\n" for number in range(100))
    assert excerpt_of(log).splitlines() == [f"line {number}" for number in range(80, 100)]


def test_of_long_lines_the_end_is_shown() -> None:
    shown = excerpt_of("a" * 3000 + "\nRuntimeError: the end\n")
    assert len(shown) == LONGEST_LOG
    assert shown.startswith("…a")
    assert shown.endswith("a\nRuntimeError: the end")


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        pytest.param("\x1b[31mError\x1b[0m: \x1b[1;4mbad\x1b[K", "Error: bad", id="colours"),
        pytest.param("\x1b]0;title\x07text \x1b]8;;http://x\x1b\\link\x1b(B", "text linkB", id="titles and links"),
        pytest.param("bell\x07 null\x00 back\x08", "bell null back", id="control characters"),
        pytest.param("a\tb", "a    b", id="a tabulator"),
        pytest.param("10%\r50%\r100%\r\nnext\r\n", "100%\nnext", id="a progress bar and the ends of lines"),
        pytest.param("evil\u202etxt\u200b", "eviltxt", id="signs that turn the text around"),
        pytest.param("\n\n  indented\n\n", "  indented", id="empty lines"),
        pytest.param("    f(x)\n    ~^^^\nValueError", "    f(x)\nValueError", id="marks below code in a traceback"),
        pytest.param("", "", id="nothing"),
    ],
)  # fmt: skip
def test_a_log_becomes_plain_text(log: str, shown: str) -> None:
    assert excerpt_of(log) == shown


def test_secrets_are_not_shown_even_with_colours_in_them_or_at_the_cut() -> None:
    assert excerpt_of("is hun\x1b[0mter22 here", "hunter22") == "is *** here"
    shown = excerpt_of("hunter22" + "a" * (LONGEST_LOG - 4), "hunter22")
    assert "ter22" not in shown


@given(st.text(st.sampled_from("\x1b[]0m;\x07\r\n\t aé\u202e"), max_size=300))
def test_whatever_the_log_holds_the_excerpt_is_plain(log: str) -> None:
    shown = excerpt_of(log)
    assert all(line and line.isprintable() for line in shown.split("\n")) or shown == ""
    assert len(shown) <= LONGEST_LOG


@pytest.mark.parametrize(
    "piece", ["\x1b", "\x1b[", "\x1b]", "\x1b[1", "a\r", "\n", " Traceback (most recent call last):\n"]
)
def test_a_hostile_log_costs_no_time(piece: str) -> None:
    before = time.process_time()
    excerpt_of(piece * (1 << 18))
    exception_in(piece * (1 << 18))
    assert time.process_time() - before < 1
