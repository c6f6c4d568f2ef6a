"""Asks registries for the digest that a tag of an image has now.

Only registries that the settings name are asked: a spec cannot send the operator to any other address. Nothing follows
a redirect, so that an account reaches nobody but its registry and the place of its tokens.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from e2i.api.conditions import Reason
from e2i.api.image_source import ImageName
from e2i.api.plain_text import clean

TIMEOUT = 10.0
"""Seconds that each answer may take."""
LARGEST = 4 << 20
"""Bytes of a manifest; registries refuse larger ones."""
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_WORD = re.compile(r'(\w+)="([^"]*)"')


class RegistryError(Exception):
    """The digest is not known. `message` is a sentence that says what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing: the answer becomes an HTTPError."""


class ImageRegistry:
    """The registries of the settings. Its calls block."""

    def __init__(self, places: Mapping[str, str], accounts: Mapping[str, str]) -> None:
        """`places`: address by host. `accounts`: base64 of USER:PASSWORD by host."""
        self._places = places
        self._accounts = accounts
        self._opener = urllib.request.build_opener(_NoRedirects)

    def digest(self, image: ImageName) -> str:
        """Return the digest of the tag; RegistryError if there is none."""
        try:
            return self._digest(image)
        except urllib.error.HTTPError as error:
            with error:
                raise _of_status(image, error.code) from None
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            cause = clean(str(getattr(error, "reason", error)) or type(error).__name__, 256)
            raise _unreachable(image, cause) from None

    def _digest(self, image: ImageName) -> str:
        url = f"{self._places[image.registry]}/v2/{quote(image.repository)}/manifests/{quote(image.tag)}"
        headers = {"Accept": _MANIFESTS, **self._basic(image)}
        try:
            answer, _ = self._ask("HEAD", url, headers)
        except urllib.error.HTTPError as error:
            challenge = error.headers.get("WWW-Authenticate", "")
            if error.code != 401 or not challenge.lower().startswith("bearer "):
                raise
            error.close()
            headers["Authorization"] = f"Bearer {self._token(image, challenge)}"
            answer, _ = self._ask("HEAD", url, headers)
        digest = answer.get("Docker-Content-Digest", "")
        if _DIGEST.fullmatch(digest):
            return digest
        _, manifest = self._ask("GET", url, headers)
        return f"sha256:{hashlib.sha256(manifest).hexdigest()}"

    def _token(self, image: ImageName, challenge: str) -> str:
        """Return a token of the place that the registry names."""
        words = dict(_WORD.findall(challenge))
        realm = words.get("realm", "")
        allowed = {"https", urlsplit(self._places[image.registry]).scheme}
        if urlsplit(realm).scheme not in allowed:
            raise ValueError(f"it sends for tokens to {realm[:128]!r}")
        query = {"scope": f"repository:{image.repository}:pull"}
        query |= {"service": words["service"]} if "service" in words else {}
        _, body = self._ask("GET", f"{realm}?{urlencode(query)}", self._basic(image))
        content = json.loads(body)
        token = content.get("token") or content.get("access_token") if isinstance(content, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise ValueError(f"{realm[:128]} gave no token")
        return token

    def _basic(self, image: ImageName) -> dict[str, str]:
        account = self._accounts.get(image.registry)
        return {"Authorization": f"Basic {account}"} if account else {}

    def _ask(self, method: str, url: str, headers: Mapping[str, str]) -> tuple[Mapping[str, str], bytes]:
        # The address begins with one that the settings or the registry name, of http or https.
        request = urllib.request.Request(url, method=method, headers=dict(headers))  # noqa: S310
        with self._opener.open(request, timeout=TIMEOUT) as answer:
            body = answer.read(LARGEST + 1)
            if len(body) > LARGEST:
                raise ValueError(f"its answer has more than {LARGEST} bytes")
            return answer.headers, body


def _of_status(image: ImageName, status: int) -> RegistryError:
    what = f"{image.repository}:{image.tag}"
    if status == 404:
        message = f"The registry {image.registry} has no image {what}: correct spec.bento.image, or push it."
        return RegistryError(Reason.ImageNotFound, message)
    if status in (401, 403):
        message = (
            f"The registry {image.registry} refuses to show {what} ({status}). Write the image by its digest, or have "
            "whoever runs the operator give it an account of the registry (E2I_REGISTRY_AUTH)."
        )
        return RegistryError(Reason.RegistryAccessDenied, message)
    return _unreachable(image, f"it answers with the status {status}")


def _unreachable(image: ImageName, cause: str) -> RegistryError:
    message = (
        f"The registry {image.registry} did not tell the digest of {image.repository}:{image.tag}: {cause}. It is "
        f"asked again; {image.name}@sha256:<64 hex digits> in spec.bento.image needs no answer."
    )
    return RegistryError(Reason.RegistryUnreachable, message)
