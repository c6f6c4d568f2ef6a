"""Build the programs that tests need before these begin: it takes minutes, which are nobody's test time."""

from __future__ import annotations

from deploy.programs import HELM_3, HELM_4, KIND
from support.argocd import ARGOCD

from e2i.local.toolchain import ALERTMANAGER, PROMETHEUS, PROMTOOL, ensure_built, ensure_tools


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    ensure_tools(say, metrics=True)
    ensure_built((HELM_4, HELM_3, KIND, ARGOCD, PROMETHEUS, PROMTOOL, ALERTMANAGER), say)
