"""How messages name a bucket."""

from __future__ import annotations

import pytest

from e2i.archive.s3.connection import bucket_label


@pytest.mark.parametrize(
    ("endpoint", "place"),
    [
        pytest.param("", "the bucket models at AWS", id="no endpoint is AWS"),
        pytest.param("http://s3.example:7480", "the bucket models at http://s3.example:7480", id="one's own"),
        pytest.param(
            "https://me:secret@s3.example/path", "the bucket models at https://s3.example", id="secret"
        ),
    ],
)
def test_a_bucket_is_named_with_its_server_and_without_secrets(endpoint: str, place: str) -> None:
    assert bucket_label("models", endpoint) == place
