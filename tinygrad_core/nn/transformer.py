"""Attention with several heads, and the transformer layers around it (Vaswani et al. 2017)."""
from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, ClassVar

from .. import functions
from ..errors import ShapeError
from ..functions.arguments import one_of
from ..tensor import Tensor
from . import functional as F
from . import init
from .applied import Dropout
from .containers import ModuleList
from .layers import Linear, own
from .module import Module
from .normalization import LayerNorm

__all__ = ["MultiheadAttention", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder",
           "TransformerEncoderLayer"]


class MultiheadAttention(Module):
    """Attention in `num_heads` parts of the embedding, each with projections of its own.

    Args:
        embed_dim: the size of queries and outputs; a multiple of num_heads.
        dropout: the probability with which an attention weight is dropped in training.
        bias: whether the projections have biases.
        add_bias_kv: one more key and value, learned, stand behind those that are given.
        add_zero_attn: one more key and value of zeros do.
        kdim, vdim: the sizes of keys and values, by default embed_dim.
        batch_first: tensors are (N, L, E) in place of (L, N, E).
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
                 add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None,
                 vdim: int | None = None, batch_first: bool = False, device: Any = None, dtype: Any = None):
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: embed_dim ({embed_dim}) must be a multiple of num_heads "
                             f"({num_heads})")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.head_dim, self.kdim, self.vdim = embed_dim // num_heads, kdim or embed_dim, vdim or embed_dim
        self.add_zero_attn = add_zero_attn
        apart, E = not self.kdim == self.vdim == embed_dim, embed_dim
        own(self, device, dtype, q_proj_weight=(E, E) if apart else None, k_proj_weight=(E, self.kdim) if apart else None,
            v_proj_weight=(E, self.vdim) if apart else None, in_proj_weight=None if apart else (3 * E, E),
            in_proj_bias=(3 * E,) if bias else None, bias_k=(1, 1, E) if add_bias_kv else None,
            bias_v=(1, 1, E) if add_bias_kv else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights by Xavier, biases zero."""
        for name, p in self.named_parameters():
            if name.endswith("proj_weight"):
                init.xavier_uniform_(p)
            elif name in ("bias_k", "bias_v"):
                init.xavier_normal_(p)
            elif name.endswith("bias"):
                init.zeros_(p)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
                need_weights: bool = True, attn_mask: Tensor | None = None, average_attn_weights: bool = True,
                is_causal: bool = False) -> tuple[Tensor, Tensor | None]:
        """What the queries find.

        Args:
            query: (L, N, E) or (L, E). key, value: (S, N, *) or (S, *).
            key_padding_mask: (N, S): True, or -infinity, for keys that count for nothing.
            need_weights: return the attention weights too, (N, L, S); without them it is faster.
            attn_mask: (L, S) or (N * heads, L, S): True where a query may *not* look, or numbers to add.
            average_attn_weights: the weights' mean over the heads; otherwise (N, heads, L, S).
            is_causal: a hint that attn_mask is the causal one, which must still be given.
        """
        if is_causal and attn_mask is None:
            raise ShapeError("MultiheadAttention: is_causal=True is a hint about attn_mask, which must be given too.")
        single = query.ndim == 2
        q, k, v = self._project(query, key, value)
        if single:
            q, k, v = (functions.unsqueeze(t, 0) for t in (q, k, v))
        elif not self.batch_first:
            q, k, v = (functions.transpose(t, 0, 1) for t in (q, k, v))
        mask = self._merged(q, k, attn_mask, key_padding_mask)
        k, v = self._extended(k, self.bias_k), self._extended(v, self.bias_v)
        if mask is not None and k.shape[1] > mask.shape[-1]:    # what stands behind the given keys is never hidden
            mask = F.pad(mask, (0, k.shape[1] - mask.shape[-1]))
        q, k, v = (self._heads(t) for t in (q, k, v))
        dropped = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            weights = F.dropout(F._attention(q, k, mask, 1 / math.sqrt(self.head_dim)), dropped)
            out = functions.matmul(weights, v)
            weights = functions.mean(weights, 1) if average_attn_weights else weights
        else:
            out = F.scaled_dot_product_attention(q, k, v, mask, dropped)
        out = functions.transpose(out, 1, 2)
        out = self.out_proj(functions.reshape(out, (*out.shape[:2], self.embed_dim)))
        if single:
            return functions.squeeze(out, 0), None if weights is None else functions.squeeze(weights, 0)
        return out if self.batch_first else functions.transpose(out, 0, 1), weights

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Queries, keys and values through their input projections; one product where all are the same tensor."""
        E, weight, bias = self.embed_dim, self.in_proj_weight, self.in_proj_bias
        parts = [slice(k * E, (k + 1) * E) for k in range(3)]
        if weight is not None and query is key and key is value:
            together = F.linear(query, weight, bias)
            return [together[..., part] for part in parts]
        weights = ((self.q_proj_weight, self.k_proj_weight, self.v_proj_weight) if weight is None
                   else [weight[part] for part in parts])
        return [F.linear(x, w, None if bias is None else bias[part])
                for x, w, part in zip((query, key, value), weights, parts, strict=True)]

    def _extended(self, t: Tensor, learned: Tensor | None) -> Tensor:
        """Keys or values (N, S, E), and behind them the learned one and zeros where these are asked for."""
        n, _, E = t.shape
        more = [] if learned is None else [functions.expand(learned, (n, 1, E))]
        if self.add_zero_attn:
            more.append(functions.zeros(n, 1, E, dtype=t.dtype, device=t.device))
        return functions.cat([t, *more], 1) if more else t

    def _heads(self, t: Tensor) -> Tensor:
        """(N, L, E) as (N, heads, L, E / heads)."""
        parts = functions.reshape(t, (*t.shape[:2], self.num_heads, self.head_dim))
        return functions.transpose(parts, 1, 2)

    def _merged(self, q: Tensor, k: Tensor, attn_mask: Tensor | None, padding: Tensor | None) -> Tensor | None:
        """Both masks as one of numbers to add, broadcastable to (N, heads, L, S)."""
        n, length, size = q.shape[0], q.shape[1], k.shape[1]
        mask = None
        if attn_mask is not None:
            mask = _additive(attn_mask, q)
            if mask.shape == (n * self.num_heads, length, size):
                mask = functions.reshape(mask, (n, self.num_heads, length, size))
            elif mask.shape != (length, size):
                raise ShapeError(f"MultiheadAttention: attn_mask must be {(length, size)} or "
                                 f"{(n * self.num_heads, length, size)}, got {mask.shape}.")
        if padding is not None:
            if padding.shape != ((n, size) if padding.ndim == 2 else (size,)):
                raise ShapeError(f"MultiheadAttention: key_padding_mask must be {(n, size)}, got {padding.shape}.")
            by_key = functions.reshape(_additive(padding, q), (-1, 1, 1, size))
            mask = by_key if mask is None else mask + by_key
        return mask


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    """A mask whose True means *hidden* as numbers to add; numbers as they are."""
    return mask if mask.dtype.kind == "f" else F._hidden(mask, like)


class _Layer(Module):
    """What the layers share: attentions, two linear layers, and for each a normalisation and a dropout."""

    attentions: ClassVar[tuple[str, ...]]

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
                 activation: str | Callable[[Tensor], Tensor] = "relu", layer_norm_eps: float = 1e-5,
                 batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None,
                 dtype: Any = None):
        super().__init__()
        made = {"device": device, "dtype": dtype}
        for name in self.attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **made))
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made)
        self.norm_first = norm_first
        parts = range(1, len(self.attentions) + 2)
        for k in parts:
            setattr(self, f"norm{k}", LayerNorm(d_model, layer_norm_eps, bias=bias, **made))
        for k in parts:
            setattr(self, f"dropout{k}", Dropout(dropout))
        if isinstance(activation, str):
            one_of("a transformer's activation, unless a function,", activation, "relu", "gelu")
        self.activation = getattr(F, activation) if isinstance(activation, str) else activation

    def _attend(self, name: str, x: Tensor, memory: Tensor, mask: Tensor | None, padding: Tensor | None,
                is_causal: bool) -> Tensor:
        """What x finds in the memory, through one of the attentions."""
        return getattr(self, name)(x, memory, memory, padding, False, mask, is_causal=is_causal)[0]

    def _through(self, x: Tensor, *parts: Callable[[Tensor], Tensor]) -> Tensor:
        """x through each part with a residual path around it, normalised before or after."""
        for k, part in enumerate((*parts, self._feed), 1):
            norm, dropout = getattr(self, f"norm{k}"), getattr(self, f"dropout{k}")
            x = x + dropout(part(norm(x))) if self.norm_first else norm(x + dropout(part(x)))
        return x

    def _feed(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention and two linear layers, each with a residual path around it and a normalisation.

    Args:
        d_model, nhead: the embedding's size and the number of heads.
        dim_feedforward: the size between the two linear layers.
        activation: "relu", "gelu" or a function.
        norm_first: normalise before each part in place of after it.
        batch_first: tensors are (N, L, E) in place of (L, N, E).
    """

    attentions = ("self_attn",)

    def forward(self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                is_causal: bool = False) -> Tensor:
        """The sequence after one layer; masks as in `MultiheadAttention`."""
        return self._through(src, lambda x: self._attend("self_attn", x, x, src_mask, src_key_padding_mask, is_causal))


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to a memory, and two linear layers; arguments as in `TransformerEncoderLayer`."""

    attentions = ("self_attn", "multihead_attn")

    def forward(self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
                tgt_key_padding_mask: Tensor | None = None, memory_key_padding_mask: Tensor | None = None,
                tgt_is_causal: bool = False, memory_is_causal: bool = False) -> Tensor:
        """The target sequence after one layer that looks at itself and at the memory."""
        return self._through(
            tgt, lambda x: self._attend("self_attn", x, x, tgt_mask, tgt_key_padding_mask, tgt_is_causal),
            lambda x: self._attend("multihead_attn", x, memory, memory_mask, memory_key_padding_mask, memory_is_causal))


class _Stack(Module):
    """`num_layers` copies of a layer one after another, and a normalisation after them if one is given."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(layer) for _ in range(num_layers))
        self.num_layers, self.norm = num_layers, norm

    def _run(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The sequence after all layers, each of which gets the other arguments too."""
        for layer in self.layers:
            x = layer(x, *args, **kwargs)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """`num_layers` copies of an encoder layer one after another, and a normalisation after them if one is given."""

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__(encoder_layer, num_layers, norm)

    def forward(self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
                is_causal: bool | None = None) -> Tensor:
        """The sequence after all layers."""
        return self._run(src, mask, src_key_padding_mask, bool(is_causal))


class TransformerDecoder(_Stack):
    """`num_layers` copies of a decoder layer one after another, and a normalisation after them if one is given."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__(decoder_layer, num_layers, norm)

    def forward(self, tgt: Tensor, memory: Tensor, *masks: Any, **kwargs: Any) -> Tensor:
        """The target sequence after all layers; masks as in `TransformerDecoderLayer`."""
        return self._run(tgt, memory, *masks, **kwargs)
