"""nn.functional: the functions that networks are made of, each a formula over primitives or a fused operation."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import formulas, functions, versions
from ..device import array_module
from ..dispatch import apply
from ..errors import DTypeError, GradError, ShapeError
from ..functions import log_softmax, sigmoid, softmax, tanh  # noqa: F401
from ..functions.arguments import one_dim, one_of
from ..functions.creation import _draw
from ..hot import linear as linear
from ..ops import OPS
from ..symbol import known
from ..tensor import Tensor, describe, wrap
from ..writes import write
from .loss_functions import *  # noqa: F403
from .sliding import *  # noqa: F403


# ---- products
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1ᵀ W x2 + b for each output: input1 (*, in1), input2 (*, in2), weight (out, in1, in2), bias (out)."""
    out, in1, in2 = weight.shape
    if input1.shape[-1] != in1 or input2.shape[-1] != in2 or input1.shape[:-1] != input2.shape[:-1]:
        raise ShapeError(f"bilinear got inputs of shape {input1.shape} and {input2.shape}: they must be (*, {in1}) and "
                         f"(*, {in2}) with the same leading dims.")
    pairs = functions.unsqueeze(input1, -1) * functions.unsqueeze(input2, -2)
    return linear(functions.reshape(pairs, (*input1.shape[:-1], in1 * in2)),
                  functions.reshape(weight, (out, in1 * in2)), bias)


# ---- activations
def _into(input: Tensor, result: Tensor, inplace: bool) -> Tensor:
    """The result, or the input overwritten by it."""
    return write(input, result) if inplace else result


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0); the gradient at 0 is 0."""
    return _into(input, functions.relu(input), inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x above 0, x * negative_slope below."""
    return _into(input, apply(OPS["leaky_relu"], input, slope=negative_slope), inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x above 0, x * weight below; one weight for all, or one for each channel (dim 1)."""
    if weight.array.size == 1:
        weight = functions.reshape(weight, ())
    elif input.ndim < 2 or weight.shape != input.shape[1:2]:
        raise ShapeError(f"prelu needs one weight, or one for each channel, got {weight.shape} for {describe(input)}.")
    else:
        weight = _by_channel(weight, input)
    return functions.where(input > 0, input, input * weight)


def _by_channel(t: Tensor, like: Tensor) -> Tensor:
    """One number for each channel (dim 1) of `like`, in a shape that broadcasts."""
    return functions.reshape(t, (-1, *(1 for _ in like.shape[2:])))


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x between the bounds, the bounds beyond them; the gradient at a bound is 0."""
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val must not be greater than max_val, got {min_val} and {max_val}")
    if input.dtype.kind != "f":
        min_val, max_val = int(min_val), int(max_val)
    return _into(input, apply(OPS["hardtanh"], input, low=min_val, high=max_val), inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6, a sigmoid of straight lines."""
    return _into(input, hardtanh(input + 3, 0.0, 6.0) * (1 / 6), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x relu6(x + 3) / 6 (Howard et al. 2019)."""
    return _into(input, input * hardsigmoid(input), inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x above 0, alpha (exp(x) - 1) below (Clevert et al. 2015)."""
    return _into(input, apply(OPS["elu"], input, alpha=alpha, scale=1.0, rate=1.0), inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x above 0, alpha (exp(x / alpha) - 1) below."""
    return _into(input, apply(OPS["elu"], input, alpha=alpha, scale=1.0, rate=1 / alpha), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale * elu(x, alpha) with the constants that keep mean 0 and variance 1 (Klambauer et al. 2017)."""
    out = apply(OPS["elu"], input, alpha=1.6732632423543772, scale=1.0507009873554805, rate=1.0)
    return _into(input, out, inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x sigmoid(x)."""
    return _into(input, input * sigmoid(input), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)) (Misra 2019)."""
    return _into(input, input * tanh(softplus(input)), inplace)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta, a smooth relu; x itself where beta x is above `threshold`.

    Above 20 the two are one but for 2e-9: a threshold of 20 or more, which others need against overflow, changes nothing.
    """
    curve = apply(OPS["softplus"], input if beta == 1 else input * beta)
    curve = curve if beta == 1 else curve * (1 / beta)
    return curve if threshold >= 20 else functions.where(input * beta > threshold, input, curve)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (functions.abs(input) + 1)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Φ(x), Φ the normal distribution function (Hendrycks and Gimpel 2016); approximate="tanh": by a tanh."""
    name = "gelu" if one_of("gelu: approximate", approximate, "none", "tanh") == "none" else "gelu_tanh"
    return apply(OPS[name], input) if input.ndim else getattr(formulas, name)(input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a sigmoid(b), where a and b are the halves of the input along `dim`."""
    axis = one_dim(dim, input.ndim, "glu")
    half, odd = divmod(input.shape[axis], 2)
    if odd:
        raise ShapeError(f"glu halves dim {dim}, which must have an even size, got {input.shape[axis]}.")
    return functions.narrow(input, axis, 0, half) * sigmoid(functions.narrow(input, axis, half, half))


def softmin(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """The softmax of -x: the smaller, the likelier."""
    return softmax(-input, dim, dtype=dtype)


# ---- chance
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training each element is 0 with probability `p`, and 1 / (1 - p) times itself otherwise."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is a probability between 0 and 1, got {p}")
    if not training or p == 0:
        return input
    kept = _draw("random", input.shape, "float32", device=input.device) >= p
    return _into(input, input * (apply(OPS["cast"], kept, dtype=input.dtype) * (0 if p == 1 else 1 / (1 - p))), inplace)


# ---- tables
def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
              norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor:
    """The rows of weight (V, D) at the indices: (*,) gives (*, D).

    Args:
        padding_idx: a row that gets no gradient.
        max_norm: rows that are looked up and longer than this are first made so long, in place.
        norm_type: the p of that length.
        scale_grad_by_freq: a row's gradient is divided by how often the row is looked up.
        sparse: not to be had; gradients are whole tables.
    """
    refuse_sparse(sparse)
    index, rows = _whole_numbers("embedding", "indices", input, weight.shape[0]), weight.shape[0]
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ShapeError(f"embedding: padding_idx {padding_idx} is no row of a table with {rows} rows.")
    if not known(index):
        index = formulas.from_the_start(input).array
    if max_norm is not None:
        _shorten(weight, index, max_norm, norm_type)
    if padding_idx is not None:
        weight = apply(OPS["freeze_row"], weight, row=padding_idx)
    found = apply(OPS["getitem"], weight, index=index)
    return apply(OPS["scale_gradient"], found, factor=_rarity(input, weight)) if scale_grad_by_freq else found


def _whole_numbers(name: str, what: str, input: Tensor, count: int) -> Any:
    """The array of a tensor whose elements must be integers from 0 to count - 1, or, where it is -1, from 0 up."""
    array = getattr(input, "array", None)
    if array is None or array.dtype.kind not in "iu":
        raise DTypeError(f"{name} needs integer {what}, got {describe(input)}: write x.long().")
    if known(array) and array.size:
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= count >= 0:
            room = f"lie between 0 and {count - 1}" if count >= 0 else "not be negative"
            raise ShapeError(f"{name}: {what} must {room}, got {low if low < 0 else high}.")
    return array


def refuse_sparse(sparse: bool) -> None:
    """Complain where somebody asks for sparse gradients."""
    if sparse:
        raise GradError("embedding: sparse gradients are not part of this engine. Leave sparse=False: the gradient is "
                        "then a whole table, which every optimiser takes.")


def _rarity(index: Tensor, table: Tensor) -> Any:
    """1 / how often each index occurs among them, as a factor of its row: (*, 1)."""
    flat = functions.reshape(index, -1)
    counts = functions.zeros(table.shape[0], dtype=table.dtype, device=table.device)
    counts = functions.scatter_add(counts, 0, flat, functions.ones_like(flat, dtype=table.dtype))
    return functions.unsqueeze(1 / counts[index], -1).array


def _shorten(weight: Tensor, index: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows at these indices down to a length of `max_norm`, outside the graph."""
    xp = array_module(weight.array)
    used = xp.unique(index)
    rows = weight.array[used]
    length = (abs(rows) ** norm_type).sum(-1, keepdims=True) ** (1 / norm_type)
    versions.wrote(weight.array)
    weight.array[used] = xp.where(length > max_norm, rows * (max_norm / (length + 1e-7)), rows)


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """Class indices (*,) as rows of zeros with a single one: (*, num_classes), int64."""
    labels = _whole_numbers("one_hot", "labels", input, num_classes)
    if num_classes == -1:
        if not labels.size:
            raise ShapeError("one_hot of no labels needs num_classes.")
        num_classes = int(labels.max()) + 1
    classes = functions.arange(num_classes, device=input.device)
    if not known(labels):                       # looked up, so that a run refuses a label which is no class
        input = classes[formulas.from_the_start(input)]
    return (functions.unsqueeze(input, -1) == classes).long()


# ---- normalisation
def layer_norm(input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None,
               bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """(x - mean) / √(var + eps) * weight + bias, mean and variance over the last dims (Ba et al. 2016).

    Args:
        normalized_shape: the sizes of these dims, and the shape of weight and bias.
    """
    shape = _last_dims("layer_norm", input, normalized_shape)
    if len(shape) == 1:
        return apply(OPS["layer_norm"], input, weight, bias, eps=eps)
    rows = functions.reshape(input, (*input.shape[:input.ndim - len(shape)], math.prod(shape)))
    flat = [None if t is None else functions.reshape(t, -1) for t in (weight, bias)]
    return functions.reshape(apply(OPS["layer_norm"], rows, *flat, eps=eps), input.shape)


def rms_norm(input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None,
             eps: float | None = None) -> Tensor:
    """x / √(mean x² + eps) * weight over the last dims (Zhang and Sennrich 2019); eps is the dtype's by default."""
    shape = _last_dims("rms_norm", input, normalized_shape)
    if eps is None:
        eps = float(array_module(input.array).finfo(input.dtype).eps)
    square = functions.mean(input * input, tuple(range(-len(shape), 0)), True)
    out = input / functions.sqrt(square + eps)
    return out if weight is None else out * weight


def _last_dims(name: str, input: Tensor, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """`normalized_shape` as a tuple, checked to be the input's last dims."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or input.shape[-len(shape):] != shape:
        raise ShapeError(f"{name}: the input's last dims must be {shape}, its shape is {input.shape}.")
    return shape


def group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
               eps: float = 1e-5) -> Tensor:
    """Each sample's channels normalised in `num_groups` groups: input (N, C, *), weight and bias (C)."""
    if input.ndim < 2 or input.shape[1] % num_groups:
        raise ShapeError(f"group_norm needs an input (N, C, *) whose channels can be cut into {num_groups} groups, got "
                         f"{describe(input)}.")
    return _channel_norm(input, weight, bias, num_groups, eps)[0]


def _channel_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, groups: int, eps: float) -> list[Tensor]:
    """The input (N, C, *) normalised in groups of channels, or with 0 groups over the batch; the means and variances."""
    n, c, *size = input.shape
    rows = functions.reshape(input, (n, c, math.prod(size)))
    out, mean, var = apply(OPS["channel_norm"], rows, weight, bias, groups=groups, eps=eps)
    return [functions.reshape(out, input.shape), mean, var]


def _per_channel(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """x * weight + bias, one of each for every channel (dim 1)."""
    x = x if weight is None else x * _by_channel(weight, x)
    return x if bias is None else x + _by_channel(bias, x)


def batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
               bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """Each channel normalised over the batch: input (N, C, *), everything else (C) (Ioffe and Szegedy 2015).

    Args:
        running_mean, running_var: used in place of the batch's own outside training; in training moved
            towards the batch's by `momentum`, in place.
    """
    if input.ndim < 2:
        raise ShapeError(f"batch_norm needs an input (N, C, *), got {describe(input)}.")
    channels = input.shape[1]
    if not training:
        if running_mean is None or running_var is None:
            raise ShapeError("batch_norm outside training needs running_mean and running_var")
        scale = functions.rsqrt(running_var + eps) * (1 if weight is None else weight)
        shift = (0 if bias is None else bias) - running_mean * scale
        return _per_channel(input, scale, shift)
    count = input.array.size // max(channels, 1)
    if count == 1:
        raise ShapeError(f"batch_norm in training needs more than one value for each channel, got an input of shape "
                         f"{input.shape}: the variance of one value says nothing. Use a larger batch, or call "
                         f"module.eval().")
    if not count:
        return _per_channel(input, weight, bias)
    out, mean, var = _channel_norm(input, weight, bias, 0, eps)
    _move_towards(running_mean, mean.detach()[0], momentum)
    _move_towards(running_var, var.detach()[0] * (count / (count - 1)), momentum)
    return out


def _move_towards(running: Tensor | None, batch: Tensor, momentum: float) -> None:
    """Move a running number towards the batch's, in place."""
    if running is not None:
        write(running, running * (1 - momentum) + batch * momentum)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(‖x‖ₚ, eps) along `dim`: vectors of length 1."""
    return input / functions.clamp(functions.norm(input, p, dim, True), eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1·x2 / (‖x1‖ ‖x2‖) along `dim`, each length at least `eps`; the gradient does not notice that bound."""
    def unit(x: Tensor) -> Tensor:
        length = functions.norm(x, 2.0, dim, True)
        return x / (length + functions.relu(eps - length.detach()))

    return functions.sum(unit(x1) * unit(x2), dim)


# ---- attention
def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None,
                                 dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None,
                                 enable_gqa: bool = False) -> Tensor:
    """softmax(q kᵀ scale + mask) v (Vaswani et al. 2017).

    Args:
        query: (..., L, E). key: (..., S, E). value: (..., S, V).
        attn_mask: broadcastable to (..., L, S): booleans that say what may be looked at, or numbers that are added.
            A query that may look at nothing gets zeros.
        dropout_p: the probability with which an attention weight is dropped.
        is_causal: a query sees keys up to its own position only.
        scale: by default 1 / √E.
        enable_gqa: key and value have fewer heads (dim -3), each used by several of the query's.
    """
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ShapeError(f"attention got query {query.shape}, key {key.shape}, value {value.shape}: query and key must "
                         f"agree in their last dim, key and value in the one before it.")
    if is_causal and attn_mask is not None:
        raise ValueError("attention takes attn_mask or is_causal=True, not both")
    if enable_gqa:
        key, value = (_repeat_heads(t, query.shape[-3] // t.shape[-3]) for t in (key, value))
    if not key.shape[-2]:                       # nothing to look at
        return functions.matmul(query, functions.transpose(key, -2, -1)) @ value
    mask = _mask(query, key, attn_mask, is_causal)
    lead = query.shape[:-2]
    key, value = (t if t.shape[:-2] == lead else functions.expand(t, (*lead, *t.shape[-2:])) for t in (key, value))
    blind = None if mask is None or is_causal else functions.all(mask == -math.inf, -1, True)
    if blind is not None and known(blind.array) and not blind.array.any():
        blind = None
    if blind is not None:
        mask = functions.where(blind, 0.0, mask)
    scale = 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else scale
    if dropout_p:
        out = functions.matmul(dropout(_attention(query, key, mask, scale), dropout_p), value)
    else:
        out = apply(OPS["attention"], query, key, value, mask, scale=scale)
    return out if blind is None else functions.where(blind, 0.0, out)


def _attention(query: Tensor, key: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """How much each query looks at each key: softmax(q kᵀ scale + mask)."""
    scores = functions.matmul(query, functions.transpose(key, -2, -1)) * scale
    return softmax(scores if mask is None else scores + mask, -1)


def _mask(query: Tensor, key: Tensor, mask: Tensor | None, is_causal: bool) -> Tensor | None:
    """The mask as numbers to add: 0 where a key may be looked at, -infinity where not."""
    if is_causal:
        xp = array_module(query.array)
        return wrap(xp.triu(xp.full((query.shape[-2], key.shape[-2]), -math.inf, query.dtype), 1))
    return mask if mask is None or mask.dtype.kind == "f" else _hidden(functions.logical_not(mask), query)


def _hidden(mask: Tensor, like: Tensor) -> Tensor:
    """What hides something from attention as numbers to add: -infinity where the mask holds, 0 elsewhere."""
    return functions.where(mask, wrap(like.dtype.type(-math.inf)), wrap(like.dtype.type(0)))


def _repeat_heads(t: Tensor, times: int) -> Tensor:
    """Each head (dim -3) `times` times in a row."""
    one = functions.unsqueeze(t, -3)
    many = functions.expand(one, (*one.shape[:-3], times, *one.shape[-2:]))
    return functions.reshape(many, (*t.shape[:-3], t.shape[-3] * times, *t.shape[-2:]))
