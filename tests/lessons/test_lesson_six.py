"""Lesson 6 says that a learner's optimisers and loop would run in PyTorch as they are: here they do."""

import pytest

from lessons.catalog import exercise

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("id", "options", "theirs"),
    [
        ("momentum", {"lr": 0.1, "momentum": 0.9}, "SGD"),
        ("rmsprop", {"lr": 0.01, "alpha": 0.9}, "RMSprop"),
        ("adam", {"lr": 0.01, "betas": (0.8, 0.9)}, "Adam"),
    ],
)
def test_what_a_learner_writes_trains_a_model_of_pytorch_as_its_own_optimiser_does(id, options, theirs):
    torch.manual_seed(0)
    train_epoch = exercise("train-epoch").reference()
    batches = [(torch.randn(4, 3), torch.randn(4, 2)) for _ in range(6)]
    losses, weights = [], []
    for make in (exercise(id).reference(), getattr(torch.optim, theirs)):
        torch.manual_seed(1)
        model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).double()
        loader = [(x.double(), y.double()) for x, y in batches]
        optimiser = make(list(model.parameters()), **options)
        losses.append([train_epoch(model, torch.nn.functional.mse_loss, optimiser, loader) for _ in range(5)])
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-9) and losses[0][-1] < losses[0][0]
    assert torch.allclose(*weights, rtol=1e-9, atol=1e-12)
