"""What the metrics say of a model's life: they come from the operator's passes and from the cache alone."""

from __future__ import annotations

from support.scenes import CHECKED, hurried, mode, serve, spoil
from support.scraped import Scraped
from support.world import World

from e2i.controller.core.metrics.operator_series import operator_series


def scrape(world: World) -> Scraped:
    return Scraped(world.measures.page(operator_series(world.operator.picture())).decode())


async def test_a_life_with_a_rollback_is_counted_and_leaves_nothing_when_the_model_goes(world: World) -> None:
    first = await serve(world, tag="churn:1", rollout=hurried(**CHECKED))
    page = scrape(world)
    assert page.value("e2i_models", ready="True", reason="Ready") == 1
    assert page.value("e2i_release_info", model="churn", release=first, role="serving") == 1
    assert page.value("e2i_releases_total", result="Served") == 1
    assert page.value("e2i_release_lead_seconds_count") == 1
    assert page.value("e2i_exports_total", result="exported") == 1
    assert page.value("e2i_model_replicas", model="churn") == 1
    assert (page.value("controller_runtime_reconcile_total", result="success") or 0) > 0
    assert page.value("workqueue_adds_total") == page.value("workqueue_queue_duration_seconds_count")
    assert page.value("e2i_actions_total", action="ApplyService")

    spoil(world, "PredictionNotFinite")
    world.apply(tag="churn:2", env=mode("bad"), rollout=hurried(**CHECKED))
    await world.run(passes=160)
    page = scrape(world)
    assert page.value("e2i_model_ready", reason="PredictionNotFinite") == 0
    assert page.value("e2i_model_quarantined", model="churn", reason="PredictionNotFinite") == 1
    assert page.value("e2i_releases_total", result="Failed") == 1
    assert page.value("e2i_release_info", role="serving", release=first) == 1

    world.delete()
    await world.run(passes=10)
    page = scrape(world)
    assert not [each for each in page.samples if "model" in each.labels], "a deleted model has no series"
    assert page.value("e2i_releases_total", result="Served") == 1


async def test_a_restarted_operator_shows_the_same_of_each_model(world: World) -> None:
    await serve(world, tag="churn:1", rollout=hurried(**CHECKED))
    before = [each for each in scrape(world).samples if "model" in each.labels]
    await world.restart()
    await world.run(passes=5)
    assert [each for each in scrape(world).samples if "model" in each.labels] == before
