"""Explain errors of the API server to a person. Pure."""

from __future__ import annotations


def explain(status: int, reason: str, message: str) -> str:
    """Return a sentence on what an `ApiError` means and what to do next; with `status` 0 there was no answer."""
    words = message.strip().rstrip(".")
    match status:
        case 0 if reason == "Unreachable":
            return f"{words}. Is the cluster up? Choose another one with --context or --kubeconfig."
        case 0 if reason == "BadCertificate":
            return (
                f"{words}. Renew it at the server, or, if its authority is new, take the new "
                "certificate-authority-data into the kubeconfig."
            )
        case 0:
            return f"{words}."
        case 401:
            return (
                f"The API server does not accept your credentials ({words}). Log in again, or choose another "
                "context with --context."
            )
        case 403:
            return f"{words}. Ask for a role that allows it."
        case 404 if reason != "NotFound" or "could not find the requested resource" in words:
            return (
                "This cluster does not know E2IModels: their CRD is not installed. Install the operator "
                "(docs/howto/install.md), or choose another cluster with --context."
            )
        case 404 if words.startswith('namespaces "'):
            name = words.split('"')[1]
            return (
                f"There is no namespace {name} in this cluster. Make it with kubectl create namespace {name}, or name "
                "another one."
            )
        case 409:
            return f"{words}. Somebody changed it in the meantime: run the command again."
        case 429:
            return f"The API server is busy ({words}). Run the command again in a moment."
        case _:
            return f"The API server refused: {words}."
