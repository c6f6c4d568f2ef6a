"""The page in place of Grafana."""

from __future__ import annotations

from e2i.stack.description import read_stack
from e2i.stack.layout import DESCRIPTION
from e2i.stack.page import page


def test_the_page_leads_to_every_service_and_says_where_grafana_is() -> None:
    text = page(read_stack(DESCRIPTION))
    for port in (3001, 3002, 3003, 9090):
        assert f"http://localhost:{port}" in text
    assert "docker compose" in text
