"""Names of images as a spec has them, and the artifact that they mean."""

from __future__ import annotations

import pytest
from support.bodies import a_body

from e2i.api import naming
from e2i.api.image_source import ImageName, given_artifact, is_meant, parse_image
from e2i.api.model import Model
from e2i.api.model_body import parse_model

HEX = "9f" * 32
DIGEST = f"sha256:{HEX}"


def asks_for(image: str, **bento: str) -> Model:
    return parse_model(a_body(spec={"bento": {"tag": "churn:1", "image": image, **bento}}))


@pytest.mark.parametrize(
    ("text", "image"),
    [
        (f"r.example/churn@{DIGEST}", ImageName("r.example/churn", "", DIGEST)),
        ("localhost:5000/team/churn:1.4.2", ImageName("localhost:5000/team/churn", "1.4.2", "")),
        (f"r.example/churn:1@{DIGEST}", ImageName("r.example/churn", "1", DIGEST)),
    ],
)
def test_a_name_is_split_into_its_parts(text: str, image: ImageName) -> None:
    assert parse_image(text) == image


def test_the_registry_is_the_host_with_its_port() -> None:
    image = parse_image("localhost:5000/team/churn:1")
    assert (image.registry, image.repository) == ("localhost:5000", "team/churn")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "churn:1",
        "r.example/churn",
        "r.example/churn:",
        f"r.example/churn@sha256:{HEX[:-1]}",
        f"r.example/churn@sha256:{HEX}\n",
        f"r.example/Churn@{DIGEST}",
        f"r.example/../churn@{DIGEST}",
        f"r.example//churn@{DIGEST}",
        f"user:pass@r.example/churn@{DIGEST}",
        f"r.example/{'a' * 400}@{DIGEST}",
        "https://r.example/churn:1",
    ],
)
def test_what_is_no_name_of_an_image_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write r"):
        parse_image(text or "registry")


def test_a_spec_with_such_a_name_holds_the_model_and_names_the_field() -> None:
    assert asks_for("churn").invalid.startswith("spec.bento.image: 'churn'")
    assert "spec.bento.pathPrefix is 'v1'" in asks_for(f"r.example/churn@{DIGEST}", pathPrefix="v1").invalid


def test_the_artifact_has_the_digest_of_the_image_and_no_tag_of_it() -> None:
    given = given_artifact(asks_for(f"r.example/churn:9@{DIGEST}"))
    assert given is not None
    assert (given.tag, given.digest, given.pinned_image) == ("churn:1", DIGEST, f"r.example/churn@{DIGEST}")
    assert given_artifact(asks_for("r.example/churn:9")) is None


def test_place_and_path_of_an_image_are_part_of_what_runs_and_its_tags_are_not() -> None:
    images = [
        asks_for(f"r.example/churn@{DIGEST}"),
        asks_for(f"r.example/churn:1.0@{DIGEST}"),
        asks_for(f"mirror.example/churn@{DIGEST}"),
        asks_for(f"r.example/churn@{DIGEST}", pathPrefix="/v1"),
        asks_for(f"r.example/churn@sha256:{HEX[::-1]}"),
    ]
    releases = [
        naming.release_of(model, given.content) for model in images if (given := given_artifact(model))
    ]
    assert releases[0] == releases[1]
    assert len(set(releases)) == 4


def test_an_artifact_of_the_bucket_is_never_meant_by_an_image() -> None:
    model = asks_for(f"r.example/churn@{DIGEST}")
    given = given_artifact(model)
    assert given is not None
    assert is_meant(model, given)
    store = parse_model(a_body(spec={"bento": {"tag": "churn:1"}}))
    assert not is_meant(store, given)
