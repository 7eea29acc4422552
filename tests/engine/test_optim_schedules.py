"""Schedules beside PyTorch's: the same learning rates, step by step."""
import math

import numpy as np
import pytest

import tinygrad_core as tg
from tinygrad_core.optim import OptimizerError

torch = pytest.importorskip("torch")

SCHEDULES = [
    ("StepLR", {"step_size": 3}), ("StepLR", {"step_size": 1, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 9], "gamma": 0.3}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 15}), ("CosineAnnealingLR", {"T_max": 6, "eta_min": 0.01}),
    ("LinearLR", {}), ("LinearLR", {"start_factor": 0.1, "total_iters": 8}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 1 / (1 + epoch)}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 0.9 ** epoch, lambda epoch: math.exp(-epoch)]}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 16}),
    ("OneCycleLR", {"max_lr": [0.5, 0.1], "epochs": 4, "steps_per_epoch": 5, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 20, "three_phase": True, "pct_start": 0.4}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 20, "cycle_momentum": False}),
]
PLATEAUS = [{}, {"patience": 1}, {"patience": 0, "factor": 0.5, "cooldown": 2, "min_lr": 0.01},
            {"mode": "max", "patience": 1}, {"threshold_mode": "abs", "threshold": 0.2, "patience": 1},
            {"mode": "max", "threshold_mode": "abs", "threshold": 0.2, "patience": 0, "min_lr": [0.02, 0.0]}]


def drive(T, optimizer, name, options, measures=None):
    """The options of both groups after each of 15 steps."""
    groups = [{"params": [T.zeros(2, requires_grad=True)], "lr": lr} for lr in (0.1, 0.03)]
    optimizer = getattr(T.optim, optimizer)(groups, **({"momentum": 0.9} if optimizer == "SGD" else {}))
    schedule = getattr(T.optim.lr_scheduler, name)(optimizer, **options)
    seen = []
    for k in range(15):
        optimizer.step()
        schedule.step(*([] if measures is None else [measures[k]]))
        seen.append([(g["lr"], g.get("momentum", 0), *g.get("betas", ())) for g in optimizer.param_groups])
        assert [g["lr"] for g in optimizer.param_groups] == list(schedule.get_last_lr())
    return seen


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize(("name", "options"), SCHEDULES, ids=[f"{n}-{k}" for k, (n, _) in enumerate(SCHEDULES)])
def test_rates_are_pytorchs(name, options, optimizer):
    np.testing.assert_allclose(drive(tg, optimizer, name, options), drive(torch, optimizer, name, options), 1e-9, 1e-12)


MOVED = [(name, options) for name, options in SCHEDULES if name not in ("LambdaLR", "OneCycleLR")]


@pytest.mark.parametrize("second", MOVED, ids=lambda s: s[0])
@pytest.mark.parametrize("first", MOVED, ids=lambda s: s[0])
def test_chained_schedules_and_rates_changed_by_hand_are_pytorchs(first, second):
    def drive(T):
        optimizer = T.optim.SGD([{"params": [T.zeros(2, requires_grad=True)], "lr": lr} for lr in (0.1, 0.03)])
        chain = [getattr(T.optim.lr_scheduler, name)(optimizer, **options) for name, options in (first, second)]
        seen = []
        for k in range(18):
            optimizer.step()
            for schedule in chain:
                schedule.step()
            seen.append([g["lr"] for g in optimizer.param_groups])
            if k == 4:
                optimizer.param_groups[1]["lr"] *= 0.5
        return seen

    np.testing.assert_allclose(drive(tg), drive(torch), 1e-7, 1e-12)


@pytest.mark.parametrize(("name", "options"), SCHEDULES, ids=[f"{n}-{k}" for k, (n, _) in enumerate(SCHEDULES)])
def test_a_training_taken_up_again_by_its_last_epoch(name, options):
    def drive(T):
        seen, last = [], -1
        groups = [{"params": [T.zeros(2, requires_grad=True)], "lr": lr} for lr in (0.1, 0.03)]
        optimizer = T.optim.SGD(groups, momentum=0.9)
        for _ in range(2):
            schedule = getattr(T.optim.lr_scheduler, name)(optimizer, **options, last_epoch=last)
            for _ in range(5):
                optimizer.step()
                schedule.step()
                seen.append([g["lr"] for g in optimizer.param_groups])
            last = schedule.last_epoch
        return seen

    np.testing.assert_allclose(drive(tg), drive(torch), 1e-9, 1e-12)


def test_a_schedule_of_ones_own():
    def drive(T):
        class Halves(T.optim.lr_scheduler.LRScheduler):
            def get_lr(self):
                return [base / 2 ** self.last_epoch for base in self.base_lrs]

        optimizer = T.optim.SGD([T.zeros(2, requires_grad=True)], lr=1.0)
        schedule = Halves(optimizer)
        seen = []
        for _ in range(3):
            optimizer.step()
            schedule.step()
            seen += schedule.get_last_lr()
        return seen

    assert drive(tg) == drive(torch) == [0.5, 0.25, 0.125]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateaus_are_pytorchs(options, seed):
    measures = np.random.default_rng(seed).standard_normal(15).cumsum().tolist()
    ours, theirs = (drive(T, "SGD", "ReduceLROnPlateau", options, measures) for T in (tg, torch))
    np.testing.assert_allclose(ours, theirs, 1e-12)


def test_a_saved_schedule_goes_on():
    optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=1.0)
    schedule = tg.optim.lr_scheduler.StepLR(optimizer, 2)
    schedule.step()
    other = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=1.0)
    resumed = tg.optim.lr_scheduler.StepLR(other, 7)
    resumed.load_state_dict(schedule.state_dict())
    resumed.step()
    assert other.param_groups[0]["lr"] == pytest.approx(0.1)


def test_one_step_too_many_is_explained():
    optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    schedule = tg.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=3)
    schedule.step()
    schedule.step()
    with pytest.raises(OptimizerError, match="made for 3 steps"):
        schedule.step()
