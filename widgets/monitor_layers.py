"""What is measured of a model in one step of its training: gradients, updates, and what each of its layers gives."""

from __future__ import annotations

from contextlib import suppress
from time import thread_time
from typing import Any

import numpy as np

_BINS = 32
_ENOUGH = 20_000  # numbers of a layer's output that are looked at; of a larger one every so many
_HEIGHTS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-"  # 64 digits: heights of bars, classes, margins


class Layers:
    """The layers of a model, measured in one step now and then.

    `arm` before a step, `measure` after it. Between the two, hooks listen; from `listen` to `close` another one notices
    answers given in training mode, where a model has parts that behave differently then. Otherwise it has none.
    """

    def __init__(self, model: Any):
        if not hasattr(model, "named_parameters"):
            raise TypeError(f"a training is watched by its model, a module with parameters, not by {type(model).__name__}")
        named = list(model.named_parameters())
        self.names, self.parameters = [name for name, _ in named], [p for _, p in named]
        self.model = model
        parts = [(name, m) for name, m in model.named_modules() if not any(True for _ in m.children())]
        self.modules = [[name, type(m).__name__] for name, m in parts]
        self.moody = [f"{type(m).__name__} ({name})" if name else type(m).__name__ for name, m in parts if _is_moody(m)]
        self.noisy_answers = 0
        self.spent = 0.0  # seconds inside hooks
        self._parts = [m for _, m in parts]
        self._step: _Step | None = None
        self._notice: Any = None

    @property
    def armed(self) -> bool:
        """Whether the step to come is measured."""
        return self._step is not None

    def listen(self) -> None:
        """Notice from now on whether the model is asked in training mode."""
        if self.moody and self._notice is None:
            self._notice = self.model.register_forward_hook(self._asked)

    def arm(self) -> None:
        """Copy the weights, and listen to what the next step brings."""
        step = self._step = _Step(self.parameters)
        for i, m in enumerate(self._parts):
            step.handles.append(m.register_forward_hook(self._timed(lambda m, _, out, i=i: step.gave(i, out))))
        answered = self._timed(lambda m, _, out: step.answered(m, out, self._timed))
        step.handles.append(self.model.register_forward_hook(answered))

    def measure(self) -> dict[str, Any]:
        """A sample of the step that is over: gradients as they are, and how far the weights moved."""
        step, self._step = self._step, None
        assert step is not None
        step.release()
        return step.sample(len(self._parts))

    def close(self) -> None:
        """Take off everything that listens; the step to come is not measured after all."""
        if self._step is not None:
            self._step.release()
            self._step = None
        if self._notice is not None:
            self._notice.remove()
            self._notice = None

    def _asked(self, model: Any, _: Any, out: Any) -> None:
        out = _tensor_in(out)
        if model.training and out is not None and not out.requires_grad:
            self.noisy_answers += 1

    def _timed(self, act: Any) -> Any:
        def hook(*args: Any) -> None:
            start = thread_time()
            # A training must not fail because it is watched: while it is traced, say, there are no numbers.
            with suppress(Exception):
                act(*args)
            self.spent += thread_time() - start

        return hook


class _Step:
    """What was seen within one training step."""

    def __init__(self, parameters: list[Any]):
        self.parameters = parameters
        self.before = [np.array(array(p)) for p in parameters]
        self.handles: list[Any] = []
        self.outputs: dict[int, list[Any]] = {}
        self.answer: dict[str, Any] = {}

    def release(self) -> None:
        """Listen no longer."""
        for handle in self.handles:
            handle.remove()

    def gave(self, i: int, out: Any) -> None:
        """Layer `i` has computed; what is not learned from (an evaluation) does not count."""
        out = _tensor_in(out)
        if out is not None and out.requires_grad and i not in self.outputs:
            self.outputs[i] = _output(array(out))

    def answered(self, model: Any, out: Any, timed: Any) -> None:
        """The whole model has given its answer to a batch."""
        out = _tensor_in(out)
        if out is None or not out.requires_grad or self.answer:
            return
        values = np.array(array(out), float)
        self.answer["training"] = bool(model.training)
        if values.ndim == 2 and values.shape[1] > 1 and values.min() >= 0:
            sums = values.sum(axis=1)
            self.answer["sums"] = [float(sums.min()), float(sums.max())]
        if values.size:
            self.handles.append(out.register_hook(timed(lambda g: self.blamed(values, np.array(array(g), float)))))

    def blamed(self, answer: Any, gradient: Any) -> None:
        """The backward is at the answer, before any weight: what gradients were left over, and what does the loss want?"""
        left = [array(p.grad) for p in self.parameters if p.grad is not None]
        self.answer["left"] = float(np.sqrt(sum(float(np.vdot(g, g)) for g in left)))
        if answer.ndim > 2:
            return
        if answer.shape[-1] == 1 or answer.ndim == 1:
            a, g = answer.ravel(), gradient.ravel()
            if a.size >= 8 and a.std() and g.std():
                self.answer["alone"] = float(np.corrcoef(a, g)[0, 1])
        elif (size := np.abs(gradient).sum(axis=1)).all():
            self.answer["unbalanced"] = float((np.abs(gradient.sum(axis=1)) / size).max())

    def sample(self, parts: int) -> dict[str, Any]:
        """All of it as plain data, a list for the weights and a list for the layers."""
        sample: dict[str, Any] = {"grad": [], "ratio": [], "hist": [], **self.answer}
        sizes = moves = used = 0.0
        for p, old in zip(self.parameters, self.before, strict=True):
            size, moved = float(np.linalg.norm(old)), float(np.linalg.norm(array(p) - old))
            gradient = None if p.grad is None else array(p.grad).ravel()
            length = None if gradient is None else float(np.linalg.norm(gradient))
            sample["ratio"].append(moved / size if size else None)
            sample["grad"].append(length)
            sample["hist"].append([] if gradient is None else bars(gradient))
            sizes, moves, used = sizes + size**2, moves + moved**2, used + (length or 0.0) ** 2
        sample["moved"] = (moves / sizes) ** 0.5 if sizes else None
        if used and "left" in sample:
            sample["carried"] = sample.pop("left") / used**0.5
        for k, name in enumerate(("out", "zero", "dead")):
            given = [self.outputs.get(i) for i in range(parts)]
            sample[name] = [found[k] if found is not None else None if k else [] for found in given]
        return sample


def _output(values: Any) -> list[Any]:
    """The spread of what a layer gives, the share of zeros in it, and of units that give 0 for every example."""
    some = values.ravel()[:: -(-values.size // _ENOUGH) or 1]
    zero = float((some == 0).mean()) if some.size else 0.0
    dead = 0.0
    if zero and values.ndim > 1 and len(values) > 1:
        unit = 1 if values.ndim != 3 else 2  # (examples, channels, …), or (examples, places, units)
        dead = float((values == 0).all(axis=tuple(d for d in range(values.ndim) if d != unit)).mean())
    return [bars(some), round(zero, 4), round(dead, 4)]


def _is_moody(module: Any) -> bool:
    """Whether it behaves differently while a model learns."""
    name = type(module).__name__
    if "Dropout" in name:
        return bool(getattr(module, "p", 1))
    return "BatchNorm" in name


def _tensor_in(out: Any) -> Any:
    """A tensor that a module gave, the first of several; None where there is none."""
    if isinstance(out, (tuple, list)) and out:
        out = out[0]
    return out if hasattr(out, "requires_grad") else None


def array(t: Any) -> Any:
    """A tensor's numbers as a NumPy array."""
    t = t.detach() if hasattr(t, "detach") else t
    return np.asarray(t.cpu().numpy() if hasattr(t, "cpu") else t.numpy() if hasattr(t, "numpy") else t)


def counts(values: Any) -> tuple[float, float, Any] | None:
    """Lowest, highest, and how many lie in each of equal bins between, of what is finite; None of nothing."""
    low, high = (float(values.min()), float(values.max())) if values.size else (float("nan"), 0.0)
    if not np.isfinite(low + high):
        values = values[np.isfinite(values)]
        if not values.size:
            return None
        low, high = float(values.min()), float(values.max())
    width = (high - low) / _BINS or 1.0
    # Much faster than np.histogram, whose edges need not be equally far apart.
    return low, high, np.bincount(np.minimum((values - low) / width, _BINS - 1).astype(np.intp), minlength=_BINS)


def bars(values: Any) -> list[Any]:
    """A histogram as it is drawn: lowest, highest, and the heights of its bars in 64 parts; what is there is seen."""
    found = counts(values)
    if found is None:
        return []
    low, high, number = found
    return [low, high, digits(np.ceil(63 * number / number.max()))]


def digits(whole: Any) -> str:
    """Whole numbers from 0 to 63, a letter each."""
    return "".join(_HEIGHTS[int(n)] for n in whole)
