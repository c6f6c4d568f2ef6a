"""`python -m e2i.local.yatai --home FOLDER`: both controllers, each with its own identity, until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from e2i.kube import ApiError, Kube
from e2i.local.images import ImageStore
from e2i.local.layout import ClusterHome, load_home
from e2i.local.yatai.deployment_controller import DeploymentController
from e2i.local.yatai.image_builder import ImageBuilder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m e2i.local.yatai", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the cluster's folder")
    home = load_home(parser.parse_args().home)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        asyncio.run(run_until_stopped(home))
    except ApiError as error:
        print(f"the Yatai stand-in cannot start: {error}; run `e2i local up` again", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def run_until_stopped(home: ClusterHome) -> None:
    """Run both controllers until SIGTERM or SIGINT."""
    running = asyncio.create_task(run_controllers(home))
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def run_controllers(home: ClusterHome) -> None:
    """Run both controllers; ApiError(0) if a kubeconfig cannot be used."""
    async with (
        await Kube.from_kubeconfig(home.kubeconfig_of("yatai-deployment")) as for_deployments,
        await Kube.from_kubeconfig(home.kubeconfig_of("yatai-image-builder")) as for_images,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(DeploymentController(for_deployments).run())
        tasks.create_task(ImageBuilder(for_images, ImageStore(home.images)).run())


if __name__ == "__main__":
    sys.exit(main())
