"""Stepping down and up again: by what drawing costs, with patience, and alike among neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mouthpiece.live.pace import PATIENCE_S, PaceGroup, QualityController, QualityLevel, quality_levels


def run(
    controllers: Sequence[QualityController], costs: Sequence[float], seconds: float, machine: float = float("inf")
) -> None:
    """Let sessions draw for so long.

    Args:
        controllers: theirs.
        costs: seconds that each one's full picture takes.
        seconds: how long.
        machine: seconds of drawing that the machine gets done a second, shared fairly.
    """
    now_s = run.now_s  # type: ignore[attr-defined]
    end_s = now_s + seconds
    due = [now_s] * len(controllers)
    while now_s < end_s:
        wanted = sum(cost * controller.level.work for controller, cost in zip(controllers, costs, strict=True))
        which = min(range(len(controllers)), key=lambda i: due[i])
        now_s = due[which]
        controller = controllers[which]
        period_s = 1 / controller.level.fps
        busy_s = costs[which] * controller.level.scale**2
        if wanted > machine:  # nobody has time to wait
            busy_s = max(busy_s, period_s * wanted / machine)
        took_s = max(busy_s, period_s)
        controller.record_frame(now_s + took_s, took_s, took_s - busy_s)
        due[which] = now_s + took_s
    run.now_s = now_s  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _time() -> None:
    run.now_s = 100.0  # type: ignore[attr-defined]


def test_ladders() -> None:
    assert quality_levels(25) == (
        QualityLevel(25, 1),
        QualityLevel(20, 1),
        QualityLevel(15, 1),
        QualityLevel(12, 1),
        QualityLevel(12, 0.75),
        QualityLevel(12, 0.5),
    )
    assert quality_levels(10) == (QualityLevel(10, 1), QualityLevel(10, 0.75), QualityLevel(10, 0.5))
    works = [level.work for level in quality_levels(30)]
    assert works == sorted(works, reverse=True)


def test_a_machine_that_keeps_up_draws_all() -> None:
    controller = QualityController(quality_levels(25))
    run([controller], [0.03], 60)
    assert controller.is_full


@pytest.mark.parametrize(
    ("cost_s", "level"),
    [
        (0.042, QualityLevel(20, 1)),
        (0.055, QualityLevel(15, 1)),
        (0.07, QualityLevel(12, 1)),
        (0.11, QualityLevel(12, 0.75)),
        (0.2, QualityLevel(12, 0.5)),
    ],
)
def test_it_steps_down_as_far_as_it_must(cost_s: float, level: QualityLevel) -> None:
    controller = QualityController(quality_levels(25))
    run([controller], [cost_s], 12)
    assert controller.level == level


def test_it_steps_down_within_seconds_and_stays() -> None:
    controller = QualityController(quality_levels(25))
    run([controller], [0.045], 2)
    assert controller.level.fps == 20
    run([controller], [0.045], 60)
    assert controller.level.fps == 20, "there is no room above"


def test_it_climbs_back_with_patience() -> None:
    controller = QualityController(quality_levels(25))
    run([controller], [0.2], 15)
    assert controller.level == QualityLevel(12, 0.5)
    run([controller], [0.005], PATIENCE_S)
    assert controller.level == QualityLevel(12, 0.5)
    run([controller], [0.005], 5 * (PATIENCE_S + 2))
    assert controller.is_full


def test_steps_up_that_do_not_hold_become_rare() -> None:
    """A load that looks lighter than it is must not make the picture swing."""
    controller, changes = QualityController(quality_levels(25)), 0
    for _ in range(300):
        before = controller.steps
        # Below full rate there is room, at full rate there is none.
        run([controller], [0.041 if controller.is_full else 0.02], 1)
        changes += controller.steps != before
    assert 6 <= changes <= 16


def test_a_step_that_is_not_possible_is_not_taken_again() -> None:
    controller = QualityController(quality_levels(25))
    while controller.level.scale == 1:
        run([controller], [0.5], 1)
    controller.rule_out_level()
    assert controller.level == QualityLevel(12, 1)
    run([controller], [0.5], 20)
    assert controller.level == QualityLevel(12, 1)
    run([controller], [0.001], 40)
    assert controller.is_full


def test_neighbours_degrade_alike() -> None:
    group = PaceGroup()
    controllers = [QualityController(quality_levels(25), group) for _ in range(4)]
    for _ in range(30):
        run(controllers, [0.02] * 4, 2, machine=1.3)
        steps = [controller.steps for controller in controllers]
        assert max(steps) - min(steps) <= 1, steps
    assert sum(steps) > 0
    assert all(controller.level.fps >= 12 and controller.level.scale == 1 for controller in controllers), (
        "no further than it takes"
    )


def test_who_comes_late_does_not_pay_alone() -> None:
    group = PaceGroup()
    controllers = [QualityController(quality_levels(25), group) for _ in range(2)]
    run(controllers[:1], [0.028], 10)
    assert controllers[0].is_full
    run(controllers, [0.028] * 2, 40, machine=1.0)
    assert {controller.steps for controller in controllers} & {1, 2}
    assert abs(controllers[0].steps - controllers[1].steps) <= 1
    controllers[1].pause()
    run(controllers[:1], [0.028], 60)
    assert controllers[0].is_full, "a resting neighbour is no neighbour"


def test_who_is_slow_alone_steps_down_alone() -> None:
    computed_s = [0.0]
    group = PaceGroup()
    slow, quick = (
        QualityController(quality_levels(25), group, lambda: computed_s[0]),
        QualityController(quality_levels(25), group),
    )
    for frame in range(2000):
        computed_s[0] += 0.045
        slow.record_frame(100 + frame * 0.05, 0.05, 0.0)
        quick.record_frame(100 + frame * 0.05, 0.05, 0.04)
    assert slow.level == QualityLevel(12, 0.5)
    assert quick.is_full
