"""What the programs themselves say of a command that no test types: does it exist, with these options, for these kinds?

A command of kubectl is run where it only reads, and is a dry run of the API server where it writes. Where there is no
such thing, kubectl gets a server that refuses connections: it says so once it has understood every word.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

READS = {"api-resources", "describe", "explain", "get", "logs"}
WRITES = {"annotate", "apply", "create", "delete", "label", "patch", "scale"}
FETCHES = "kustomize"
"""From other places, if a folder names them."""
NOWHERE = ("--kubeconfig=/dev/null", "--server=http://127.0.0.1:1")
_LEFT_TO_READERS = (
    (re.compile(r"(?<![A-Z_])NAMESPACE(?![A-Z_])"), "models"),
    (re.compile(r"(?<![A-Z_])NAME(?![A-Z_])"), "churn"),
    (re.compile(r"\.\.\."), "x"),
)
_HAS_NO_END = {"-w", "--watch", "-f", "--follow"}
_SHELL = set("$`")
_OPTIONS_WITH_A_VALUE = {"-n", "--namespace", "-c", "-l", "-o", "--type", "-p", "--kubeconfig"}
_FILE_OPTIONS = {"-f", "-k", "--filename", "--kustomize", "--patch-file"}
_NO_PROXY_HERE = "/proxy/"
"""The API server of the local cluster reaches no pod, as the pages say beside it."""
_MISSING = re.compile(
    r"\(NotFound\)|not found|already exists|no matches for kind|Apply failed with \d+ conflict"
)
"""What the API server says of a command that it understood: the object is not there, or is there, or is another's."""
_FIELD = re.compile(r"jsonpath=\{(\.[\w.*\[\]]+)\}")
_IN_THE_CLONE = re.compile(r"^(?:\./)?(?:manifests|kustomize|charts|bentos|tests|operator|docs)/\S*$")


@dataclass(frozen=True)
class Installed:
    """Where a reader's programs are, and the environment in which they find the cluster."""

    kubectl: Path
    helm: Path
    folder: Path
    environment: Mapping[str, str]
    everything_is_there: bool = False
    """Are the objects there that pages name? Otherwise an answer that one is missing is well."""

    def trouble_with(self, words: Sequence[str]) -> str | None:
        """Return what is wrong with a simple command, or None."""
        words = [filled(word) for word in words if word.strip()]
        match words:
            case ["kubectl", "e2i", *_] | ["kubectl"]:
                return None  # test_commands.py asks its own parsers
            case ["kubectl", *rest]:
                return self._kubectl(rest) or self._field(rest)
            case ["helm", *_]:
                return self._said([self.helm, *words[1:], "--help"])
        return None

    def _kubectl(self, words: list[str]) -> str | None:
        verb = _after_options(words)[0]
        files = [value for option, value in pairwise(words) if option in _FILE_OPTIONS]
        elsewhere = verb == FETCHES or not all((self.folder / file).exists() for file in files)
        if elsewhere or is_a_mention(words) or _SHELL & set("".join(words)) or _NO_PROXY_HERE in words[-1]:
            return self._said([self.kubectl, *_without_files(words), "--help"])
        if verb in READS and not _HAS_NO_END & set(words):
            return self._said([self.kubectl, *words], may_be_missing=True)
        if verb in WRITES:
            return self._said([self.kubectl, *words, "--dry-run=server"], may_be_missing=True)
        return self._said([self.kubectl, *NOWHERE, *words], refused=True)

    def _field(self, words: list[str]) -> str | None:
        """An object may be missing here; a field that a page asks a model for may not."""
        if words[:2] == ["get", "e2im"] and (path := _FIELD.search(" ".join(words))):
            return self._said([self.kubectl, "explain", "e2im" + re.sub(r"\[[^]]*\]", "", path[1])])
        return None

    def _said(
        self, command: Sequence[str | Path], *, may_be_missing: bool = False, refused: bool = False
    ) -> str | None:
        done = subprocess.run(
            command, cwd=self.folder, env=dict(self.environment), capture_output=True, text=True, timeout=120
        )
        tolerated = may_be_missing and not self.everything_is_there and _is_only_missing(done.stderr)
        fine = done.returncode == 0 or tolerated
        if refused:
            fine = "was refused" in done.stderr
        return None if fine else f"{' '.join(map(str, command[1:]))}: {done.stderr.strip()[-300:]}"


def missing_files(words: Sequence[str], project: Path) -> list[str]:
    """Return the words that are paths of a clone, and are not there."""
    return [word for word in words if _IN_THE_CLONE.match(word) and not (project / word).exists()]


def is_a_mention(words: Sequence[str]) -> bool:
    """Is this the name of a command in a sentence, without anything to do it with?"""
    subcommands = 2 if words[:1] in (["rollout"], ["create"]) else 1
    return len(words) <= subcommands or (len(words) == 2 and words[1].startswith("-"))


def filled(word: str) -> str:
    for left, value in _LEFT_TO_READERS:
        word = left.sub(value, word)
    return word


def _without_files(words: Sequence[str]) -> list[str]:
    """Return the command without files, which only its reader has."""
    options = {at for at, word in enumerate(words) if word in _FILE_OPTIONS}
    return [word for at, word in enumerate(words) if not {at, at - 1} & options]


def _after_options(words: Sequence[str]) -> list[str]:
    rest = list(words)
    while rest and rest[0].startswith("-"):
        rest = rest[2 if rest[0] in _OPTIONS_WITH_A_VALUE else 1 :]
    return rest


def _is_only_missing(said: str) -> bool:
    """Did the server understand it, and not have an object of that name?"""
    errors = [line for line in said.splitlines() if re.match(r"error|Error|E\d{4}|Apply failed", line)]
    return bool(errors) and all(map(_MISSING.search, errors))
