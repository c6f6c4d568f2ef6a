"""Names that both forms of the stack and its commands share."""

from __future__ import annotations

from pathlib import Path

import e2i

FOLDER = Path(e2i.__file__).resolve().parents[3] / "bentos"
"""The templates and projects in the checkout that this package was installed from."""
DESCRIPTION = FOLDER / "stack" / "stack.yaml"
BOARD = Path("grafana", "dashboards", "e2i-stack.json")
"""The stack's dashboard, beside the description. It is the same for every description."""
NAMESPACE = "models"
SERVES_ON = 3000
"""Port of a bento, in a container and at its Service."""
PORTS, PROMETHEUS = "stack-ports", "stack-prometheus"
"""The processes of the stack, beside the components of the local cluster."""
