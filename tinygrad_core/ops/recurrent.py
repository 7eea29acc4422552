"""Whole sequences in one operation: the recurrent layers, with their input products taken out of the loop."""
from __future__ import annotations

from typing import Any

from ..products import column_sums, matmul
from .core import primitive


def _lstm(xp: Any, x: Any, h: Any, c: Any, weight_ih: Any, weight_hh: Any, bias: Any) -> Any:
    """One LSTM layer over x (T, B, E) from h and c (B, H); the gates lie in PyTorch's order i, f, g, o.

    Sigmoids are taken as (1 + tanh(x/2)) / 2, so that each step needs one tanh over all four gates.
    """
    T, B, _ = x.shape
    H = h.shape[1]
    f32 = x.dtype.type
    gates = matmul(xp, x.reshape(T * B, -1), weight_ih.T)
    if bias is not None:
        gates += bias
    gates = gates.reshape(T, B, 4 * H)
    half = xp.full(4 * H, f32(0.5))
    half[2 * H:3 * H] = 1
    shift = 1 - half
    hs, cs = xp.empty((T + 1, B, H), x.dtype), xp.empty((T + 1, B, H), x.dtype)
    hs[0], cs[0] = h, c
    tanh_c, fresh = xp.empty((T, B, H), x.dtype), xp.empty((B, H), x.dtype)
    recurrent, columns = xp.empty((B, 4 * H), x.dtype), xp.ascontiguousarray(weight_hh.T)
    for t in range(T):
        a = gates[t]
        matmul(xp, hs[t], columns, out=recurrent)
        a += recurrent
        a *= half
        xp.tanh(a, out=a)
        a *= half
        a += shift
        xp.multiply(a[:, H:2 * H], cs[t], out=cs[t + 1])
        xp.multiply(a[:, :H], a[:, 2 * H:3 * H], out=fresh)
        cs[t + 1] += fresh
        xp.tanh(cs[t + 1], out=tanh_c[t])
        xp.multiply(a[:, 3 * H:], tanh_c[t], out=hs[t + 1])
    return (hs[1:], hs[T], cs[T]), gates, hs, cs, tanh_c


def _lstm_backward(xp: Any, g: Any, needs: Any, x: Any, weight_ih: Any, weight_hh: Any, gates: Any, hs: Any, cs: Any,
                   tanh_c: Any) -> Any:
    """Backpropagation through time, a step's arrays at a time so that they stay in the cache; the weights' products
    are taken once, over all steps, at the end."""
    T, B, H = tanh_c.shape
    g_out, g_h, g_c = g
    d = xp.empty_like(gates)
    dh = g_h.copy() if g_h is not None else xp.zeros((B, H), x.dtype)
    dc = g_c.copy() if g_c is not None else xp.zeros((B, H), x.dtype)
    slope, through = xp.empty((B, 4, H), x.dtype), xp.empty((B, H), x.dtype)
    for t in range(T - 1, -1, -1):
        a = gates[t].reshape(B, 4, H)
        i, f, u, o = a[:, 0], a[:, 1], a[:, 2], a[:, 3]
        xp.multiply(a, a, out=slope)
        xp.subtract(a[:, :2], slope[:, :2], out=slope[:, :2])       # s (1 - s) for the sigmoids
        xp.subtract(o, slope[:, 3], out=slope[:, 3])
        xp.subtract(1, slope[:, 2], out=slope[:, 2])                # 1 - t² for the candidate
        slope[:, 0] *= u
        slope[:, 1] *= cs[t]
        slope[:, 2] *= i
        slope[:, 3] *= tanh_c[t]
        if g_out is not None:
            dh += g_out[t]
        xp.multiply(tanh_c[t], tanh_c[t], out=through)
        xp.subtract(1, through, out=through)
        through *= o
        through *= dh
        dc += through
        into = d[t].reshape(B, 4, H)
        xp.multiply(slope[:, :3], dc[:, None, :], out=into[:, :3])
        xp.multiply(slope[:, 3], dh, out=into[:, 3])
        dc *= f
        matmul(xp, d[t], weight_hh, out=dh)
    flat = d.reshape(T * B, 4 * H)
    return (matmul(xp, flat, weight_ih).reshape(x.shape) if needs[0] else None, dh if needs[1] else None,
            dc if needs[2] else None, matmul(xp, flat.T, x.reshape(T * B, -1)) if needs[3] else None,
            matmul(xp, flat.T, hs[:-1].reshape(T * B, H)) if needs[4] else None,
            column_sums(xp, flat) if needs[5] else None)


primitive("lstm", _lstm, aux=("gates", "hs", "cs", "tanh_c"), backward=_lstm_backward,
          several=True, notation={"out": "lstm({x})", **dict.fromkeys(
              ("x", "h", "c", "weight_ih", "weight_hh", "bias"), "back through time of {g}")})
