"""The page on Grafana's port: without Docker there is no Grafana, so the page says where the figures are. Pure."""

from __future__ import annotations

from html import escape

from e2i.stack.description import Stack


def page(stack: Stack) -> str:
    """Return the page as HTML."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(stack.tag(service))}</td>"
        f'<td><a href="http://localhost:{service.port}/">localhost:{service.port}</a></td>'
        f'<td><a href="http://localhost:{service.port}/metrics">metrics</a></td></tr>'
        for name, service in stack.services.items()
    )
    prometheus = f"http://localhost:{stack.prometheus.port}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The stack of e2i</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 50rem; padding: 0 1rem }}
td, th {{ padding: .2rem 1rem .2rem 0; text-align: left }}</style></head>
<body><h1>The stack of e2i</h1>
<p>Grafana runs in containers only: <code>docker compose -f bentos/stack/docker-compose.yaml up -d</code> starts it on
this port. The figures are in <a href="{prometheus}">Prometheus</a>.</p>
<table><thead><tr><th>Service</th><th>Bento</th><th>Address</th><th></th></tr></thead><tbody>{rows}</tbody></table>
</body></html>
"""
