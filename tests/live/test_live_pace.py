"""Stepping down and up again: by what drawing costs, with patience, and alike among neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mouthpiece.live.pace import PATIENCE_S, PaceGroup, QualityController, Step, quality_levels


def run(
    paces: Sequence[QualityController], costs: Sequence[float], seconds: float, machine: float = float("inf")
) -> None:
    """Let sessions draw for so long.

    Args:
        paces: theirs.
        costs: seconds that each one's full picture takes.
        seconds: how long.
        machine: seconds of drawing that the machine gets done a second, shared fairly.
    """
    now_s = run.now_s  # type: ignore[attr-defined]
    end_s = now_s + seconds
    due = [now_s] * len(paces)
    while now_s < end_s:
        wanted = sum(cost * pace.step.work for pace, cost in zip(paces, costs, strict=True))
        which = min(range(len(paces)), key=lambda i: due[i])
        now_s = due[which]
        pace = paces[which]
        period_s = 1 / pace.step.fps
        busy_s = costs[which] * pace.step.scale**2
        if wanted > machine:  # nobody has time to wait
            busy_s = max(busy_s, period_s * wanted / machine)
        took_s = max(busy_s, period_s)
        pace.spent(now_s + took_s, took_s, took_s - busy_s)
        due[which] = now_s + took_s
    run.now_s = now_s  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _time() -> None:
    run.now_s = 100.0  # type: ignore[attr-defined]


def test_ladders() -> None:
    assert quality_levels(25) == (
        Step(25, 1),
        Step(20, 1),
        Step(15, 1),
        Step(12, 1),
        Step(12, 0.75),
        Step(12, 0.5),
    )
    assert quality_levels(10) == (Step(10, 1), Step(10, 0.75), Step(10, 0.5))
    works = [step.work for step in quality_levels(30)]
    assert works == sorted(works, reverse=True)


def test_a_machine_that_keeps_up_draws_all() -> None:
    pace = QualityController(quality_levels(25))
    run([pace], [0.03], 60)
    assert pace.full


@pytest.mark.parametrize(
    ("cost_s", "step"),
    [(0.042, Step(20, 1)), (0.055, Step(15, 1)), (0.07, Step(12, 1)), (0.11, Step(12, 0.75)), (0.2, Step(12, 0.5))],
)
def test_it_steps_down_as_far_as_it_must(cost_s: float, step: Step) -> None:
    pace = QualityController(quality_levels(25))
    run([pace], [cost_s], 12)
    assert pace.step == step


def test_it_steps_down_within_seconds_and_stays() -> None:
    pace = QualityController(quality_levels(25))
    run([pace], [0.045], 2)
    assert pace.step.fps == 20
    run([pace], [0.045], 60)
    assert pace.step.fps == 20, "there is no room above"


def test_it_climbs_back_with_patience() -> None:
    pace = QualityController(quality_levels(25))
    run([pace], [0.2], 15)
    assert pace.step == Step(12, 0.5)
    run([pace], [0.005], PATIENCE_S)
    assert pace.step == Step(12, 0.5)
    run([pace], [0.005], 5 * (PATIENCE_S + 2))
    assert pace.full


def test_steps_up_that_do_not_hold_become_rare() -> None:
    """A load that looks lighter than it is must not make the picture swing."""
    pace, changes = QualityController(quality_levels(25)), 0
    for _ in range(300):
        before = pace.rung
        # Below full rate there is room, at full rate there is none.
        run([pace], [0.041 if pace.full else 0.02], 1)
        changes += pace.rung != before
    assert 6 <= changes <= 16


def test_a_step_that_is_not_possible_is_not_taken_again() -> None:
    pace = QualityController(quality_levels(25))
    while pace.step.scale == 1:
        run([pace], [0.5], 1)
    pace.refuse()
    assert pace.step == Step(12, 1)
    run([pace], [0.5], 20)
    assert pace.step == Step(12, 1)
    run([pace], [0.001], 40)
    assert pace.full


def test_neighbours_degrade_alike() -> None:
    crowd = PaceGroup()
    paces = [QualityController(quality_levels(25), crowd) for _ in range(4)]
    for _ in range(30):
        run(paces, [0.02] * 4, 2, machine=1.3)
        rungs = [pace.rung for pace in paces]
        assert max(rungs) - min(rungs) <= 1, rungs
    assert sum(rungs) > 0
    assert all(pace.step.fps >= 12 and pace.step.scale == 1 for pace in paces), "no further than it takes"


def test_who_comes_late_does_not_pay_alone() -> None:
    crowd = PaceGroup()
    paces = [QualityController(quality_levels(25), crowd) for _ in range(2)]
    run(paces[:1], [0.028], 10)
    assert paces[0].full
    run(paces, [0.028] * 2, 40, machine=1.0)
    assert {pace.rung for pace in paces} & {1, 2}
    assert abs(paces[0].rung - paces[1].rung) <= 1
    paces[1].rest()
    run(paces[:1], [0.028], 60)
    assert paces[0].full, "a resting neighbour is no neighbour"


def test_who_is_slow_alone_steps_down_alone() -> None:
    computed_s = [0.0]
    crowd = PaceGroup()
    slow, quick = (
        QualityController(quality_levels(25), crowd, lambda: computed_s[0]),
        QualityController(quality_levels(25), crowd),
    )
    for frame in range(2000):
        computed_s[0] += 0.045
        slow.spent(100 + frame * 0.05, 0.05, 0.0)
        quick.spent(100 + frame * 0.05, 0.05, 0.04)
    assert slow.step == Step(12, 0.5)
    assert quick.full
