"""How doctor asks for the operator's rights where the API server does not answer that question."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.inspection.doctor import look
from e2i.inspection.doctor.facts import Operator
from e2i.kube import ApiError

OPERATOR = {
    "metadata": {"name": "e2i-operator", "namespace": "e2i-system"},
    "spec": {"template": {"spec": {}}},
}
OF_ALL = Operator(namespace="e2i-system", name="e2i-operator", settings={})
WEBHOOK = 'failed calling webhook "check.example": context deadline exceeded'
NO_RIGHT = 'User "anna" cannot create resource "subjectaccessreviews"'


class Refusing:
    """An API server that answers no question for rights."""

    def __init__(self, error: ApiError) -> None:
        self.error = error

    async def request(self, *_: object, **__: object) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(ApiError(500, "InternalError", WEBHOOK), WEBHOOK, id="a webhook of somebody else holds it up"),
        pytest.param(ApiError(403, "Forbidden", NO_RIGHT), "", id="the user may not ask"),
    ],
)  # fmt: skip
async def test_why_the_rights_are_not_known(error: ApiError, told: str) -> None:
    assert await rights(error) == {"refused": None, "not_asked": told}


async def test_an_api_server_that_is_broken_is_an_error_of_doctor() -> None:
    with pytest.raises(ApiError, match="etcd"):
        await rights(ApiError(500, "InternalError", "etcdserver: request timed out"))


async def rights(error: ApiError) -> dict[str, Any]:
    return await look._rights(Refusing(error), OPERATOR, OF_ALL)  # type: ignore[arg-type]
