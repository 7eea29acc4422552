"""Tensor, the array a person holds: its numbers, its place in the graph, and what it looks into."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from . import device as devices
from . import dtypes, versions
from .device import array_module
from .errors import DeviceError, DTypeError, GradError, ShapeError
from .node import Leaf, Node, Output
from .ops import Op
from .symbol import StaticError, Symbol, shape_text

ndarray = np.ndarray


class _Switches:
    """What one thread has asked for; `odd` where that is anything at all."""

    __slots__ = ("grad", "watch", "graph", "odd")

    def __init__(self) -> None:
        self.grad, self.watch, self.graph, self.odd = True, None, None, False

    def __del__(self) -> None:
        if self.odd:                    # the thread ends as it is
            mode._count(-1)


class _Thread(threading.local):
    """Each thread's switches."""

    def __init__(self) -> None:
        self.switches = _Switches()


class Mode:
    """How operations run at the moment; each thread has switches of its own.

    `plain` is the one flag that the hot paths read: in no thread are gradients off or somebody watching. Everything
    else, `no_grad` and recording, goes through `apply`, which asks for the switches of the thread that it runs in.
    """

    __slots__ = ("_thread", "_lock", "_odd", "plain")

    def __init__(self) -> None:
        self._thread, self._lock, self._odd, self.plain = _Thread(), threading.RLock(), 0, True

    @property
    def grad(self) -> bool:
        """Whether operations leave nodes behind."""
        return self.plain or self._thread.switches.grad

    @grad.setter
    def grad(self, wanted: bool) -> None:
        switches = self._thread.switches
        switches.grad = wanted
        self._settle(switches)

    @property
    def watch(self) -> Any:
        """Who is told of everything: a recorder, the graph in which operations are written down to run later, or None."""
        return None if self.plain else self._thread.switches.watch

    @watch.setter
    def watch(self, watch: Any) -> None:
        switches = self._thread.switches
        switches.watch, switches.graph = watch, watch if hasattr(watch, "define") else None
        self._settle(switches)

    @property
    def watched(self) -> bool:
        """Whether anybody is told."""
        return not self.plain and self._thread.switches.watch is not None

    @property
    def graph(self) -> Any:
        """The graph in which operations are written down, or None where they compute."""
        return None if self.plain else self._thread.switches.graph

    def _settle(self, switches: _Switches) -> None:
        odd = not switches.grad or switches.watch is not None
        if odd is not switches.odd:
            switches.odd = odd
            self._count(1 if odd else -1)

    def _count(self, more: int) -> None:
        with self._lock:
            self._odd += more
            self.plain = not self._odd


mode = Mode()


class Tensor:
    """A multi-dimensional array of one dtype that can remember how it was computed.

    Args:
        data: a number, nested sequences of numbers, an array, or another tensor; copied.
        dtype: the dtype of the elements; by default float32 for Python floats, int64 for integers, and an
            array's own.
        device: "cpu" or "cuda".
        requires_grad: ask for gradients with respect to this tensor (floating-point only).
        name: a name for pictures and listings.

    `array` is the NumPy or CuPy array that holds the numbers; a tensor without dims holds a NumPy scalar,
    because arithmetic on scalars is many times faster than on arrays of one element. Such a scalar cannot be looked
    into as memory can: `x[0]` of a vector hands on to x what is written into it, but where no gradient is recorded it
    does not follow what is written into x later, and `s[None]` and `s.reshape(1)` are copies.
    """

    __slots__ = ("array", "node", "_name", "_view", "_views", "_rewritten", "__weakref__")
    __array_ufunc__ = None          # so that `ndarray * tensor` asks the tensor

    array: Any
    _name: str | None
    _view: Any                      # for a view (source, operation, attributes), otherwise None
    _views: list[Any]               # weak references to the views of this memory
    _rewritten: int                 # writes into a tensor without dims, whose scalar each of them replaces
    node: Any                       # a Node, or None where no gradient is wanted

    if TYPE_CHECKING:               # operators and methods are functions; methods.py binds them to the class
        backward: Any
        __eq__: Any
        __ne__: Any

        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __add__
        __matmul__ = __lt__ = __le__ = __gt__ = __ge__ = __and__ = __or__ = __add__
        __abs__ = __invert__ = __neg__
        def __getitem__(self, index: Any) -> Tensor: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

    def __init__(self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
                 name: str | None = None):
        self.array = unboxed(as_array(data, dtype, device))
        self.node = self._view = None
        if name is not None:
            self._name = name
        if requires_grad:
            self.requires_grad_()
        if mode.graph is not None:
            mode.graph.made(self.array)

    # ---- what it is
    @property
    def shape(self) -> tuple[int, ...]:
        """The size along each dim."""
        return self.array.shape

    @property
    def ndim(self) -> int:
        """How many dims there are."""
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self.array.dtype

    @property
    def device(self) -> devices.Device:
        """Where the numbers lie, or will: "cpu" or "cuda:0"."""
        array = self.array
        return array.operation.graph.device if type(array) is Symbol else devices.device_of(array)

    @property
    def nbytes(self) -> int:
        """The size of the elements in bytes."""
        return self.array.nbytes

    @property
    def itemsize(self) -> int:
        """The size of one element in bytes."""
        return self.array.dtype.itemsize

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size along one dim."""
        return self.array.shape if dim is None else self.array.shape[dim]

    def dim(self) -> int:
        """How many dims there are."""
        return self.array.ndim

    def numel(self) -> int:
        """How many elements there are."""
        return self.array.size

    def is_floating_point(self) -> bool:
        """Whether the dtype is a floating-point one."""
        return self.array.dtype.kind == "f"

    @property
    def name(self) -> str | None:
        """The name for pictures and listings, if one was given."""
        return getattr(self, "_name", None)

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = name

    # ---- its place in the graph
    @property
    def requires_grad(self) -> bool:
        """Whether a backward pass will compute a gradient here, or pass through."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask, or stop asking, for gradients with respect to this tensor; it must be a leaf."""
        if not requires_grad:
            if self.node is not None and not self.is_leaf:
                raise GradError("requires_grad can be switched off on leaves only; this tensor was computed by "
                                f"{self.node.op}. Use t.detach() for its value without its history.")
            self.node = None
        elif self.node is None:
            if self.array.dtype.kind != "f":
                raise DTypeError(f"only floating-point tensors can require gradients, and this one is "
                                 f"{self.array.dtype}: a slope needs numbers that can change by a little. Write "
                                 f"its values with a decimal point, or pass dtype=float32.")
            self.node = Leaf()
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether this tensor was made by hand, not computed from tensors that require gradients."""
        return self.node is None or isinstance(self.node, Leaf)

    @property
    def grad_fn(self) -> Node | None:
        """The node of the operation that computed this tensor, or None for a leaf."""
        node = self.node
        if node is None or isinstance(node, Leaf):
            return None
        return node.parents[0] if isinstance(node, Output) else node

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have summed up here, or None where none has yet."""
        node = self.node
        if isinstance(node, Leaf):
            return node.grad
        kept = node.hooks.kept if node is not None and node.hooks is not None else None
        return kept

    @grad.setter
    def grad(self, grad: Tensor | None) -> None:
        if not isinstance(self.node, Leaf):
            if grad is None:
                return
            raise GradError("only a leaf that requires gradients holds a .grad; call t.requires_grad_() first")
        if grad is not None and (not isinstance(grad, Tensor) or grad.shape != self.shape):
            raise ShapeError(f"the gradient of a tensor of shape {self.shape} must be a tensor of that shape, got "
                             f"{describe(grad)}")
        self.node.grad = grad
        if grad is None and mode.graph is not None:
            mode.graph.emptied(self.node)

    @property
    def data(self) -> Tensor:
        """The same memory without its history, as `detach` gives it: unlike PyTorch's, writes through it are noticed."""
        return self.detach()

    @data.setter
    def data(self, value: Any) -> None:
        if mode.graph is not None:
            raise StaticError("t.data = value gives a tensor other memory, which a graph cannot do: write into the memory "
                              "that it has, t.data.copy_(value).")
        self.array = value.array if isinstance(value, Tensor) else unboxed(as_array(value, self.dtype, None))

    def detach(self) -> Tensor:
        """The same memory as a tensor of its own that gradients do not pass."""
        return wrap(self.array) if type(self.array) is not Symbol else self.array.operation.graph.alias(self)

    @property
    def _version(self) -> int:
        """How many times this tensor's memory was written in place."""
        if isinstance(self.array, np.generic):
            return getattr(self, "_rewritten", 0)
        return versions.version(self.array)

    # ---- its numbers
    def item(self) -> Any:
        """The value of a tensor of one element as a Python number."""
        if isinstance(self.array, np.floating):
            return float(self.array)            # at a fraction of the time that the scalar's own item() takes
        if self.array.size != 1:
            self._need_values("asked for its number by item()")
            raise ShapeError(f"item() needs a tensor of one element, this one has shape {self.shape}; use "
                             f"tolist() or index it first.")
        return self.array.item()

    def tolist(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self.array.tolist()

    def _need_values(self, what: str) -> None:
        """A tensor of a graph that is being built has none: that is said before anything else is wrong with it."""
        if type(self.array) is Symbol:
            self.array._value(what)

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array that shares memory; the tensor must not require gradients."""
        self._need_values("turned into a NumPy array")
        if self.node is not None:
            raise GradError("numpy() on a tensor that requires gradients would lose its history: write "
                            "t.detach().numpy().")
        if type(self.array) is not Symbol and self.device.type != "cpu":
            raise DeviceError("NumPy cannot see the GPU's memory: write t.cpu().numpy().")
        return np.asarray(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype=dtype)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iub":
            raise DTypeError(f"only integer tensors can be an index, this one is {self.dtype}")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ShapeError(f"the truth of a tensor of shape {self.shape} is not one answer but {self.array.size}; "
                             f"ask t.any() or t.all().")
        return bool(self.array)

    def __len__(self) -> int:
        if not self.array.ndim:
            raise ShapeError("a tensor without dims has no length")
        return self.array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool((self.array == (value.array if isinstance(value, Tensor) else value)).any())

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        if type(self.array) is Symbol:
            return f"tensor({self.array.name!r}, shape={shape_text(self.array.shape)}, dtype={self.dtype}, no value yet)"
        body = np.array2string(np.asarray(devices.place(self.array, "cpu")), separator=", ", prefix="tensor(", precision=4,
                               floatmode="maxprec", threshold=1000)
        notes = ""
        if self.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_):
            notes += f", dtype={self.dtype}"
        if self.device != "cpu":
            notes += f", device={self.device!r}"
        if not self.is_leaf:
            notes += f", grad_fn={self.grad_fn}"
        elif self.node is not None:
            notes += ", requires_grad=True"
        return f"tensor({body}{notes})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise GradError("only leaves can be deep-copied: the copy of a computed tensor would lose its history. "
                            "Use t.detach().clone().")
        twin = self.__class__.__new__(self.__class__)
        twin.array, twin.node, twin._view = self.array.copy(), Leaf() if self.node is not None else None, None
        memo[id(self)] = twin
        return twin

    def __reduce__(self) -> Any:
        if not self.is_leaf:
            raise GradError("only leaves can be pickled; use t.detach()")
        return _rebuild, (self.__class__, self.array, self.requires_grad)


def _rebuild(cls: type[Tensor], array: Any, requires_grad: bool) -> Tensor:
    """A tensor from its pickled parts."""
    t = cls.__new__(cls)
    t.array, t.node, t._view = array, Leaf() if requires_grad else None, None
    return t


_new = Tensor.__new__


def wrap(array: Any) -> Tensor:
    """A tensor without history around an array, which is not copied."""
    t = _new(Tensor)
    t.array = array
    t.node = t._view = None
    return t


def unboxed(array: Any) -> Any:
    """A NumPy array without dims as the scalar it holds; anything else unchanged."""
    return array[()] if type(array) is ndarray and not array.ndim else array


def as_array(data: Any, dtype: Any, device: Any) -> Any:
    """A fresh array from numbers, sequences, arrays or tensors, in the dtype the rules of `Tensor` give."""
    if isinstance(data, Tensor):
        data = data.array
    if dtype is not None:
        dtype = dtypes.as_dtype(dtype)
    if not hasattr(data, "dtype"):
        data, inferred = _from_python(data)
        dtype = dtype or inferred
    array = array_module(data).array(data, dtype=dtype)
    dtypes.as_dtype(array.dtype)
    target = devices.get_default_device() if device is None and array_module(data) is np else device
    return array if target is None or target is devices.CPU else devices.place(array, target)


def _from_python(data: Any) -> tuple[np.ndarray, np.dtype[Any]]:
    """Nested Python sequences (which may hold tensors) as an array, and the dtype they ask for."""
    if isinstance(data, (list, tuple)):
        data = _plain(data)
    try:
        array = np.array(data)
    except ValueError as error:
        raise ShapeError("rows of different lengths do not make a tensor: every nested list must have the same "
                         "length.") from error
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"a tensor holds numbers, got {type(data).__name__} with elements of type "
                         f"{array.dtype}.")
    if array.size == 0 and not hasattr(data, "dtype"):
        return array, dtypes.get_default_dtype()
    kept = array.dtype.kind != "f" or any(isinstance(d, np.generic) for d in _first(data))
    return array, array.dtype if kept else dtypes.get_default_dtype()


def _plain(data: Any) -> Any:
    if isinstance(data, Tensor):
        return data.detach().numpy()
    return [_plain(d) for d in data] if isinstance(data, (list, tuple)) else data


def _first(data: Any) -> list[Any]:
    """The innermost first element of nested sequences, as a list of one."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return [data]


def describe(value: Any) -> str:
    """An operand in a message: `float32 tensor of shape (2, 3)`, or `the number 2`."""
    if isinstance(value, Tensor):
        place = "" if value.device == "cpu" else f" on {value.device}"
        name = f" {value.name!r}" if value.name else ""
        return f"a {value.dtype} tensor{name} of shape {value.shape}{place}"
    if hasattr(value, "dtype"):
        return f"a {value.dtype} array of shape {value.shape}"
    return f"the number {value!r}" if isinstance(value, (int, float)) else f"{value!r}"


# ---- views
def root_of(t: Tensor) -> Tensor:
    """The tensor that a view, or a view of a view, looks into."""
    while (view := t._view) is not None:
        t = view[0]
    return t


def view_chain(t: Tensor) -> list[tuple[Op, dict[str, Any]]]:
    """The view operations that lead from the root to `t`."""
    steps: list[tuple[Op, dict[str, Any]]] = []
    while (view := t._view) is not None:
        t, op, attrs = view
        steps.append((op, attrs))
    return steps[::-1]


def remember_view(base: Tensor, view: Tensor) -> None:
    """Let the memory's root, or its graph, know of a view, weakly: a write must give it a new history too."""
    if type(view.array) is Symbol:
        view.array.operation.graph.views.append(ref(view))
        return
    root = root_of(base)
    views = getattr(root, "_views", None)
    if views is None:
        root._views = [ref(view)]
        return
    if len(views) > 64 and len(views) & (len(views) - 1) == 0:
        views[:] = [r for r in views if r() is not None]
    views.append(ref(view))
