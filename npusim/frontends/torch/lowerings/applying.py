"""Make a lowering hold while a run is active: patch what is called, ask it what an operator becomes, and undo all."""

import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from types import BuiltinFunctionType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from npusim.call import Site
from npusim.frontends.torch import places, vendor_ops
from npusim.frontends.torch.lowerings.model import Described, Row, fits
from npusim.frontends.torch.lowerings.reading import read
from npusim.frontends.torch.lowerings.replacements import REPLACEMENTS


class Lowering:
    """One or several lowerings, ready to be applied.

    names      what they are called, in order
    notes      what a reader of a report should know
    views_run  whether an operator that only changes how memory is seen is run as one
    overrides  the composite operators of torch that the stack implements itself, rather than their parts
    """

    def __init__(self, described: Sequence[Described]) -> None:
        latest_first = tuple(reversed(described))
        self.names = tuple(one.name for one in described)
        extended = {base for one in described for base in one.extends}  # what they say of themselves no longer holds
        self.notes = tuple(dict.fromkeys(note for one in described if one.name not in extended for note in one.notes))
        self.views_run = latest_first[0].views_run
        self.overrides = frozenset[str]().union(*(one.overrides for one in described))
        self.modules = tuple(row for one in latest_first for row in one.modules)
        self.functions = tuple(row for one in latest_first for row in one.functions)
        self.operators = tuple(row for one in latest_first for row in one.operators)
        self._rows_of: WeakKeyDictionary[nn.Module, tuple[Row, ...]] = WeakKeyDictionary()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let modules and functions be replaced in this thread, in place of any lowering that is applied already."""
        vendor_ops.register()
        _PATCHES.enter(self)
        _active.stack.append(self)
        try:
            yield
        finally:
            _active.stack.pop()
            _PATCHES.leave()

    def rewrite(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], where: Callable[[], Site]
    ) -> tuple[Any, tuple[Any, ...], dict[str, Any]] | None:
        """Return the operator that the stack runs instead, with its arguments; None if it runs this one."""
        if not self.operators:
            return None
        name, packet = str(func), str(func).rpartition(".")[0]
        inputs = {**dict(zip((one.name for one in func._schema.arguments), args, strict=False)), **kwargs}
        for row in self.operators:
            if not (row.names(name) or row.names(packet)) or (row.within and not fits(where().module, row.within)):
                continue
            given = row.given(inputs, None)
            if given is not None:
                return _operator(row.runs), (), given
        return None

    def rows_of(self, module: nn.Module) -> tuple[Row, ...]:
        """Return the rows that are about a module which is being called."""
        rows = self._rows_of.get(module)
        if rows is None:
            held_as, owner = _held(module)
            rows = tuple(
                row
                for row in self.modules
                if row.names(type(module).__name__)
                and (not row.held_as or fits(held_as, row.held_as))
                and (not row.owners or fits(owner, row.owners))
            )
            if owner:  # one that is called by itself now may be part of a model later
                self._rows_of[module] = rows
        return rows


def load(names: str | Sequence[str]) -> Lowering:
    """Return the lowering of a name or of several; where two replace the same thing, the later one does.

    A name that ends in .yaml is a file of the reader's own. Raises UnknownLoweringError for a name that is none,
    ProfileError with the position for a mistake in a file.
    """
    found: dict[str, Described] = {}

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in found or name in above:
            return
        described = read(name)
        for base in described.extends:
            add(base, (*above, name))
        found[name] = described

    for name in (names,) if isinstance(names, str) else names:
        add(name, ())
    return Lowering(tuple(found.values()))


class _Active(threading.local):
    """The lowerings applied in this thread, the innermost last."""

    def __init__(self) -> None:
        self.stack: list[Lowering] = []


_active = _Active()


class _Patches:
    """What is patched while any thread has a lowering applied; the patches themselves ask whether theirs has."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._users = 0
        self._originals: dict[tuple[Any, str], Any] = {}
        self._met: set[tuple[type[nn.Module], Lowering]] = set()

    def enter(self, lowering: Lowering) -> None:
        with self._lock:
            self._users += 1
            if lowering.modules or lowering.functions:
                self._patch(nn.Module, "__call__", self._meeting)
            for row in lowering.functions:
                for pattern in row.patterns:
                    module = sys.modules.get(pattern.partition(":")[0])
                    if module is not None:
                        self._patch_functions(module, lowering)

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                for (owner, name), original in reversed(self._originals.items()):
                    setattr(owner, name, original)
                self._originals.clear()
                self._met.clear()

    def _meeting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap Module.__call__ to patch a class when the first of its modules is called."""

        def meet(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if _active.stack:
                lowering = _active.stack[-1]
                if (type(module), lowering) not in self._met:
                    self._meet(type(module), lowering)
            return call(module, *args, **kwargs)

        return meet

    def _meet(self, kind: type[nn.Module], lowering: Lowering) -> None:
        with self._lock:
            self._met.add((kind, lowering))
            if any(row.names(kind.__name__) for row in lowering.modules):
                self._patch(next(base for base in kind.__mro__ if "forward" in vars(base)), "forward", _lowered_forward)
            module = sys.modules.get(kind.__module__)
            if module is not None:
                self._patch_functions(module, lowering)

    def _patch_functions(self, module: Any, lowering: Lowering) -> None:
        for name, value in list(vars(module).items()):
            if isinstance(value, FunctionType | BuiltinFunctionType):
                full = f"{module.__name__}:{name}"
                if any(row.names(full) for row in lowering.functions):
                    self._patch(module, name, partial(_lowered_function, name=full))

    def _patch(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        if (owner, name) not in self._originals:
            original = self._originals[owner, name] = vars(owner)[name]
            setattr(owner, name, wrap(original))


_PATCHES = _Patches()


def _lowered_forward(forward: Callable[..., Any]) -> Callable[..., Any]:
    _, *own = _parameters(forward).items()
    parameters = dict(own)

    @wraps(forward)
    def lowered(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        rows = _active.stack[-1].rows_of(module) if _active.stack else ()
        for row in rows:
            given = row.given(_inputs(parameters, args, kwargs), module)
            if given is not None:
                return _run(row, given)
        return forward(module, *args, **kwargs)

    return lowered


def _lowered_function(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    own = _parameters(function)

    @wraps(function)
    def lowered(*args: Any, **kwargs: Any) -> Any:
        for row in _active.stack[-1].functions if _active.stack else ():
            if row.names(name) and (not own or tuple(own)[: len(row.parameters)] == row.parameters):
                inputs = _inputs(own or dict.fromkeys(row.parameters, _EMPTY), args, kwargs)
                given = row.given(inputs, None)
                if given is not None:
                    return _run(row, given)
        return function(*args, **kwargs)

    return lowered


_EMPTY = inspect.Parameter.empty


def _parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """Return a function's parameters with their defaults; none for a builtin, which does not tell."""
    try:
        return {name: one.default for name, one in inspect.signature(function).parameters.items()}
    except ValueError:
        return {}


def _inputs(parameters: Mapping[str, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    given = {**parameters, **dict(zip(parameters, args, strict=False)), **kwargs}
    return {name: value for name, value in given.items() if value is not _EMPTY}


def _run(row: Row, given: Mapping[str, Any]) -> Any:
    replacement = REPLACEMENTS.get(row.runs) or _operator(row.runs)
    found = replacement(**given)
    return found if row.result is None else found[row.result]


def _operator(name: str) -> Any:
    """Return the torch operator of a name such as "npu.npu_rms_norm" or "aten.mul.Tensor"."""
    namespace, operator, *overload = name.split(".")
    packet = getattr(getattr(torch.ops, namespace), operator)
    return getattr(packet, overload[0] if overload else "default")


def _held(module: nn.Module) -> tuple[str, str]:
    """Return by which attribute the calling module holds this one, and the class name of that owner; "" for none."""
    running = places.module_stack()
    if len(running) < 2:
        return "", ""
    owner = running[-2]
    return next((name for name, one in owner.named_children() if one is module), ""), type(owner).__name__
