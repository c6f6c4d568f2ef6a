"""Serves the bento from the content of its archive, and checks that it answers as training recorded."""

from __future__ import annotations

import io
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2i.archive.bento_store import FoundBento
from e2i.archive.canonical_tar import ArchiveStream
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.locking import install_lock
from e2i.packaging.pins import locked_versions
from e2i.packaging.requirements import SHAP, is_installed_here
from e2i.packaging.trial_server import Server, running_server
from e2i.polling import poll
from e2i_bento.card import Card
from e2i_bento.golden_check import differences

FIRST_EXPLANATION_SECONDS = 120.0
"""Seconds until the first explanation."""
ENVIRONMENTS = Path.home() / ".cache" / "e2i" / "environments"


@dataclass(frozen=True)
class Trial:
    """Results of a trial: seconds until ready, bytes of memory, answered requests, and the environment."""

    seconds: float
    memory: int
    requests: int
    environment: str


def run_trial(bento: FoundBento, cards: Sequence[Card], lock: str) -> Trial:
    """Serve the bento and ask it every golden input, one explanation and its health; PackagingError if one is wrong."""
    here = is_installed_here(lock)
    python = Path(sys.executable) if here else install_lock(lock, ENVIRONMENTS)
    with tempfile.TemporaryDirectory(prefix="e2i-trial-", ignore_cleanup_errors=True) as folder:
        unpacked = Path(folder, "bento")
        unpack(bento, unpacked)
        with running_server(python, unpacked, Path(folder, "home")) as server:
            requests = sum(_check_golden(server, card, route) for card, route in routes(cards))
            if SHAP in locked_versions(lock):
                requests += sum(_check_explanation(server, card, route) for card, route in routes(cards))
            status, health = server.post("health", {})
            if status != 200:
                raise server.failed(f"POST /health is answered with {status}: {health}")
            return Trial(
                server.seconds, server.memory(), requests + 1, "this one" if here else "one of the lock"
            )


def routes(cards: Sequence[Card]) -> list[tuple[Card, str]]:
    """Return where each model is asked: the only one of a bento at the top, several each under its name."""
    return [(card, f"{card.name}/" if len(cards) > 1 else "") for card in cards]


def unpack(bento: FoundBento, folder: Path) -> None:
    """Unpack the bento as the image builder does: from the archive, not from the store."""
    folder.mkdir(mode=0o755)
    with (
        ArchiveStream(bento.pieces) as stream,
        tarfile.open(fileobj=io.BufferedReader(stream), mode="r|") as archive,
    ):
        # The archive is our own; Python's filter looks once more where it has one, from 3.11.4 on.
        if hasattr(tarfile, "data_filter"):
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(folder)  # noqa: S202


def _check_golden(server: Server, card: Card, route: str) -> int:
    for number, golden in enumerate(card.golden):
        status, answer = server.post(f"{route}predict", {"input_data": golden.input})
        if status != 200:
            raise server.failed(
                f"POST /{route}predict with golden input {number} is answered with {status}: {answer}"
            )
        plain = {name: value for name, value in answer.items() if name not in ("model", "bento")}
        wrong = list(differences(golden.output, plain, card.tolerance))
        if wrong:
            raise PackagingError(
                ErrorReason.AnswerDiffers,
                f"The served {card.name} answers golden input {number} otherwise than training recorded: "
                f"{'; '.join(wrong)[:400]}. The bento is not kept. Look at the preprocessing and the pinned packages.",
            )
    return len(card.golden)


def _check_explanation(server: Server, card: Card, route: str) -> int:
    """Ask for an explanation until there is one: while its library is imported, the answer is 503 or 504."""
    answer: tuple[int, Any] = 0, None

    def is_decided() -> bool:
        nonlocal answer
        answer = server.post(f"{route}explain", {"input_data": card.golden[0].input})
        return answer[0] not in (503, 504)

    poll(is_decided, within=FIRST_EXPLANATION_SECONDS, every=0.5)
    if answer[0] != 200:
        raise server.failed(f"POST /{route}explain is answered with {answer[0]}: {answer[1]}")
    return 1
