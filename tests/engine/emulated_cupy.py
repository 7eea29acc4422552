"""CuPy's manners without a GPU: arrays that compute by NumPy, and that refuse what CuPy's refuse.

They never become NumPy arrays by themselves, nor are they computed with any; results without dims stay arrays; ufuncs reduce
only where CuPy's do. `--device emulated` runs the engine's tests on it, which shows where the engine forgets the device.
"""
import operator
import sys
import types

import numpy as np

import tinygrad_core as tg

OPERATORS = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift eq ne lt le gt ge".split()
COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
# What CuPy's arrays have and NumPy's have as well.
METHODS = frozenset("""all any argmax argmin argpartition argsort astype choose clip compress copy cumprod cumsum diagonal dot
    fill flatten max mean min nonzero partition prod ptp put ravel repeat reshape round searchsorted sort squeeze std sum
    swapaxes take tobytes tolist trace transpose var view""".split())
VALUES = frozenset("T dtype itemsize nbytes ndim shape size strides real imag".split())


class ndarray:
    """An array "on the GPU"."""

    __slots__ = ("__weakref__", "base", "inner")
    __hash__ = None

    def __init__(self, inner, base=None):
        self.inner = inner
        self.base = base

    def __getattr__(self, name):
        if name in VALUES:
            return wrapped(getattr(self.inner, name), self)
        if name in METHODS:
            return lambda *args, **kwargs: called(getattr(self.inner, name), args, kwargs, self)
        raise AttributeError(f"cupy.ndarray has no {name!r}, or this emulation does not know it")

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        function = Function(ufunc)
        kwargs["out"] = kwargs.pop("out", (None,))[0]
        return (function if method == "__call__" else getattr(function, method))(*inputs, **kwargs)

    def __array_function__(self, function, _, args, kwargs):
        return called(function, args, kwargs, self)

    @property
    def flags(self):
        return types.SimpleNamespace(c_contiguous=self.inner.flags.c_contiguous, f_contiguous=self.inner.flags.f_contiguous,
                                     owndata=self.inner.flags.owndata)

    @property
    def device(self):
        return types.SimpleNamespace(id=0)

    def get(self):
        return self.inner.copy()

    def item(self):
        return self.inner.item()

    def __getitem__(self, index):
        index = unwrapped(index, True)
        found = self.inner[index]
        if isinstance(found, np.generic):       # a view without dims, as CuPy has it
            found = self.inner[(*index, ...) if isinstance(index, tuple) else (index, ...)]
        return wrapped(found, self)

    def __setitem__(self, index, value):
        self.inner[unwrapped(index, True)] = unwrapped(value)

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __len__(self):
        return len(self.inner)

    def __repr__(self):
        return repr(self.inner)

    def __deepcopy__(self, _):
        return self.copy()

    def __bool__(self):
        return bool(self.inner)

    def __int__(self):
        return int(self.inner)

    def __index__(self):
        return operator.index(self.inner)

    def __float__(self):
        return float(self.inner)

    def __neg__(self):
        return wrapped(-self.inner)

    def __invert__(self):
        return wrapped(~self.inner)

    def __abs__(self):
        return wrapped(abs(self.inner))


def _bind(name):
    function = getattr(operator, f"{name}_" if name in ("and", "or") else name)

    def into(self, other):
        other = unwrapped(other)
        if self.inner.ndim:
            self.inner = getattr(operator, f"i{name}")(self.inner, other)
        else:
            self.inner[...] = function(self.inner, other)
        return self
    setattr(ndarray, f"__{name}__", lambda self, other: wrapped(function(self.inner, unwrapped(other))))
    if name not in COMPARISONS:
        setattr(ndarray, f"__r{name}__", lambda self, other: wrapped(function(unwrapped(other), self.inner)))
        setattr(ndarray, f"__i{name}__", into)


for _name in OPERATORS:
    _bind(_name)


def unwrapped(value, host=False):
    """NumPy's side of arguments; a NumPy array among them is refused, as CuPy refuses it, but as an index."""
    if isinstance(value, ndarray):
        return value.inner
    if isinstance(value, np.ndarray) and value.ndim and not host:
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, (list, tuple)):
        return type(value)([unwrapped(v, host) for v in value])
    if isinstance(value, dict):
        return {k: unwrapped(v, host) for k, v in value.items()}
    return value


def wrapped(value, source=None):
    """What NumPy gave, on the GPU's side."""
    if isinstance(value, np.ndarray):
        shares = source is not None and np.may_share_memory(value, source.inner)
        return ndarray(value, (source.base if source.base is not None else source) if shares else None)
    if isinstance(value, np.generic):
        return ndarray(np.asarray(value))
    if isinstance(value, (tuple, list)) and any(isinstance(v, np.ndarray) for v in value):
        made = [wrapped(v, source) for v in value]
        return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    return value


def called(function, args, kwargs, source=None, host=False):
    """A function of NumPy's, on the GPU's side; `out` is returned as what it is."""
    out = kwargs.get("out")
    with np.errstate(all="ignore"):
        result = function(*unwrapped(tuple(args), host), **unwrapped(kwargs, host))
    return out if out is not None else wrapped(result, source)


class Function:
    """A function of CuPy's that NumPy has under the same name."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args, **kwargs):
        return called(self.function, args, kwargs, next((a for a in args if isinstance(a, ndarray)), None))

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        if self.function not in (np.add, np.multiply):
            raise NotImplementedError(f"`cupy_{self.function.__name__}.reduce` is not supported yet")
        options = {"keepdims": keepdims, **({} if out is None else {"out": out})}
        return called(self.function.reduce, (array, axis, dtype), options)

    def at(self, a, indices, b=None):
        self.function.at(a.inner, unwrapped(indices, True), unwrapped(b))


class Random:
    """A generator; CuPy's has fewer distributions than NumPy's."""

    def __init__(self, seed):
        self.stream = np.random.default_rng(seed)

    def __getattr__(self, name):
        if name not in ("random", "standard_normal", "integers"):
            raise AttributeError(name)
        return lambda *args, **kwargs: called(getattr(self.stream, name), args, kwargs)


class Pool:
    def used_bytes(self):
        return 0

    total_bytes = used_bytes

    def free_all_blocks(self):
        pass


class Current:
    """A device or a stream."""

    id = ptr = 0

    def __init__(self, *_, **__):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def synchronize(self):
        pass


class Module(types.ModuleType):
    """`import cupy`."""

    ndarray = ndarray
    bool = np.bool_

    def __getattr__(self, name):
        found = getattr(np, name)
        return Function(found) if callable(found) and not isinstance(found, type) else found

    @staticmethod
    def asarray(a, dtype=None, **_):
        return a if isinstance(a, ndarray) and dtype in (None, a.dtype) else wrapped(np.array(unwrapped(a, True), dtype))

    @staticmethod
    def array(a, dtype=None, **_):
        return wrapped(np.array(unwrapped(a, True), dtype))

    @staticmethod
    def get_default_memory_pool():
        return Pool()


module = Module("cupy")
module.random = types.SimpleNamespace(default_rng=Random)
module.linalg = types.SimpleNamespace(**{name: Function(getattr(np.linalg, name)) for name in ("qr", "norm", "svd")})
module.cuda = types.SimpleNamespace(
    Device=Current, Stream=Current, get_current_stream=Current, MemoryHook=Current,
    runtime=types.SimpleNamespace(getDeviceCount=lambda: 1, CUDARuntimeError=RuntimeError,
                                  getDeviceProperties=lambda _: {"name": b"an emulated GPU"}))


def use(monkeypatch, name):
    """Make tensors on the device of this name for a test, which may look at their values with `numpy()` nevertheless."""
    numpy = tg.Tensor.numpy
    if name == "emulated":
        monkeypatch.setattr(sys.modules["tinygrad_core.device"], "cupy", module)
    monkeypatch.setattr(tg.Tensor, "numpy", lambda self: numpy(self.cpu()))
    monkeypatch.setattr(sys.modules["tinygrad_core.device"], "_default", tg.get_default_device())   # put back at the end
    tg.set_default_device("cuda")
