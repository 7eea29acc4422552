"""One generator of samples for every operation: programs, shapes, dtypes, memory layouts and special values.

A program is written once, `run(T, *inputs)`, and run by this engine and, where it is installed, by PyTorch.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SHAPES = [(), (1,), (5,), (0,), (2, 3), (3, 1), (2, 0, 3), (2, 3, 4)]
PAIRS = [((), ()), ((3,), ()), ((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 1, 4), (3, 1)), ((0, 3), (1, 3)), ((2, 3), (2, 3))]


@dataclass
class Sample:
    """A program, its inputs, and what may be asked of it."""

    name: str
    run: Callable[..., Any]
    inputs: list[np.ndarray]
    compared: dict[str, Any] = field(default_factory=dict)      # how PyTorch's results are comparable, where not fully

    def __str__(self) -> str:
        return f"{self.name}{[i.shape for i in self.inputs]}"


def draw(shape: tuple[int, ...], low: float, high: float, rng: np.random.Generator) -> np.ndarray:
    """Numbers from an interval, none of them near a whole number's half, where roundings and kinks lie."""
    return rng.uniform(low, high, shape) if shape else np.asarray(rng.uniform(low, high))


def layouts(array: np.ndarray) -> Iterator[np.ndarray]:
    """The same numbers as they may lie in memory: in order, with dims exchanged, with gaps."""
    yield array
    if array.ndim > 1:
        yield np.asfortranarray(array)
    if array.ndim and array.size:
        wide = np.empty((*array.shape[:-1], array.shape[-1] * 2))
        wide[..., ::2] = array
        yield wide[..., ::2]


# name: (lowest, highest) input
UNARY = {
    **dict.fromkeys("sin cos tan tanh sinh cosh exp expm1 exp2 sigmoid erf atan asinh neg abs sign relu square".split(),
                    (-1.4, 1.4)),
    **dict.fromkeys("log log2 log10 sqrt rsqrt reciprocal".split(), (0.3, 3.0)), "log1p": (-0.5, 2.0),
    "asin": (-0.9, 0.9), "acos": (-0.9, 0.9), "atanh": (-0.9, 0.9), "acosh": (1.2, 3.0),
    **dict.fromkeys("ceil floor trunc round".split(), (-3.0, 3.0)),
}
BINARY = "add sub mul div maximum minimum atan2 logaddexp pow remainder".split()

REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": lambda T, x, **k: T.sum(x, **k), "mean": lambda T, x, **k: T.mean(x, **k),
    "amax": lambda T, x, **k: T.amax(x, **k), "amin": lambda T, x, **k: T.amin(x, **k),
    "logsumexp": lambda T, x, **k: T.logsumexp(x, **k), "norm": lambda T, x, **k: T.linalg.vector_norm(x, 2, **k),
    "norm1": lambda T, x, **k: T.linalg.vector_norm(x, 1, **k), "norm3": lambda T, x, **k: T.linalg.vector_norm(x, 3, **k),
    "var": lambda T, x, **k: T.var(x, **k), "std": lambda T, x, **k: T.std(x, **k),
}
SHAPED: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "reshape": (lambda T, x: x.reshape(3, -1), (2, 3, 4)), "view": (lambda T, x: x.view(6, 4), (2, 3, 4)),
    "flatten": (lambda T, x: T.flatten(x, 1), (2, 3, 4)), "unflatten": (lambda T, x: x.unflatten(1, (2, 2)), (3, 4)),
    "squeeze": (lambda T, x: x.squeeze(), (1, 3, 1)), "squeeze dim": (lambda T, x: x.squeeze(0), (1, 3, 1)),
    "unsqueeze": (lambda T, x: x.unsqueeze(-1), (2, 3)), "expand": (lambda T, x: x.expand(4, -1, 3), (2, 1)),
    "repeat": (lambda T, x: x.repeat(2, 1, 3), (2, 3)), "tile": (lambda T, x: T.tile(x, (2, 2)), (2, 3)),
    "permute": (lambda T, x: x.permute(2, 0, 1), (2, 3, 4)), "transpose": (lambda T, x: x.transpose(0, -1), (2, 3, 4)),
    "t": (lambda T, x: x.t(), (2, 3)), "mT": (lambda T, x: x.mT, (2, 3, 4)),
    "movedim": (lambda T, x: x.movedim(0, 2), (2, 3, 4)), "flip": (lambda T, x: x.flip(0, 2), (2, 3, 4)),
    "roll": (lambda T, x: x.roll(2, 1), (2, 5)), "roll flat": (lambda T, x: x.roll(2), (2, 5)),
    "cat": (lambda T, x: T.cat([x, x * 2, x], 1), (2, 3)), "stack": (lambda T, x: T.stack([x, x * 2], 1), (2, 3)),
    "hstack": (lambda T, x: T.hstack([x, x]), (2, 3)), "vstack": (lambda T, x: T.vstack([x, x]), (3,)),
    "split": (lambda T, x: x.split(2, 1), (2, 5)), "split sizes": (lambda T, x: x.split([1, 4], 1), (2, 5)),
    "one of a split": (lambda T, x: x.split(2, 1)[1], (2, 5)), "chunk": (lambda T, x: x.chunk(3, 0), (7, 2)),
    "unbind": (lambda T, x: x.unbind(1), (2, 3, 2)), "select": (lambda T, x: x.select(1, -1), (2, 3)),
    "diagonal": (lambda T, x: x.diagonal(1), (3, 4)), "diagonal of dims": (lambda T, x: x.diagonal(-1, 2, 0), (2, 3, 4)),
    "on_diagonal": (lambda T, x: T.diag(x, -1), (3,)), "diag": (lambda T, x: T.diag(x), (3, 4)),
    "floor_divide": (lambda T, x: T.div(x * 3, 0.7, rounding_mode="floor"), (2, 3)),
    "var_mean": (lambda T, x: T.var_mean(x, 1), (2, 4)), "std_mean": (lambda T, x: T.std_mean(x, 0, keepdim=True), (4, 2)),
    "trace": (lambda T, x: x.trace(), (3, 3)), "tril": (lambda T, x: x.tril(-1), (3, 4)), "triu": (lambda T, x: x.triu(1), (4, 3)),
    "cumsum": (lambda T, x: x.cumsum(1), (2, 4)), "cumprod": (lambda T, x: x.cumprod(0), (4, 2)),
    "prod": (lambda T, x: x.prod(), (2, 3)), "prod dim": (lambda T, x: x.prod(1), (2, 5)),
    "max": (lambda T, x: x.max(), (2, 3)), "max dim": (lambda T, x: x.max(1)[0], (2, 3)),
    "min dim": (lambda T, x: x.min(0, True)[0], (2, 3)), "median": (lambda T, x: x.median(), (2, 3)),
    "median dim": (lambda T, x: x.median(1)[0], (2, 4)), "sort": (lambda T, x: x.sort(1, descending=True)[0], (2, 4)),
    "topk": (lambda T, x: x.topk(2)[0], (2, 4)), "clamp": (lambda T, x: x.clamp(-0.5, 0.5), (2, 4)),
    "clamp min": (lambda T, x: x.clamp(min=0.1), (2, 4)), "number - x": (lambda T, x: 2.0 - x, (3,)),
    "number / x": (lambda T, x: 2.0 / (x + 3), (3,)), "number ** x": (lambda T, x: 2.0 ** x, (3,)),
    "x ** 3": (lambda T, x: x ** 3, (3,)), "x ** 0": (lambda T, x: x ** 0, (3,)), "-x": (lambda T, x: -x, (3,)),
    "softmax": (lambda T, x: T.softmax(x, 1), (2, 4)), "log_softmax": (lambda T, x: T.log_softmax(x, 0), (3, 2)),
    "where": (lambda T, x: T.where(x > 0, x * 2, x * x), (2, 3)), "masked_fill": (lambda T, x: x.masked_fill(x > 0, 3.0), (2, 3)),
    "masked_select": (lambda T, x: x.masked_select(x > 0), (4, 3)), "clone": (lambda T, x: x.clone(), (2,)),
    "lerp": (lambda T, x: T.lerp(x, x * 3, 0.3), (3,)), "cast": (lambda T, x: x.double() * 2, (3,)),
    "index": (lambda T, x: x[1], (3, 2)), "slice": (lambda T, x: x[1:, ::2], (3, 4)), "new dim": (lambda T, x: x[None, ..., 0], (3, 4)),
    "mask": (lambda T, x: x[x > 0], (3, 4)), "integers": (lambda T, x: x[T.tensor([0, 2, 0])], (3, 4)),
    "integers in a later dim": (lambda T, x: x[:, T.tensor([[0, 1], [1, 1]])], (3, 4)),
    "pairs": (lambda T, x: x[T.tensor([0, 1, 1]), T.tensor([2, 0, 0])], (3, 4)),
    "gather": (lambda T, x: T.gather(x, 1, T.tensor([[0, 0], [2, 1]])), (3, 4)),
    "take_along_dim": (lambda T, x: T.take_along_dim(x, T.tensor([[0], [2], [2]]), 1), (3, 4)),
    "index_select": (lambda T, x: x.index_select(1, T.tensor([3, 0, 3])), (3, 4)),
    "scatter": (lambda T, x: T.scatter(x, 1, T.tensor([[0, 1], [2, 1]]), x[:2, :2] * 3), (3, 4)),
    "scatter_add": (lambda T, x: T.scatter_add(x, 0, T.tensor([[0, 0, 2], [0, 1, 2]]), x[:2, :3] * 3), (3, 4)),
    "einsum trace": (lambda T, x: T.einsum("ii->i", x), (3, 3)), "einsum sum": (lambda T, x: T.einsum("ij->j", x), (3, 2)),
}
PRODUCTS: dict[str, tuple[Callable[..., Any], list[tuple[tuple[int, ...], tuple[int, ...]]]]] = {
    "matmul": (lambda T, x, y: x @ y, [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
                                       ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 3)),
                                       ((4, 2, 3), (3,)), ((3,), (4, 3, 2))]),
    "mm": (lambda T, x, y: T.mm(x, y), [((2, 3), (3, 4))]), "bmm": (lambda T, x, y: T.bmm(x, y), [((5, 2, 3), (5, 3, 1))]),
    "mv": (lambda T, x, y: T.mv(x, y), [((2, 3), (3,))]), "dot": (lambda T, x, y: T.dot(x, y), [((3,), (3,))]),
    "outer": (lambda T, x, y: T.outer(x, y), [((3,), (2,))]),
    "addmm": (lambda T, x, y: T.addmm(x[0], x, y, beta=0.5, alpha=2), [((3, 3), (3, 3))]),
    "tensordot": (lambda T, x, y: T.tensordot(x, y, dims=([1], [0])), [((2, 3, 4), (3, 2))]),
    "einsum": (lambda T, x, y: T.einsum("ijk,kl->lij", x, y), [((2, 3, 4), (4, 5))]),
    "einsum batch": (lambda T, x, y: T.einsum("bij,bjk->bik", x, y), [((2, 3, 4), (2, 4, 5))]),
    "einsum dots": (lambda T, x, y: T.einsum("...i,...i", x, y), [((2, 3, 4), (3, 4))]),
    "linear": (lambda T, x, y: T.nn.functional.linear(x, y, y[:, 0]), [((5, 3), (2, 3)), ((4, 5, 3), (2, 3)), ((3,), (2, 3))]),
}


def _applied(name: str, *constants: Any, **settings: Any) -> Callable[..., Any]:
    """A function of nn.functional with its settings; arrays among them become tensors of the engine at hand."""
    def run(T: Any, *tensors: Any) -> Any:
        given, named = ([T.tensor(v) if isinstance(v, np.ndarray) else v for v in values]
                        for values in (constants, settings.values()))
        return getattr(T.nn.functional, name)(*tensors, *given, **dict(zip(settings, named, strict=True)))
    return run


LABELS = np.array([2, 0, 1])
ROUGH = {"hardsigmoid", "hardswish"}        # PyTorch takes 1/6 in float32 for float64 too
IMAGE, ROWS = (2, 2, 4, 5), (3, 4)
# functions of nn.functional: one or several of (settings, shapes of the inputs)
FUNCTIONAL: dict[str, list[tuple[Callable[..., Any], list[tuple[int, ...]]]]] = {
    **{name: [(_applied(name), [ROWS])] for name in (
        "relu relu6 leaky_relu hardtanh hardsigmoid hardswish elu celu selu silu mish softplus logsigmoid softsign sigmoid tanh"
        ).split()},
    "gelu": [(_applied("gelu"), [ROWS]), (_applied("gelu", approximate="tanh"), [ROWS])],
    "glu": [(_applied("glu", dim=1), [ROWS])], "prelu": [(_applied("prelu"), [ROWS, (4,)])],
    **{name: [(_applied(name, dim=1), [ROWS])] for name in ("softmax", "log_softmax", "softmin")},
    "linear": [(_applied("linear"), [(2, *ROWS), (5, 4), (5,)])],
    "bilinear": [(_applied("bilinear"), [ROWS, (3, 2), (5, 4, 2), (5,)])],
    "dropout": [(_applied("dropout", p=0.0), [ROWS])],
    "embedding": [(lambda T, table: T.nn.functional.embedding(T.tensor([[1, 0], [3, 1]]), table), [ROWS[::-1]])],
    "layer_norm": [(lambda T, x, w, b: T.nn.functional.layer_norm(x, (5,), w, b), [IMAGE, (5,), (5,)]),
                   (lambda T, x: T.nn.functional.layer_norm(x, (4, 5)), [IMAGE])],
    "rms_norm": [(lambda T, x, w: T.nn.functional.rms_norm(x, (5,), w), [IMAGE, (5,)])],
    "group_norm": [(lambda T, x, w, b: T.nn.functional.group_norm(x, 2, w, b), [IMAGE, (2,), (2,)])],
    "batch_norm": [(lambda T, x, w, b: T.nn.functional.batch_norm(x, None, None, w, b, True), [IMAGE, (2,), (2,)])],
    "normalize": [(_applied("normalize"), [ROWS])], "cosine_similarity": [(_applied("cosine_similarity"), [ROWS, ROWS])],
    "scaled_dot_product_attention": [
        (_applied("scaled_dot_product_attention"), [(2, 3, 4), (2, 5, 4), (2, 5, 2)]),
        (_applied("scaled_dot_product_attention", is_causal=True), [(2, 3, 4), (2, 3, 4), (2, 3, 4)])],
    "conv1d": [(_applied("conv1d", stride=2, padding=1), [(2, 4, 7), (3, 4, 3), (3,)])],
    "conv2d": [(_applied("conv2d", padding=1), [IMAGE, (3, 2, 3, 2), (3,)]),
               (_applied("conv2d", stride=2, padding=(1, 0), groups=2), [IMAGE, (4, 1, 3, 2), (4,)])],
    "conv_transpose1d": [(_applied("conv_transpose1d", stride=2), [(2, 4, 5), (4, 3, 2), (3,)])],
    "conv_transpose2d": [(_applied("conv_transpose2d", stride=2, padding=1), [IMAGE, (2, 3, 3, 2), (3,)])],
    "max_pool1d": [(_applied("max_pool1d", 3, 2, 1), [(2, 4, 7)])],
    "max_pool2d": [(_applied("max_pool2d", (2, 5)), [IMAGE]), (_applied("max_pool2d", 3, 2, 1), [IMAGE])],
    "avg_pool1d": [(_applied("avg_pool1d", 3, 2, 1), [(2, 4, 7)])], "avg_pool2d": [(_applied("avg_pool2d", 2), [IMAGE])],
    "adaptive_avg_pool1d": [(_applied("adaptive_avg_pool1d", 3), [(2, 4, 7)])],
    "adaptive_avg_pool2d": [(_applied("adaptive_avg_pool2d", (3, 2)), [IMAGE])],
    "unfold": [(_applied("unfold", (2, 3), stride=2), [IMAGE])],
    "pad": [(_applied("pad", (1, 2), value=1.5), [ROWS]), (_applied("pad", (2, 1), "reflect"), [ROWS])],
    "mse_loss": [(_applied("mse_loss"), [ROWS, ROWS])], "l1_loss": [(_applied("l1_loss"), [ROWS, ROWS])],
    "smooth_l1_loss": [(_applied("smooth_l1_loss"), [ROWS, ROWS])], "huber_loss": [(_applied("huber_loss"), [ROWS, ROWS])],
    "kl_div": [(_applied("kl_div", reduction="batchmean", log_target=True), [ROWS, ROWS])],
    "binary_cross_entropy": [(lambda T, x, y: T.nn.functional.binary_cross_entropy(T.sigmoid(x), T.sigmoid(y)), [ROWS, ROWS])],
    "binary_cross_entropy_with_logits": [(_applied("binary_cross_entropy_with_logits"), [ROWS, ROWS])],
    "nll_loss": [(_applied("nll_loss", LABELS), [ROWS])],
    "cross_entropy": [(_applied("cross_entropy", LABELS), [ROWS]),
                      (_applied("cross_entropy", LABELS, reduction="none", label_smoothing=0.2), [ROWS])],
}


def samples() -> Iterator[Sample]:
    """Every operation on every kind of input that it takes."""
    rng = np.random.default_rng(0)
    for name, (low, high) in UNARY.items():
        for shape in SHAPES:
            for x in layouts(draw(shape, low, high, rng)):
                yield Sample(name, lambda T, x, name=name: getattr(T, name)(x), [x])
    for name in BINARY:
        low = 0.3 if name in ("pow", "atan2", "div", "remainder") else -1.5
        for a, b in PAIRS:
            for x in layouts(draw(a, low, 2.0, rng)):
                yield Sample(name, lambda T, x, y, name=name: getattr(T, name)(x, y), [x, draw(b, low, 2.0, rng)])
    for name, run in REDUCTIONS.items():
        for shape in ((5,), (2, 3), (2, 3, 4)):
            for dim in (None, 0, -1, (0, -1)):
                if (dim is None and name == "logsumexp") or (isinstance(dim, tuple) and len(shape) < 2):
                    continue
                for keepdim in (False, True) if dim is not None else (False,):
                    options = {} if dim is None else {"dim": dim, "keepdim": keepdim}
                    yield Sample(name, lambda T, x, run=run, options=options: run(T, x, **options),
                                 [draw(shape, 0.4, 2.0, rng) * rng.choice([-1, 1], shape)])
    for name, (run, shape) in SHAPED.items():
        for x in layouts(draw(shape, -1.4, 1.4, rng)):
            if name != "view" or x.flags.c_contiguous:
                yield Sample(name, run, [x])
    for name, (run, pairs) in PRODUCTS.items():
        for a, b in pairs:
            for x in layouts(draw(a, -1.0, 1.0, rng)):
                yield Sample(name, run, [x, draw(b, -1.0, 1.0, rng)])
    for name, several in FUNCTIONAL.items():
        for run, shapes in several:
            first, *others = [draw(shape, -1.4, 1.4, rng) for shape in shapes]
            for x in layouts(first):
                yield Sample(f"nn.functional.{name}", run, [x, *others],
                             {"dtypes": ("float32",), "second": name != "hardsigmoid"} if name in ROUGH else {})
