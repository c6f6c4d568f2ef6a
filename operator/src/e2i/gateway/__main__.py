"""Starts the gateway's process, in the image: python -m e2i.gateway"""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from e2i.gateway.process import serve
from e2i.gateway.settings import Settings, read_settings
from e2i.variables import BadSetting


def run(settings: Settings) -> None:
    """Serve until the process gets SIGTERM or SIGINT; BadSetting if that is impossible."""
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("uvicorn").setLevel("WARNING")
    # One line for each request that is sent again, which says nothing of it.
    logging.getLogger("stamina").setLevel("ERROR")
    asyncio.run(serve(settings))


def main() -> None:
    try:
        run(read_settings(os.environ))
    except BadSetting as error:
        sys.exit(f"a setting cannot be used: {error}")


if __name__ == "__main__":
    main()
