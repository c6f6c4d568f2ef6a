"""Loaded by the operator beside its handlers: its full lists come every two seconds and not every hour."""

from __future__ import annotations

import e2i.controller.edge.informer

e2i.controller.edge.informer.RELIST = 2.0
