"""`python -m e2i.local.yatai.build download|build`: the two containers of the builder Job.

A failed download ends with 1, so the Job tries again; a failed build ends with 42, which fails the Job.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from e2i.local.errors import ClusterError
from e2i.local.layout import cache_root, load_home
from e2i.local.yatai.build import BuildError
from e2i.local.yatai.build.archive import unpack
from e2i.local.yatai.build.bento import read_bento
from e2i.local.yatai.build.download import fetch
from e2i.local.yatai.build.environment import ensure_environment
from e2i.local.yatai.build.image import adopt, describe, register
from e2i.local.yatai.build.python import choose_python

DOWNLOAD_FAILED = 1
BUILD_FAILED = 42


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m e2i.local.yatai.build")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("download").add_argument("--url", required=True)
    commands.add_parser("build").add_argument("--image", required=True)
    wanted = parser.parse_args(arguments)
    workspace = Path(os.environ["E2I_MOUNTS"]) / "workspace"
    failed = DOWNLOAD_FAILED if wanted.command == "download" else BUILD_FAILED
    try:
        if wanted.command == "download":
            download(wanted.url, workspace)
        else:
            build(wanted.image, workspace)
    except (BuildError, ClusterError, OSError) as error:
        say(f"{wanted.command} failed: {error}")
        return failed
    except Exception as error:
        # For every error: the exit code decides whether the Job tries again.
        say(f"{wanted.command} failed: {type(error).__name__}: {error}. This is a bug in the builder.")
        return failed
    return 0


def download(url: str, workspace: Path) -> None:
    """Download the archive, check it, unpack it to `buildcontext`, and write its sha256 beside that."""
    archive = workspace / "downloaded.tar"
    say(f"downloading {url}")
    digest, size = fetch(url, archive, os.environ)
    say(f"got {size} bytes, sha256 {digest}")
    count = unpack(archive, workspace / "buildcontext")
    archive.unlink()
    (workspace / "archive.sha256").write_text(digest)
    say(f"unpacked {count} files and folders")


def build(image: str, workspace: Path) -> None:
    """Check the bento, make its environment, and register the image under its name."""
    home = load_home(Path(os.environ["E2I_LOCAL_CLUSTER"]))
    bento = read_bento(workspace / "buildcontext")
    digest = (workspace / "archive.sha256").read_text()
    say(f"building {image} from {bento.tag}")
    for command in bento.commands:
        say(f"not run on the local cluster: {command}")
    python, remark = choose_python(bento.python_version)
    say(remark)
    contents = adopt(workspace / "buildcontext", home.image_contents / digest, say)
    venv = ensure_environment(contents, bento, python, cache_root() / "venvs", say)
    register(home, describe(image, digest, contents, venv, bento.envs))
    say(f"registered {image}")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
