"""Names and versions that are safe in BentoML, in labels, in a bucket and in a URL."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.names import check_name, object_name, resolve_version

MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.mark.parametrize("version", ["1.4.2", "0.0.1", "1.0.0-rc.1", "20260304.050607"])
def test_versions_that_can_be_ordered_are_taken_as_they_are(version: str) -> None:
    assert resolve_version(version, MOMENT) == version


def test_time_is_the_present_moment() -> None:
    assert resolve_version("time", MOMENT) == "20260304.050607"


@pytest.mark.parametrize(
    "version",
    [
        "1",
        "1.4",
        "v1.4.2",
        "1.4.2+build",
        "latest",
        "",
        "1.04.2",
        "A.B.C",
        "20261304.050607",
        "1.0.0-RC1",
        "1.0.0\n",
    ],
)
def test_versions_that_cannot_be_ordered_are_refused(version: str) -> None:
    with pytest.raises(PackagingError) as refused:
        resolve_version(version, MOMENT)
    assert refused.value.reason is ErrorReason.VersionUnsafe
    assert repr(version) in refused.value.message


@pytest.mark.parametrize(
    "name", ["Churn", "churn-model", "1model", "", "a" * 52, "../up", "churn\n", "modèle"]
)
def test_names_that_are_unsafe_somewhere_are_refused(name: str) -> None:
    with pytest.raises(PackagingError) as refused:
        check_name(name)
    assert refused.value.reason is ErrorReason.NameUnsafe


def test_the_model_in_the_cluster_is_named_after_the_bento() -> None:
    assert object_name("churn_model") == "churn-model"
