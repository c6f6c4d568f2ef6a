"""Loaded by the operator beside its handlers: its full lists come every two seconds and not every five minutes."""

from __future__ import annotations

import e2i.controller.app

e2i.controller.app.RESYNC = 2.0
