"""Recurrent layers: RNN, GRU and LSTM over whole sequences, and their cells, which take one step."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .. import functions
from ..dispatch import apply
from ..errors import ShapeError
from ..functions.arguments import one_of
from ..ops import OPS
from ..tensor import Tensor, describe
from . import functional as F
from . import init
from .layers import own
from .module import Module
from .utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

State = tuple[Tensor, ...]              # (h,), or (h, c) for an LSTM, each (batch, hidden)


# ---- one step: from the input's part of the gates and the state to the next state
def _rnn_step(gates: Tensor, state: State, weight: Tensor, bias: Tensor | None, activation: Any) -> State:
    """h' = tanh(W x + U h), or relu."""
    return (activation(gates + F.linear(state[0], weight, bias)),)


def _gru_step(gates: Tensor, state: State, weight: Tensor, bias: Tensor | None, _: Any = None) -> State:
    """r, z = σ(...), n = tanh(W x + r · U h), h' = (1 - z) n + z h (Cho et al. 2014)."""
    h, = state
    by_input, by_state = _parts(gates, 3), _parts(F.linear(h, weight, bias), 3)
    r, z = (functions.sigmoid(a + b) for a, b in zip(by_input[:2], by_state[:2], strict=True))
    n = functions.tanh(by_input[2] + r * by_state[2])
    return (n + z * (h - n),)


def _lstm_step(gates: Tensor, state: State, weight: Tensor, bias: Tensor | None, _: Any = None) -> State:
    """i, f, o = σ(...), g = tanh(...), c' = f c + i g, h' = o tanh c' (Hochreiter and Schmidhuber 1997)."""
    h, c = state
    i, f, g, o = _parts(gates + F.linear(h, weight, bias), 4)
    c = functions.sigmoid(f) * c + functions.sigmoid(i) * functions.tanh(g)
    return functions.sigmoid(o) * functions.tanh(c), c


def _parts(gates: Tensor, n: int) -> list[Tensor]:
    """The gates, which lie beside each other in the last dim."""
    size = gates.shape[-1] // n
    return [gates[..., k * size:(k + 1) * size] for k in range(n)]


def _each(change: Callable[[Tensor, int], Tensor], state: Any, dim: int) -> Any:
    """A state, one tensor or a tuple, each of which is changed at a dim; None stays."""
    if isinstance(state, tuple):
        return tuple(change(s, dim) for s in state)
    return None if state is None else change(state, dim)


def _check_size(name: str, input: Tensor, dims: tuple[int, ...], size: int) -> None:
    if not isinstance(input, Tensor) or input.ndim not in dims or input.shape[-1] != size:
        raise ShapeError(f"{name} needs an input of {' or '.join(map(str, dims))} dims whose last is {size}, its "
                         f"input_size; got {describe(input)}.")


class _Gated(Module):
    """What cells and layers share: how many gates and states there are, the step to the next state, the weights."""

    gates: ClassVar[int]
    states: ClassVar[int] = 1
    step: ClassVar[Any]
    nonlinearity = "tanh"

    def _own(self, end: str, size: int, out: int, device: Any, dtype: Any) -> None:
        """Add the two products' weights and biases, for inputs of `size` and an h of `out` elements, and what turns the
        hidden elements into h where those are more; `end` closes their names."""
        rows = self.gates * self.hidden_size
        bias = (rows,) if self.bias else None
        shapes: dict[str, Any] = {"weight_ih": (rows, size), "weight_hh": (rows, out), "bias_ih": bias, "bias_hh": bias}
        if out != self.hidden_size:
            shapes["weight_hr"] = (out, self.hidden_size)
        own(self, device, dtype, **{name + end: shape for name, shape in shapes.items()})

    def reset_parameters(self) -> None:
        """Draw new starting values, evenly from ±1/√hidden_size."""
        init.by_size(self.hidden_size, self.parameters())


# ---- cells
class _Cell(_Gated):
    """One step of a recurrent layer."""

    shown = "input_size hidden_size | bias=True nonlinearity=tanh"

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self._own("", input_size, hidden_size, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """The next state from an input (N, input_size) or (input_size) and a state; zeros without one."""
        _check_size(type(self).__name__, input, (1, 2), self.input_size)
        if input.ndim == 1:
            return _each(functions.squeeze, self.forward(functions.unsqueeze(input, 0), _each(functions.unsqueeze, hx, 0)), 0)
        if hx is None:
            hx = (functions.zeros(len(input), self.hidden_size, dtype=input.dtype, device=input.device),) * self.states
        gates, state = F.linear(input, self.weight_ih, self.bias_ih), hx if isinstance(hx, tuple) else (hx,)
        state = type(self).step(gates, state, self.weight_hh, self.bias_hh, getattr(functions, self.nonlinearity))
        return state if self.states > 1 else state[0]


class RNNCell(_Cell):
    """One step of an RNN: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu."""

    gates, step = 1, staticmethod(_rnn_step)

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
                 device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = one_of("an RNN's nonlinearity", nonlinearity, "tanh", "relu")


class GRUCell(_Cell):
    """One step of a GRU; the gates lie in the order r, z, n."""

    gates, step = 3, staticmethod(_gru_step)


class LSTMCell(_Cell):
    """One step of an LSTM: the state is (h, c); the gates lie in the order i, f, g, o."""

    gates, states, step = 4, 2, staticmethod(_lstm_step)


# ---- layers over sequences
class _Recurrent(_Gated):
    """What RNN, GRU and LSTM share.

    Args:
        input_size, hidden_size: the sizes of an input element and of the state.
        num_layers: how many layers stand on each other.
        bias: whether the products have biases.
        batch_first: input and output are (N, T, *) in place of (T, N, *).
        dropout: the dropout probability between layers.
        bidirectional: a second set of layers runs from the end; outputs stand beside each other.
        proj_size: an LSTM's h is made this small by one more product (Sak et al. 2014); 0 for none.

    Input (T, N, input_size), (T, input_size) or a PackedSequence; state (layers * directions, N, hidden_size).
    Gives (output, state): the last layer's h at every step, and every layer's last state.
    """

    shown = ("input_size hidden_size | proj_size=0 num_layers=1 bias=True batch_first=False dropout=0.0 "
             "bidirectional=False")

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0,
                 device: Any = None, dtype: Any = None):
        super().__init__()
        if proj_size and (self.states < 2 or not 0 < proj_size < hidden_size):
            raise ValueError(f"{type(self).__name__}: proj_size is for LSTM alone, and smaller than hidden_size "
                             f"({hidden_size}); got {proj_size}")
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional = batch_first, float(dropout), bidirectional
        self.proj_size = proj_size
        self.ends = ("", "_reverse")[:1 + bidirectional]
        for layer in range(num_layers):
            for end in self.ends:
                size = self.out_size * len(self.ends) if layer else input_size
                self._own(f"_l{layer}{end}", size, self.out_size, device, dtype)
        self.reset_parameters()

    @property
    def out_size(self) -> int:
        """The size of h, which is what a layer puts out in one direction."""
        return self.proj_size or self.hidden_size

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The outputs of the last layer at every step, and the last states of every layer."""
        packed = input if isinstance(input, PackedSequence) else None
        x = packed.data if packed else input
        _check_size(type(self).__name__, x, (2,) if packed else (2, 3), self.input_size)
        if not packed and x.ndim == 2:                  # one sequence is a batch of one
            among = 0 if self.batch_first else 1
            output, last = self.forward(functions.unsqueeze(x, among), _each(functions.unsqueeze, hx, 1))
            return functions.squeeze(output, among), _each(functions.squeeze, last, 1)
        if packed:
            rows, blocks = x, _rectangles(packed.batch_sizes.array)
        else:
            x = functions.transpose(x, 0, 1) if self.batch_first else x
            steps, batch, size = x.shape
            if not steps:
                raise ShapeError(f"{type(self).__name__} needs at least one step, got {describe(input)}.")
            rows, blocks = functions.reshape(x, (steps * batch, size)), [(0, steps, batch)]
        rows, states = self._layers(rows, blocks, self._start(x, hx, blocks[0][2], packed))
        if packed:
            if packed.unsorted_indices is not None:
                states = tuple(s[:, packed.unsorted_indices] for s in states)
            output = packed._replace(data=rows)
        else:
            output = functions.reshape(rows, (steps, batch, rows.shape[1]))
            output = functions.transpose(output, 0, 1) if self.batch_first else output
        return output, states if self.states > 1 else states[0]

    def _start(self, x: Tensor, hx: Any, batch: int, packed: PackedSequence | None) -> State:
        """The given state, or zeros: each (layers * directions, N, its size) in the order of the packed batch."""
        sizes = (self.out_size, self.hidden_size)[:self.states]
        shapes = [(self.num_layers * len(self.ends), batch, size) for size in sizes]
        if hx is None:
            return tuple(functions.zeros(shape, dtype=x.dtype, device=x.device) for shape in shapes)
        given = hx if isinstance(hx, tuple) else (hx,)
        if [s.shape for s in given] != shapes:
            raise ShapeError(f"{type(self).__name__} needs {'a state' if self.states == 1 else 'two states'} of shape "
                             f"{' and '.join(map(str, shapes))}, got {[s.shape for s in given]}.")
        if packed is not None and packed.sorted_indices is not None:
            return tuple(s[:, packed.sorted_indices] for s in given)
        return given

    def _layers(self, rows: Tensor, blocks: list[tuple[int, int, int]], start: State) -> tuple[Tensor, State]:
        """Every layer in both directions: the last one's outputs, and all last states stacked."""
        lasts: list[State] = []
        for layer in range(self.num_layers):
            outputs = []
            for end in self.ends:
                k = len(lasts)
                out, last = self._direction(rows, blocks, tuple(s[k] for s in start), f"l{layer}{end}")
                outputs.append(out)
                lasts.append(last)
            rows = outputs[0] if len(outputs) == 1 else functions.cat(outputs, 1)
            if layer < self.num_layers - 1:
                rows = F.dropout(rows, self.dropout, self.training)
        return rows, tuple(functions.stack(parts, 0) for parts in zip(*lasts, strict=True))

    def _direction(self, rows: Tensor, blocks: list[tuple[int, int, int]], first: State,
                   name: str) -> tuple[Tensor, State]:
        """One layer in one direction, over the blocks in their order, or from the last to the first.

        As sequences end, the running batch shrinks: the states of those that ended are put aside. From the
        end it grows: they begin with their part of the first state.
        """
        backwards = name.endswith("_reverse")
        outputs, ended, state = [], [], tuple(s[:0] for s in first) if backwards else first
        for start, steps, batch in reversed(blocks) if backwards else blocks:
            running = state[0].shape[0]
            if batch < running:
                ended.append(tuple(s[batch:] for s in state))
                state = tuple(s[:batch] for s in state)
            elif batch > running:
                state = tuple(functions.cat([s, f[running:batch]]) for s, f in zip(state, first, strict=True))
            x = functions.reshape(rows[start:start + steps * batch], (steps, batch, rows.shape[1]))
            out, state = self._block(functions.flip(x, 0) if backwards else x, state, name)
            outputs.append(functions.reshape(functions.flip(out, 0) if backwards else out, (steps * batch, self.out_size)))
        for rest in reversed(ended):
            state = tuple(functions.cat([s, r]) for s, r in zip(state, rest, strict=True))
        outputs = outputs[::-1] if backwards else outputs
        return outputs[0] if len(outputs) == 1 else functions.cat(outputs), state

    def _weights(self, name: str) -> list[Any]:
        """The four parameters of one layer in one direction; None for the biases where there are none."""
        return [getattr(self, f"{kind}_{name}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]

    def _block(self, x: Tensor, state: State, name: str) -> tuple[Tensor, State]:
        """One layer over x (T, N, size), step by step; the input's product is taken for all steps at once."""
        weight_ih, weight_hh, bias_ih, bias_hh = self._weights(name)
        gates, activation = F.linear(x, weight_ih, bias_ih), getattr(functions, self.nonlinearity)
        outputs = []
        for t in range(x.shape[0]):
            state = type(self).step(gates[t], state, weight_hh, bias_hh, activation)
            if self.proj_size:
                state = (F.linear(state[0], getattr(self, f"weight_hr_{name}")), *state[1:])
            outputs.append(state[0])
        return functions.stack(outputs, 0), state


def _rectangles(batch_sizes: Any) -> list[tuple[int, int, int]]:
    """Packed data as blocks of steps with equally many sequences: (first element, steps, sequences)."""
    blocks: list[tuple[int, int, int]] = []
    start = 0
    for size in batch_sizes.tolist():
        if blocks and blocks[-1][2] == size:
            blocks[-1] = (blocks[-1][0], blocks[-1][1] + 1, size)
        else:
            blocks.append((start, 1, size))
        start += size
    return blocks


class RNN(_Recurrent):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or relu with nonlinearity="relu"."""

    __doc__ += "\n" + (_Recurrent.__doc__ or "").split("\n", 1)[1]
    gates, step = 1, staticmethod(_rnn_step)

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh",
                 *args: Any, **kwargs: Any):
        super().__init__(input_size, hidden_size, num_layers, *args, **kwargs)
        self.nonlinearity = one_of("an RNN's nonlinearity", nonlinearity, "tanh", "relu")


class GRU(_Recurrent):
    """The gated recurrent unit; the gates lie in the order r, z, n."""

    __doc__ += "\n" + (_Recurrent.__doc__ or "").split("\n", 1)[1]
    gates, step = 3, staticmethod(_gru_step)


class LSTM(_Recurrent):
    """Long short-term memory: the state is (h, c); the gates lie in the order i, f, g, o."""

    __doc__ += "\n" + (_Recurrent.__doc__ or "").split("\n", 1)[1]
    gates, states, step = 4, 2, staticmethod(_lstm_step)

    def _block(self, x: Tensor, state: State, name: str) -> tuple[Tensor, State]:
        """One layer over x (T, N, size), as one fused operation."""
        if self.proj_size or not x.array.size:
            return super()._block(x, state, name)
        weight_ih, weight_hh, bias_ih, bias_hh = self._weights(name)
        bias = None if bias_ih is None else bias_ih + bias_hh
        out, h, c = apply(OPS["lstm"], x, *state, weight_ih, weight_hh, bias)
        return out, (h, c)
