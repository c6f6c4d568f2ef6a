"""Build the programs that tests need before these begin: it takes minutes, which are nobody's test time."""

from __future__ import annotations

import shutil

from deploy.programs import built_helm

from e2i.local.toolchain import ensure_tools


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    ensure_tools(say)
    if not shutil.which("helm"):
        built_helm(say)
