"""`e2i local env`: what a new terminal needs to use the cluster, whatever the folders are called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from e2i.cli.local import env_line, local
from e2i.local.layout import ClusterHome, save_home

ODD = "à côté, $HOME's"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterHome:
    """A cluster whose folder has a space, an accent, a quote and a dollar in its path."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ODD))
    home = ClusterHome("e2i", 7, tmp_path / ODD / "e2i" / "e2i")
    save_home(home)
    return home


def test_a_shell_takes_the_variables_as_they_are(home: ClusterHome) -> None:
    printed = CliRunner().invoke(local, ["env"])
    assert printed.exit_code == 0
    seen = in_bash(f'{printed.output}\nprintf "%s\\n" "$KUBECONFIG" "$PATH"').splitlines()
    assert seen == [
        str(home.kubeconfig),
        f"{home.kubectl.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    ]


@pytest.mark.parametrize("name", ["e2i", "other"])
def test_the_line_to_paste_sets_them(home: ClusterHome, name: str) -> None:
    named = ClusterHome(name, 8, home.root.with_name(name))
    save_home(named)
    assert in_bash(f'{env_line(named)}\nprintf "%s\\n" "$KUBECONFIG"').strip() == str(named.kubeconfig)


def in_bash(script: str) -> str:
    return subprocess.run(["bash", "-euc", script], check=True, capture_output=True, text=True).stdout
