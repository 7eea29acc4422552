"""Modules that hold modules: one after another, in a list, or by name."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from itertools import groupby
from typing import Any

from .module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Listed(Module):
    """Children named 0, 1, 2, ... that can be counted, indexed and changed as a list."""

    def _set(self, modules: Iterable[Module]) -> None:
        """Replace all children by these, renumbered."""
        modules = list(modules)
        for name in list(self._modules):
            delattr(self, name)
        for k, module in enumerate(modules):
            self.add_module(str(k), module)

    def _key(self, index: int) -> str:
        n = len(self._modules)
        if not -n <= index < n:
            raise IndexError(f"there is no module {index}: {type(self).__name__} holds {n}")
        return list(self._modules)[index]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._modules.values()))

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            part = type(self)()
            for name, module in list(self._modules.items())[index]:
                part.add_module(name if isinstance(self, Sequential) else str(len(part)), module)
            return part
        return self._modules[self._key(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: int | slice) -> None:
        names = list(self._modules)[index] if isinstance(index, slice) else [self._key(index)]
        self._set(m for name, m in self._modules.items() if m is not None and name not in names)

    def append(self, module: Module) -> Any:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add modules at the end."""
        for module in modules:
            self.append(module)
        return self

    __iadd__ = extend

    def insert(self, index: int, module: Module) -> Any:
        """Put a module before position `index`."""
        modules = list(self)
        modules.insert(index, module)
        self._set(modules)
        return self


class Sequential(_Listed):
    """Modules one after another: each gets what the one before it gives.

    Args:
        *modules: the modules in order, or one mapping from names to modules.
    """

    def __init__(self, *modules: Any):
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            self.extend(modules)

    def forward(self, input: Any) -> Any:
        """The input through every module in order."""
        for module in self._modules.values():
            input = module(input)               # type: ignore[misc]
        return input


class ModuleList(_Listed):
    """A list of modules whose parameters count as the owner's; it computes nothing itself."""

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        self.extend(modules or ())

    def __repr__(self) -> str:
        """As any module's, with equal neighbours printed once: `(0-2): 3 x Linear(...)`."""
        lines, first = [], 0
        for text, group in groupby(map(repr, self)):
            count = len(list(group))
            name = f"({first}): " if count == 1 else f"({first}-{first + count - 1}): {count} x "
            lines.append("\n  " + name + text.replace("\n", "\n  "))
            first += count
        return f"{type(self).__name__}({''.join(lines)}\n)" if lines else f"{type(self).__name__}()"


class ModuleDict(Module, MutableMapping):
    """Modules by name, whose parameters count as the owner's; it computes nothing itself."""

    __eq__, __hash__ = object.__eq__, object.__hash__         # a module is itself, not what it holds

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None):
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._modules))
