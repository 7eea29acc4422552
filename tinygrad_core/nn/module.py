"""Module, the part that networks are built of, and Parameter, the tensor that training changes."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from .. import dtypes
from ..device import place
from ..errors import EngineError
from ..hooks import Handle
from ..methods import destination
from ..methods import to as tensor_to
from ..tensor import Tensor, as_array, describe, mode, unboxed, wrap
from ..writes import fill
from .hooks import Hooks

M = TypeVar("M", bound="Module")


class ModuleError(EngineError, AttributeError):
    """A module that is put together wrongly, or asked for what it does not have."""


class StateError(EngineError):
    """A state_dict whose names or shapes are not those of the module."""


class Parameter(Tensor):
    """A tensor that a module learns: assigned to an attribute of a module, it is one of its `parameters()`.

    Args:
        data: a tensor, whose memory is shared, or numbers or an array, which are copied.
        requires_grad: whether backward passes compute its gradient.
    """

    __slots__ = ()

    def __init__(self, data: Any = None, requires_grad: bool = True):
        self.array = data.array if isinstance(data, Tensor) else unboxed(as_array([] if data is None else data,
                                                                                  None, None))
        self.node = self._view = None
        if requires_grad:
            self.requires_grad_()

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` could not match: names of the module without a value, values without a name."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        return "<All keys matched successfully>" if not any(self) else (
            f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})")


class Module:
    """A part of a network: it owns parameters, buffers and other modules, and computes `forward`.

    A subclass calls `super().__init__()` first, then assigns its parts to attributes; what it computes it
    says in `forward`. Calling the module runs `forward` and the hooks around it.

    Attributes:
        training: whether the module is in training mode; dropout and batch norm behave differently then.
    """

    # The attributes that are printed: those before a bar without their names, `name=usual` only where it is not that.
    shown: ClassVar[str] = ""

    training: bool
    _hooks: Hooks | None
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent: set[str]

    def __init__(self) -> None:
        # Parts live in these registries, which give them their order, and in the instance's own dictionary
        # too, where Python finds an attribute fastest.
        start = self.__dict__
        start["training"] = True
        start["_hooks"] = None
        start["_parameters"], start["_buffers"], start["_modules"] = {}, {}, {}
        start["_non_persistent"] = set()

    # ---- running
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass says so itself."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes: give it a method "
                                  "`def forward(self, x): ...`")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooks is None and (mode.plain or not mode.watched):
            return self.forward(*args, **kwargs)
        return self._call(args, kwargs)

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """`forward` with hooks around it and the recorder told."""
        watch = mode.watch
        if watch is not None:
            watch.entered(self)
        try:
            return self.forward(*args, **kwargs) if self._hooks is None else self._hooks.run(self, args, kwargs)
        finally:
            if watch is not None:
                watch.left(self)

    def register_forward_hook(self, hook: Callable[..., Any], *, prepend: bool = False,
                              with_kwargs: bool = False) -> Handle:
        """Call `hook(module, args, output)` after each `forward`; what it returns, if anything, is the output.

        With `prepend` before the hooks that are there, with `with_kwargs` as `hook(module, args, kwargs, output)`.
        """
        return self._own_hooks().add("after", (hook, with_kwargs), prepend)

    def register_forward_pre_hook(self, hook: Callable[..., Any], *, prepend: bool = False,
                                  with_kwargs: bool = False) -> Handle:
        """Call `hook(module, args)` before each `forward`; what it returns, if anything, are the arguments."""
        return self._own_hooks().add("before", (hook, with_kwargs), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Call `hook(module, grad_output)` before the module's backward pass; what it returns is taken in its place."""
        return self._own_hooks().add("before_backward", hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the positional inputs are known.

        Both are tuples, with None for what wants no gradient; a tuple that the hook returns takes the place of
        `grad_input`. The module must return a tensor or a tuple.
        """
        return self._own_hooks().add("backward", hook, prepend)

    def _own_hooks(self) -> Hooks:
        if self._hooks is None:
            self.__dict__["_hooks"] = Hooks()
        assert self._hooks is not None
        return self._hooks

    # ---- its parts
    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Parameter, Module)):
            self._take("_parameters" if isinstance(value, Parameter) else "_modules", name, value)
            return
        for registry in _KINDS:
            if name in self.__dict__.get(registry, ()):
                self._check_kind(registry, name, value)
                self.__dict__[registry][name] = value
        object.__setattr__(self, name, value)

    def _take(self, registry: str, name: str, value: Any) -> None:
        """Put a part into its registry, and out of the others."""
        own = self.__dict__
        if registry not in own:
            raise ModuleError(f"{type(self).__name__}.{name} was assigned before the module was set up: call "
                              f"super().__init__() as the first line of __init__.")
        for other in _KINDS.keys() - {registry}:
            own[other].pop(name, None)
        own[registry][name] = own[name] = value

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        if "_modules" not in own and name in ("training", "_hooks", *_KINDS):
            raise ModuleError(f"{type(self).__name__} was never set up: its __init__ must call super().__init__() "
                              f"first.")
        for registry in _KINDS:
            if name in own.get(registry, ()):
                return own[registry][name]
        raise ModuleError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        for registry in _KINDS:
            self.__dict__[registry].pop(name, None)
        self._non_persistent.discard(name)
        object.__delattr__(self, name)

    def _check_kind(self, registry: str, name: str, value: Any) -> None:
        _, kind, called = _KINDS[registry]
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{type(self).__name__}.{name} must be {called}: it can be assigned {called} or None, got "
                            f"{describe(value)}")

    def _register(self, registry: str, name: str, value: Any) -> None:
        """Put a part into its registry under a name that must be free."""
        what, own = _KINDS[registry][0], self.__dict__
        if not isinstance(name, str) or not name or "." in name:
            raise KeyError(f"the name of a {what} must be a text without dots, got {name!r}")
        if (name in own or hasattr(type(self), name)) and not any(name in own.get(r, ()) for r in _KINDS):
            raise KeyError(f"{type(self).__name__} has an attribute {name!r} already, so no {what} can have that name")
        self._check_kind(registry, name, value)
        self._take(registry, name, value)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None keeps the name free for one, as `bias=False` does."""
        self._register("_parameters", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module's state but is not learned; `persistent`: part of `state_dict`."""
        self._register("_buffers", name, tensor)
        (self._non_persistent.discard if persistent else self._non_persistent.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module under `name`."""
        self._register("_modules", name, module)

    register_module = add_module

    # ---- walking through them
    def named_modules(self, memo: set[Any] | None = None, prefix: str = "",
                      remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """This module and all below it, each once, with dotted names; its own is empty."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside this one, each once, with their names."""
        return self._named("_modules", "", recurse=False, remove_duplicate=True)

    def children(self) -> Iterator[Module]:
        """The modules directly inside this one, each once."""
        return (module for _, module in self.named_children())

    def _named(self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        seen = set()
        below = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in below:
            for name, value in getattr(module, registry).items():
                if value is None or (remove_duplicate and id(value) in seen):
                    continue
                seen.add(id(value))
                yield f"{path}.{name}" if path else name, value

    def named_parameters(self, prefix: str = "", recurse: bool = True,
                         remove_duplicate: bool = True) -> Iterator[tuple[str, Parameter]]:
        """The parameters of this module and, with `recurse`, of those below it, with dotted names."""
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once: what an optimiser is given."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True,
                      remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        """The buffers, with dotted names."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path: `net.get_submodule("encoder.layers.0")`."""
        module: Module = self
        for name in target.split(".") if target else ():
            child = module._modules.get(name)
            if child is None:
                raise ModuleError(f"{type(module).__name__} has no module {name!r} (looking for {target!r})")
            module = child
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path."""
        path, _, name = target.rpartition(".")
        found = self.get_submodule(path)._parameters.get(name)
        if found is None:
            raise ModuleError(f"there is no parameter {target!r}")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        path, _, name = target.rpartition(".")
        found = self.get_submodule(path)._buffers.get(name)
        if found is None:
            raise ModuleError(f"there is no buffer {target!r}")
        return found

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Call `fn` on every module below this one, then on this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # ---- state
    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Every parameter and persistent buffer by its dotted name; the tensors share memory with the module's.

        Args:
            destination: a dictionary to put them into; by default a new one.
            prefix: stands before every name.
            keep_vars: the parameters themselves, in place of tensors without their history.
        """
        state: Any = OrderedDict() if destination is None else destination
        for path, module in self.named_modules(prefix=prefix.rstrip("."), remove_duplicate=False):
            dot = f"{path}." if path else ""
            for name, value in (*module._parameters.items(), *module._buffers.items()):
                if value is not None and name not in module._non_persistent:
                    state[dot + name] = value if keep_vars else value.detach()
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> IncompatibleKeys:
        """Copy values into the parameters and buffers of the same names.

        Args:
            state_dict: name to tensor or array; PyTorch's names are these names, so `{k: v.numpy() for k, v
                in torch_module.state_dict().items()}` loads.
            strict: raise an error unless the names are exactly the module's.
            assign: take the tensors' memory and dtype over, in place of copying the values.
        """
        own = self.state_dict(keep_vars=True)
        missing = [k for k in own if k not in state_dict]
        unexpected = [k for k in state_dict if k not in own]
        problems = [f"{what}: " + ", ".join(f'"{k}"' for k in names)
                    for what, names in (("unexpected", unexpected), ("missing", missing)) if strict and names]
        values = {k: v.array if isinstance(v, Tensor) else np.asarray(v) for k, v in state_dict.items() if k in own}
        problems += [f'"{k}" has shape {v.shape} in the state_dict and {own[k].shape} in the module'
                     for k, v in values.items() if v.shape != own[k].shape]
        if problems:
            raise StateError(f"the state_dict does not fit {type(self).__name__}:\n  " + "\n  ".join(problems))
        for k, value in values.items():
            if assign:
                own[k].data = wrap(unboxed(value))
            else:
                fill(own[k], place(value, own[k].device))
        return IncompatibleKeys(missing, unexpected)

    # ---- modes
    def train(self: M, mode: bool = True) -> M:
        """Put this module and all below it into training mode, or evaluation mode."""
        for module in self.modules():
            module.__dict__["training"] = mode
        return self

    def eval(self: M) -> M:
        """Put this module and all below it into evaluation mode: no dropout, batch norm by its running numbers."""
        return self.train(False)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Learn all parameters, or freeze them."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the parameters' gradients, or set them to zero."""
        for p in self.parameters():
            p.grad = None if set_to_none or p.grad is None else wrap(p.grad.array * 0)

    # ---- dtype and place
    def _convert(self: M, convert: Callable[[Tensor], Tensor]) -> M:
        """Give every parameter, its gradient and every buffer the array that `convert` makes of it."""
        for t in (*self.parameters(), *self.buffers()):
            gradient = t.grad
            t.array = convert(t.detach()).array
            if gradient is not None:
                t.grad = convert(gradient)
        return self

    def to(self: M, *args: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False) -> M:
        """Move to a device, or convert floating-point parameters and buffers to a dtype, in place.

        `non_blocking` is taken for PyTorch's sake.
        """
        dtype, device = destination(args, dtype, device)
        if dtype is not None and not dtypes.is_floating(dtypes.as_dtype(dtype)):
            raise TypeError(f"a module can be converted to floating-point dtypes only, got {dtype}")
        return self._convert(lambda t: tensor_to(t, dtype=dtype if t.is_floating_point() else None, device=device))

    def float(self: M) -> M:
        """Floating-point parameters and buffers in float32."""
        return self.to(dtypes.float32)

    def double(self: M) -> M:
        """Floating-point parameters and buffers in float64."""
        return self.to(dtypes.float64)

    def half(self: M) -> M:
        """Floating-point parameters and buffers in float16."""
        return self.to(dtypes.float16)

    def cpu(self: M) -> M:
        """Everything on the CPU."""
        return self.to(device="cpu")

    def cuda(self: M, device: Any = None) -> M:
        """Everything on the GPU."""
        return self.to(device="cuda" if device is None else f"cuda:{device}" if isinstance(device, int) else device)

    # ---- how it prints
    def extra_repr(self) -> str:
        """What is printed between the brackets: sizes and settings, by default the attributes in `shown`."""
        plain, _, named = self.shown.rpartition("|")
        values = [str(getattr(self, name)) for name in plain.split()]
        for name, _, usual in (entry.partition("=") for entry in named.split()):
            value = getattr(self, name)
            if name == "bias" and not isinstance(value, bool):
                value = value is not None
            each = set(value) if isinstance(value, tuple) else {value}          # a number for each dim counts as one
            if not usual:
                values.append(f"{name}={value!r}")
            elif {str(v) for v in each} != {usual}:
                values.append(f"{name}={value}")
        return ", ".join(values)

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        for name, module in self._modules.items():
            lines.append(f"({name}): " + repr(module).replace("\n", "\n  "))
        name = type(self).__name__
        if not self._modules and len(lines) <= 1:
            return f"{name}({extra})"
        return f"{name}(\n  " + "\n  ".join(lines) + "\n)"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})


# Where a module's parts are registered: what a part is called, what it must be, and how an error says that.
_KINDS: dict[str, tuple[str, type, str]] = {
    "_parameters": ("parameter", Parameter, "an nn.Parameter"), "_buffers": ("buffer", Tensor, "a tensor"),
    "_modules": ("module", Module, "a module")}
