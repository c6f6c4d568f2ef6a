"""Which release `undo` goes back to, who decides about the model, and what else would have to change."""

from __future__ import annotations

from typing import Any

import pytest
from support.model_bodies import (
    NEW,
    NEW_DIGEST,
    NEW_TAG,
    OLD,
    OLD_DIGEST,
    OLD_TAG,
    a_deployment,
    churn,
    entry,
    failure,
    release,
)

from e2i.cli.plugin import previous_specs
from e2i.cli.plugin.errors import CommandError
from e2i.cli.plugin.undo import by_steps, done, is_asked_for, obstacle
from e2i.cli.plugin.undo_target import find_undo_target
from e2i.inspection import gitops

SERVING = entry(OLD, OLD_TAG, OLD_DIGEST, "Serving")
FAILED = entry(NEW, NEW_TAG, NEW_DIGEST, "Failed")
ARGO = {"argocd.argoproj.io/tracking-id": "shop:serving.e2i.dev/E2IModel:models/churn"}
INSTANCE = {"app.kubernetes.io/instance": "shop"}
BY_ARGO = [{"manager": "argocd-controller", "operation": "Update"}]
FLUX = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
HELM = {"helm.toolkit.fluxcd.io/name": "churn", "helm.toolkit.fluxcd.io/namespace": "models"}


def test_it_goes_back_to_what_served_before() -> None:
    chosen = find_undo_target(churn(), (), None)
    assert (chosen.release, chosen.tag, chosen.by_tag) == (OLD, OLD_TAG, True)


def test_going_back_takes_the_steps_of_a_canary_unless_that_release_serves_still() -> None:
    canary = {"strategy": "Canary", "steps": [{"setWeight": 50}, {"pause": {}}]}
    model = churn(servingRelease=NEW, spec={"bento": {"tag": NEW_TAG}, "rollout": canary})
    chosen = find_undo_target(model, (), None)
    assert by_steps(model, chosen) == (
        "It gets requests by spec.rollout.steps, as each release does; kubectl e2i promote churn -n models ends "
        "a pause. "
    )
    assert by_steps(churn(servingRelease=OLD, spec={"rollout": canary}), chosen) == ""
    assert by_steps(churn(servingRelease=NEW), chosen) == ""


def test_it_goes_back_to_what_serves_when_the_desired_release_failed() -> None:
    model = churn(
        servingRelease=OLD, history=[FAILED, SERVING], failedReleases=[failure(NEW, NEW_TAG, NEW_DIGEST)]
    )
    assert find_undo_target(model, (), None).release == OLD


def test_a_change_that_the_operator_has_not_seen_yet_is_undone_to_what_serves() -> None:
    model = churn(spec={"bento": {"tag": "churn_model:9"}}, metadata={"generation": 2})
    assert find_undo_target(model, (), None).release == NEW
    undone = churn(metadata={"generation": 2})
    assert find_undo_target(undone, (), None).release == OLD


def test_a_bento_that_is_named_by_its_archive_goes_back_to_the_archive_it_had() -> None:
    model = churn(spec={"bento": {"tag": NEW_TAG, "archive": {"digest": NEW_DIGEST}}})
    chosen = find_undo_target(model, (), None)
    assert chosen.bento == {"tag": OLD_TAG, "archive": {"digest": OLD_DIGEST}}
    assert chosen.by_tag


def test_what_never_served_is_no_place_to_go_back_to() -> None:
    history = [entry(NEW, NEW_TAG, NEW_DIGEST, "Serving"), entry(OLD, OLD_TAG, OLD_DIGEST, "Failed")]
    with pytest.raises(CommandError, match="no earlier release that served"):
        find_undo_target(churn(history=history), (), None)


def test_a_release_in_quarantine_is_passed_over() -> None:
    older = release("churn_model:1.0.0", "sha256:" + "c" * 64)
    history = [
        entry(OLD, OLD_TAG, OLD_DIGEST, "Superseded"),
        entry(older, "churn_model:1.0.0", "sha256:" + "c" * 64, "Superseded"),
    ]
    model = churn(history=history, failedReleases=[failure(OLD, OLD_TAG, OLD_DIGEST)])
    assert find_undo_target(model, (), None).release == older


@pytest.mark.parametrize(
    "to", [OLD, OLD_TAG, None], ids=["by its id", "by its tag", "as the only earlier one"]
)
def test_a_release_in_quarantine_is_refused(to: str | None) -> None:
    model = churn(failedReleases=[failure(OLD, OLD_TAG, OLD_DIGEST)])
    with pytest.raises(
        CommandError, match=f"Release {OLD} .* is in quarantine: it failed with VerificationFailed"
    ):
        find_undo_target(model, (), to)


def test_what_is_not_in_the_history_is_refused_with_what_is() -> None:
    with pytest.raises(CommandError, match=rf"no release or bento churn_model:9. It has {NEW} .*, {OLD} "):
        find_undo_target(churn(), (), "churn_model:9")
    again = churn(history=[SERVING, entry(NEW, NEW_TAG, NEW_DIGEST, "Superseded"), SERVING])
    with pytest.raises(CommandError) as refused:
        find_undo_target(again, (), "churn_model:9")
    assert refused.value.message.count(OLD) == 1, "a release that was gone back to is named once"


def test_of_two_releases_of_a_tag_the_one_that_the_tag_alone_restores_is_taken() -> None:
    other = release(OLD_TAG, OLD_DIGEST, {"env": []})
    history = [entry(other, OLD_TAG, OLD_DIGEST, "Superseded"), entry(OLD, OLD_TAG, OLD_DIGEST, "Superseded")]
    assert find_undo_target(churn(history=history), (), OLD_TAG).release == OLD


@pytest.mark.parametrize(
    "spec",
    [
        {"env": [{"name": "LEVEL", "value": "DEBUG"}]},
        {"resources": {"requests": {"memory": "2Gi"}, "limits": {"cpu": "3"}}},
        {"resources": {}},
        {"type": "Causal", "env": []},
    ],
    ids=["another environment", "other amounts", "only default amounts", "another type"],
)
def test_the_earlier_shape_is_found_again_and_shown_as_lines_of_the_manifest(spec: dict[str, Any]) -> None:
    earlier = release(OLD_TAG, OLD_DIGEST, spec)
    kept = _as_operated(earlier, spec)
    model = churn(history=[entry(earlier, OLD_TAG, OLD_DIGEST, "Superseded")])
    chosen = find_undo_target(model, [kept], None)
    assert not chosen.by_tag
    assert chosen.spec
    assert previous_specs.release_of(model, chosen.spec, OLD_DIGEST) == earlier
    diff = previous_specs.manifest_diff(model, chosen.spec)
    assert f"-    tag: {NEW_TAG}" in diff
    assert f"+    tag: {OLD_TAG}" in diff
    assert len([line for line in diff if line.startswith(("-", "+"))]) > 4
    assert "differs in more than bento and restart" in (obstacle(model, chosen) or "")


def _as_operated(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """The BentoDeployment as the operator's own rendering has it."""
    from support.bodies import a_body

    from e2i.api.model_body import parse_model
    from e2i.cli.plugin.capacity import _ANY
    from e2i.controller.core.render import manifests

    body = a_body(spec={**churn()["spec"], **spec})
    model = parse_model(body)
    recipe = manifests.DeploymentSpec(
        release=name,
        name="x",
        artifact=_ANY,
        shape=model.shape,
        size=model.autoscaling,
        template_version=manifests.CURRENT_TEMPLATE_VERSION,
    )
    rendered = manifests.bento_deployment(model, recipe)["spec"]
    return a_deployment(
        name, OLD_TAG, OLD_DIGEST, {"resources": rendered["resources"], "envs": rendered["envs"]}
    )


RESTART = "serving.e2i.dev/restart-at"
BY_CLI = {"manager": "e2i-cli", "fieldsV1": {"f:metadata": {"f:annotations": {f"f:{RESTART}": {}}}}}


def restarted(**metadata: Any) -> dict[str, Any]:
    """1.5.0 serves, made by a restart; before, it served without one."""
    at = "2026-11-21T12:00:00.000Z"
    annotations = {RESTART: at, **metadata.pop("annotations", {})}
    again = release(NEW_TAG, NEW_DIGEST, metadata={"annotations": annotations})
    history = [
        entry(again, NEW_TAG, NEW_DIGEST, "Serving", restartAt=at),
        entry(NEW, NEW_TAG, NEW_DIGEST, "Superseded"),
        entry(OLD, OLD_TAG, OLD_DIGEST, "Superseded"),
    ]
    return churn(
        metadata={"annotations": annotations, **metadata},
        history=history,
        desiredRelease=again,
        observedRestartAt=at,
    )


def test_a_restart_is_undone_by_its_annotation() -> None:
    chosen = find_undo_target(restarted(), (), None)
    assert (chosen.release, chosen.restart, chosen.by_tag) == (NEW, "", True)
    assert not is_asked_for(restarted(), chosen)
    assert f"the annotation {RESTART} is removed" in done(restarted(), chosen)


def test_an_earlier_bento_comes_back_without_the_later_restart() -> None:
    chosen = find_undo_target(restarted(), (), OLD_TAG)
    assert (chosen.release, chosen.restart, chosen.by_tag) == (OLD, "", True)
    assert f"spec.bento.tag is {OLD_TAG} again" in done(restarted(), chosen)


def test_a_restart_that_is_not_in_git_is_undone_beside_argo_cd_and_a_bento_is_not() -> None:
    by_cli = restarted(annotations=ARGO, managedFields=[BY_CLI])
    chosen = find_undo_target(by_cli, (), None)
    assert obstacle(by_cli, chosen) is None
    assert "managed by the Argo CD" in (obstacle(by_cli, find_undo_target(by_cli, (), OLD_TAG)) or "")
    in_git = restarted(annotations=ARGO, managedFields=[{**BY_CLI, "manager": "argocd-controller"}])
    assert "managed by the Argo CD" in (obstacle(in_git, chosen) or "")
    diff = previous_specs.manifest_diff(in_git, chosen.spec or {}, chosen.restart)
    assert [line for line in diff if line.startswith("-  ")] == [
        "-  annotations:",
        f"-    {RESTART}: '2026-11-21T12:00:00.000Z'",
    ]


def test_a_shape_that_nobody_remembers_is_told_as_such() -> None:
    earlier = release(OLD_TAG, OLD_DIGEST, {"env": []})
    chosen = find_undo_target(churn(history=[entry(earlier, OLD_TAG, OLD_DIGEST, "Superseded")]), (), None)
    assert chosen.spec is None
    assert not chosen.by_tag


@pytest.mark.parametrize(
    ("metadata", "managing_tool"),
    [
        pytest.param({}, None, id="nobody"),
        pytest.param({"annotations": ARGO}, "the Argo CD application shop", id="Argo CD by annotation"),
        pytest.param(
            {"labels": INSTANCE, "managedFields": BY_ARGO},
            "the Argo CD application shop",
            id="Argo CD by label",
        ),
        pytest.param({"labels": INSTANCE}, None, id="a chart's label that is not Argo CD's"),
        pytest.param(
            {"annotations": {"argocd.argoproj.io/tracking-id": "shop:/ConfigMap:models/other"}},
            None,
            id="an annotation that was copied from another object",
        ),
        pytest.param({"labels": FLUX}, "the Flux Kustomization flux-system/apps", id="a Flux Kustomization"),
        pytest.param({"labels": HELM}, "the Flux HelmRelease models/churn", id="a Flux HelmRelease"),
        pytest.param(
            {"labels": {"kustomize.toolkit.fluxcd.io/name": ""}}, None, id="Flux kept off by an empty name"
        ),
    ],
)
def test_who_keeps_a_model_is_seen_from_what_the_tools_write(
    metadata: dict[str, Any], managing_tool: str | None
) -> None:
    assert gitops.managing_tool(churn(metadata=metadata)) == managing_tool


def test_the_change_to_commit_is_a_small_diff() -> None:
    model = churn(metadata={"annotations": ARGO})
    chosen = find_undo_target(model, (), None)
    assert chosen.spec
    assert "managed by the Argo CD application shop" in (obstacle(model, chosen) or "")
    changed = [
        line for line in previous_specs.manifest_diff(model, chosen.spec) if line.startswith(("-  ", "+  "))
    ]
    assert changed == [f"-    tag: {NEW_TAG}", f"+    tag: {OLD_TAG}"]


def test_a_manifest_without_the_keepers_marks_gets_them_and_keeps_its_own() -> None:
    live = churn(metadata={"labels": {**FLUX, "team": "a"}, "annotations": {"note": "by hand"}})
    wanted = {"metadata": {"name": "churn", "labels": {"team": "b"}}}
    assert gitops.with_tool_metadata(live, wanted)["metadata"] == {
        "name": "churn",
        "labels": {**FLUX, "team": "b"},
    }
    assert gitops.with_tool_metadata(churn(), wanted) == wanted


IMAGES = {OLD_TAG: f"registry.example/churn@{OLD_DIGEST}", NEW_TAG: f"registry.example/churn@{NEW_DIGEST}"}


def of_image(tag: str) -> str:
    """The release that the image of this tag makes."""
    return release(tag, "", {"bento": {"tag": tag, "image": IMAGES[tag]}})


def test_a_bento_that_is_named_by_its_image_goes_back_to_the_image_it_had() -> None:
    new, old = of_image(NEW_TAG), of_image(OLD_TAG)
    model = churn(
        spec={"bento": {"tag": NEW_TAG, "image": IMAGES[NEW_TAG]}},
        desiredRelease=new,
        history=[
            entry(new, NEW_TAG, NEW_DIGEST, "Serving", image=IMAGES[NEW_TAG]),
            entry(old, OLD_TAG, OLD_DIGEST, "Superseded", image=IMAGES[OLD_TAG]),
        ],
    )
    chosen = find_undo_target(model, (), None)
    assert (chosen.bento, chosen.by_tag) == ({"tag": OLD_TAG, "image": IMAGES[OLD_TAG]}, True)


def test_from_an_image_it_goes_back_to_the_store() -> None:
    new = of_image(NEW_TAG)
    model = churn(
        spec={"bento": {"tag": NEW_TAG, "image": IMAGES[NEW_TAG]}},
        desiredRelease=new,
        history=[
            entry(new, NEW_TAG, NEW_DIGEST, "Serving", image=IMAGES[NEW_TAG]),
            entry(OLD, OLD_TAG, OLD_DIGEST, "Superseded", image="registry/yatai-bentos:churn"),
        ],
    )
    chosen = find_undo_target(model, (), None)
    assert (chosen.bento, chosen.by_tag) == ({"tag": OLD_TAG}, True)
