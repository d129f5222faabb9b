"""Give torch a device named npu whose memory is the host's, so that scripts with a hard-coded device run in CI.

A tensor on npu is a real PrivateUse1 tensor whose storage points at host memory. Metadata (views, strides, autograd,
in-place writes, serialization) is torch's own; an operator's kernel looks at the same memory through CPU tensors, calls
the CPU's kernel, and hands back the result's memory as npu. A dispatch mode thus meets each operator once, on npu.
"""

import ctypes
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial, reduce
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from threading import Lock
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.library import Library, fallthrough_kernel
from torch.overrides import TorchFunctionMode
from torch.utils.dlpack import from_dlpack

from npusim.errors import MissingExtraError, UsageError
from npusim.frontends.torch import vendor_ops
from npusim.simulator import Status

if TYPE_CHECKING:
    from npusim.devices import Device

PRIVATE_APIS: Mapping[str, str] = {
    "torch._C._get_privateuse1_backend_name": "see whether another backend has taken the one slot there is",
    "torch.utils.backend_registration._setup_privateuseone_for_python_backend": "name the device, guard it, hook it up",
    "torch.ops.aten._fused_sdp_choice": "choose an attention kernel as the CPU does",
    "torch.ops.aten._scaled_dot_product_flash_attention_for_cpu": "run the attention kernel of the CPU",
    "torch.ops.aten._scaled_dot_product_attention_math": "run the attention that any device has",
    "torch.to_dlpack": "hand memory from the CPU to npu and back",
    "torch.Tensor._neg_view": "copy a lazily negated tensor",
    "torch._C.DispatchKey": "name the kernels that are borrowed from the CPU",
    "torch._C.DispatchKeySet": "name the kernels that are borrowed from the CPU",
    "torch._ops.OpOverload.redispatch": "run the CPU's metadata-only kernels (views, set_) on npu tensors",
    "torch._C._dispatch_get_registrations_for_dispatch_key": "list the operators that have a kernel for the CPU",
    "torch._C._dispatch_has_kernel_for_dispatch_key": "find those that would be decomposed on npu and not on the CPU",
    "torch._C._DisableTorchDispatch": "choose an attention kernel behind the back of a dispatch mode",
    "torch._C._ExcludeDispatchKeyGuard": "leave autocast once its casts are made",
    "torch._C.Generator": "make generators for npu, for which torch has no hook in Python",
    "torch._C.StorageBase": "allocate a storage on npu, for which torch has no hook in Python",
}
"""What this file uses of torch that torch does not promise, and for what; `install` checks that all of it is there."""

_NAME = "npu"
_KEY = "PrivateUse1"
_CPU = torch.device("cpu")
_torch: Any = torch  # the type checker knows neither torch.npu nor most of the private names
_aten = torch.ops.aten
_set = _aten.set_.source_Storage_storage_offset
_as_strided = _aten.as_strided.default

_lock = Lock()
_libraries: list[Library] = []
"""What was registered with torch's dispatcher; registrations live as long as these do."""


def install(profile: "str | Device | None" = None) -> None:
    """Make `torch.device("npu")` work in this process, with real data that the CPU computes.

    Opt-in, once for the whole process and for good: torch has no way to give the slot back, so there is no uninstall.
    A second call only changes the chip that torch.npu's get_device_name() and is_bf16_supported() answer for: `profile`
    (an id, or a Device). Nothing is judged by this; `with npusim.device(...).torch():` around the script does that, and
    sees the operators of npu tensors as it sees any others.

    Afterwards `.to("npu")`, `.npu()`, `.is_npu`, factories with device="npu", `with torch.device("npu"):`, `torch.npu`,
    `torch.autocast("npu")` (with the cast lists of torch_npu), torch.save and load, autograd, optimizers and
    `import torch_npu` work, and compute what the CPU does, NaN and Inf included. There is one device, npu:0; its random
    numbers are those of the CPU's generator. Not offered: sparse and quantized tensors, DLPack exchange,
    pinned memory made by a factory, torch.accelerator.synchronize, distributed backends, torch.compile.

    UsageError: the real torch_npu is installed, or another backend has the slot; UnknownProfileError: no such profile;
    MissingExtraError: this torch lacks one of PRIVATE_APIS.
    """
    from npusim.devices import device

    chip = device(profile) if isinstance(profile, str) else profile
    with _lock:
        if not _libraries:
            check_private_apis({**PRIVATE_APIS, **dict.fromkeys(_operators(), "give it a kernel for npu")})
            _check_slot()
            _register()
        _torch.npu.chip = chip


def check_private_apis(names: Mapping[str, str] = PRIVATE_APIS) -> None:
    """Raise MissingExtraError, naming torch's version, if it lacks one of the names (dotted name: what it is for)."""
    for name, purpose in names.items():
        try:
            reduce(getattr, name.split(".")[1:], torch)
        except AttributeError:
            raise MissingExtraError(
                f"torch {torch.__version__} has no {name}, which npusim.torch.install() needs to {purpose}; "
                "it is made for torch 2.13; judging with npusim.device(...).torch() needs no install()"
            ) from None


def _check_slot() -> None:
    if "torch_npu" in sys.modules or find_spec("torch_npu") is not None:
        raise UsageError(
            "torch_npu is installed and brings a real npu device; npusim.torch.install() is for machines without"
        )
    taken = _torch._C._get_privateuse1_backend_name()
    if taken != "privateuseone":
        raise UsageError(f"torch has room for one private backend, and {taken!r} has taken it in this process")


def _register() -> None:
    _enable_storages()
    _enable_generators()
    _torch.utils.backend_registration._setup_privateuseone_for_python_backend(_NAME, backend_module=_device_module())
    _torch.utils.generate_methods_for_privateuse1_backend(
        for_tensor=False, for_module=False, for_packed_sequence=False, for_storage=True
    )
    everything, aten = (_torch.library.Library(space, "IMPL") for space in ("_", "aten"))
    _libraries.extend((everything, aten))
    everything.fallback(_on_the_host, _KEY)
    everything.fallback(fallthrough_kernel, "Autocast" + _KEY)
    for name in _BORROWED:
        aten.impl(name, partial(_overload(name).redispatch, _keys("CPU")), _KEY)
    for name in _undecomposed():
        aten.impl(name, partial(_on_the_host, _overload(name)), _KEY)
    for key, name, kernel in _OWN:
        aten.impl(name, kernel, key)
    for policy, names in _AUTOCAST_LISTS.items():
        for name in names.split():
            aten.impl(name, partial(_cast_and_call, policy, _overload(name)), "Autocast" + _KEY)
    _offer_torch_npu()


@cache
def _keys(name: str) -> Any:
    return _torch._C.DispatchKeySet(getattr(_torch._C.DispatchKey, name))


# Memory: one allocation, seen as the CPU's and as npu's.

_HOST, _CHIP = 1, 12  # kDLCPU, and kDLExtDev, which torch reads as PrivateUse1 (dmlc/dlpack include/dlpack/dlpack.h)
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def _seen_from(device: int, tensor: Tensor) -> Any:
    """Return the same memory, which it keeps alive, as a tensor on another device; every dtype that has bytes will do.

    DLPack carries it over: a DLManagedTensor starts with {void* data; int32_t device_type}, and torch checks neither.
    """
    capsule = _torch.to_dlpack(tensor)
    ctypes.c_int32.from_address(_pointer(capsule, b"dltensor") + ctypes.sizeof(ctypes.c_void_p)).value = device
    return from_dlpack(capsule)


def _to_host(tensor: Tensor) -> Any:
    if tensor.is_cpu:
        return tensor
    host = _seen_from(_HOST, tensor)
    host = host.conj() if tensor.is_conj() else host
    return host._neg_view() if tensor.is_neg() else host


def _point(tensor: Tensor, storage: torch.UntypedStorage, offset: Any, like: Tensor) -> Any:
    return _set.redispatch(_keys("CPU"), tensor, storage, offset, like.size(), like.stride())


def _enable_storages() -> None:
    """Let torch.UntypedStorage allocate on npu; without an allocator torch would crash."""
    make = _torch._C.StorageBase.__new__

    def new(cls: Any, *args: Any, device: Any = None, **kwargs: Any) -> Any:
        if device is None:
            return make(cls, *args, **kwargs)
        if torch.device(device).type == _NAME:
            host = torch.empty(0, dtype=torch.uint8).set_(make(cls, *args, device=_CPU, **kwargs))
            return _seen_from(_CHIP, host).untyped_storage()
        return make(cls, *args, device=device, **kwargs)

    _torch.UntypedStorage.__new__ = new


def _enable_generators() -> None:
    """Let torch.Generator(device="npu") be one of the CPU's, whose numbers the tensors on npu are filled with."""
    base: Any = _torch._C.Generator
    kind: Any = type("Kind", (type(base),), {"__instancecheck__": lambda _, value: isinstance(value, base)})

    def new(_: Any, device: Any = _CPU) -> Any:
        return base(_CPU if torch.device(device).type == _NAME else device)

    _torch.Generator = kind("Generator", (base,), {"__new__": new})


# Kernels. The CPU's are called on the same memory; a few are npu's own.

_BORROWED = (
    "view",
    "as_strided",
    "_reshape_alias",
    "unfold",
    "view_as_real",
    "view_as_complex",
    "set_.source_Storage",
    "set_.source_Storage_storage_offset",
)
"""Operators whose CPU kernel touches metadata only, so that it works on an npu tensor as it is."""

_WHOLE = ("convolution", "convolution_backward")
"""Operators that torch decomposes by device, and the CPU runs whole."""

_INDEXING = frozenset(
    "aten::" + name
    for name in ("index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put")
)
"""Operators whose indices may be on the host while the indexed tensor is on the device."""


def _undecomposed() -> Iterator[str]:
    """Yield the aten operators that the CPU has a kernel for, and that torch would decompose on another device."""
    has = _torch._C._dispatch_has_kernel_for_dispatch_key
    for name in _torch._C._dispatch_get_registrations_for_dispatch_key("CPU"):
        space, _, operator = name.partition("::")
        explicit = has(name, "CompositeExplicitAutograd") or has(name, "CompositeExplicitAutogradNonFunctional")
        if space == "aten" and explicit and operator not in _BORROWED:
            yield operator
    yield from _WHOLE


def _operators() -> Iterator[str]:
    """Yield the dotted names of the operators that this file names."""
    for name in (*_BORROWED, *_WHOLE, *(name for _, name, _ in _OWN), *" ".join(_AUTOCAST_LISTS.values()).split()):
        yield f"torch.ops.aten.{name}"


def _overload(name: str) -> Any:
    operator, _, overload = name.partition(".")
    return getattr(getattr(_aten, operator), overload or "default")


@dataclass(frozen=True, slots=True)
class _Aliases:
    """What the schema of an operator says of the arguments that it writes.

    names    of all arguments, in order
    out      those that the caller gave for results only, and that the operator may resize
    results  per result, the argument that it is, or None if it is fresh or a view
    """

    names: tuple[str, ...]
    out: tuple[str, ...]
    results: tuple[str | None, ...]


@cache
def _aliases(op: Any) -> _Aliases:
    written = {
        frozenset(argument.alias_info.before_set): argument
        for argument in op._schema.arguments
        if argument.alias_info is not None and argument.alias_info.is_write
    }
    results = (
        written.get(frozenset(result.alias_info.before_set)) if result.alias_info is not None else None
        for result in op._schema.returns
    )
    return _Aliases(
        tuple(argument.name for argument in op._schema.arguments),
        tuple(argument.name for argument in written.values() if argument.kwarg_only and str(argument.type) == "Tensor"),
        tuple(result and result.name for result in results),
    )


def _on_the_host(op: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Call an operator on the memory of its npu tensors, and return what it returns as npu's."""
    aliases = _aliases(op)
    given = dict(zip(aliases.names, args, strict=False)) | kwargs
    owners: dict[int, Tensor] = {}
    anywhere = aliases.names[1:] if op._schema.name in _INDEXING else ()
    lowered = {
        name: _lower(value, owners, "" if name in anywhere else op._schema.name) for name, value in given.items()
    }
    out = {name: torch.empty(0, dtype=given[name].dtype) for name in aliases.out}
    answer = op(**lowered | out)
    for name, result in out.items():
        _deliver(given[name], result)
    if not any(aliases.results):
        return _lift(answer, owners)
    answers = answer if isinstance(answer, tuple) else (answer,)
    known = tuple(
        given[name] if name else _lift(value, owners) for name, value in zip(aliases.results, answers, strict=True)
    )
    return known if isinstance(answer, tuple) else known[0]


def _lower(value: Any, owners: dict[int, Tensor], operator: str) -> Any:
    """Return an argument for the CPU, and note which npu tensor owns its memory.

    RuntimeError, as on torch's other devices: a tensor that is no scalar is elsewhere; if `operator` is "", it may be.
    """
    if isinstance(value, Tensor):
        if value.is_cpu or value.is_meta:
            if operator and value.dim() > 0:
                raise RuntimeError(
                    "Expected all tensors to be on the same device, but found at least two devices, "
                    f"{_NAME}:0 and {value.device}! (when checking the arguments of {operator})"
                )
            return value
        host = _to_host(value)
        owners[host.data_ptr()] = value
        return host
    if isinstance(value, list | tuple):
        return type(value)(_lower(each, owners, operator) for each in value)
    return _CPU if isinstance(value, torch.device) else value


def _lift(value: Any, owners: Mapping[int, Tensor]) -> Any:
    """Return a result for npu: a view of an argument as a view of it."""
    if isinstance(value, Tensor):
        owner = owners.get(value.untyped_storage().data_ptr())
        if owner is None or not value.numel() or owner.dtype != value.dtype:
            return _seen_from(_CHIP, value)
        offset = owner.storage_offset() + value.storage_offset()
        return _as_strided.redispatch(_keys("CPU"), owner, value.size(), value.stride(), offset)
    if isinstance(value, list | tuple):
        return type(value)(_lift(each, owners) for each in value)
    return value


def _deliver(target: Tensor, result: Tensor) -> None:
    """Put a result into the tensor that the caller gave for it."""
    if target.size() == result.size():
        _to_host(target).copy_(result)
    else:
        _point(target, _seen_from(_CHIP, result).untyped_storage(), 0, result)


def _allocate(make: Callable[..., Tensor], /, *args: Any, **kwargs: Any) -> Any:
    _index(kwargs.pop("device", None))
    kwargs.pop("pin_memory", None)
    return _seen_from(_CHIP, make(*args, **kwargs))


def _resize(tensor: Tensor, size: Sequence[int], *, memory_format: Any = None) -> Any:
    layout = memory_format or torch.contiguous_format
    like = torch.empty(size, dtype=tensor.dtype, device="meta", memory_format=layout)
    offset, storage = tensor.storage_offset(), tensor.untyped_storage()
    needed = like.untyped_storage().nbytes() + offset * tensor.itemsize
    if needed > storage.nbytes():
        grown = tensor.new_zeros(needed, dtype=torch.uint8)
        grown[: storage.nbytes()] = grown.new_empty(0).set_(storage)
        storage = grown.untyped_storage()
    return _point(tensor, storage, offset, like)


def _copy_from(source: Tensor, target: Tensor, *_: Any) -> Tensor:
    _to_host(target).copy_(_to_host(source))
    return target


def _set_tensor(tensor: Tensor, source: Tensor) -> Any:
    return _point(tensor, source.untyped_storage(), source.storage_offset(), source)


_pinned: WeakKeyDictionary[torch.UntypedStorage, bool] = WeakKeyDictionary()
"""The host storages that were pinned: nothing is, but a script may ask."""


def _pin(tensor: Tensor, *_: Any, **__: Any) -> Tensor:
    pinned = tensor.clone()
    _pinned[pinned.untyped_storage()] = True
    return pinned


def _is_pinned(tensor: Tensor, *_: Any, **__: Any) -> bool:
    return tensor.untyped_storage() in _pinned


_FLASH = 1  # SDPBackend::flash_attention of torch's sdp_utils


def _attention(  # noqa: PLR0917 - the operator's own signature
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Compute scaled_dot_product_attention by the kernel that the CPU would choose."""
    options: dict[str, Any] = {"scale": scale, "enable_gqa": enable_gqa}
    if not _takes_flash((query, key, value, attn_mask), dropout_p, is_causal, options):
        return _aten._scaled_dot_product_attention_math.default(
            query, key, value, attn_mask, dropout_p, is_causal, None, **options
        )[0]
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = torch.zeros_like(attn_mask, dtype=query.dtype).masked_fill_(attn_mask.logical_not(), -torch.inf)
    return _aten._scaled_dot_product_flash_attention_for_cpu.default(
        query, key, value, dropout_p, is_causal, attn_mask=attn_mask, scale=scale
    )[0]


def _takes_flash(
    tensors: Sequence[Tensor | None], dropout_p: float, is_causal: bool, options: Mapping[str, Any]
) -> bool:
    query, mask = tensors[0], tensors[-1]
    if query is None or query.untyped_storage().device.type != _NAME or (mask is not None and mask.requires_grad):
        return False  # a fake tensor has no memory to look at
    with _torch._C._DisableTorchDispatch():
        q, k, v, m = (tensor if tensor is None else _to_host(tensor) for tensor in tensors)
        chosen: int = _aten._fused_sdp_choice.default(q, k, v, m, dropout_p, is_causal, **options)
    return chosen == _FLASH


def _lstm_cell(
    inputs: Tensor, hidden: Tensor, cx: Tensor, input_bias: Tensor | None = None, hidden_bias: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    gates = _biased(inputs, input_bias) + _biased(hidden, hidden_bias)
    i, f, g, o = gates.chunk(4, 1)
    cy = f.sigmoid() * cx + i.sigmoid() * g.tanh()
    return o.sigmoid() * cy.tanh(), cy, gates


def _gru_cell(
    inputs: Tensor, hidden: Tensor, hx: Tensor, input_bias: Tensor | None = None, hidden_bias: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    left, right = _biased(inputs, input_bias), _biased(hidden, hidden_bias)
    (ri, zi, ni), (rh, zh, nh) = left.chunk(3, 1), right.chunk(3, 1)
    n = (ni + (ri + rh).sigmoid() * nh).tanh()
    return (hx - n) * (zi + zh).sigmoid() + n, left


def _biased(value: Tensor, bias: Tensor | None) -> Tensor:
    return value if bias is None else value + bias


_OWN: tuple[tuple[str, str, Any], ...] = (
    (_KEY, "empty.memory_format", partial(_allocate, torch.empty)),
    (_KEY, "empty_strided", partial(_allocate, torch.empty_strided)),
    (_KEY, "resize_", _resize),
    (_KEY, "set_.source_Tensor", _set_tensor),
    (_KEY, "_copy_from", _copy_from),
    # A copy resolves lazy conjugation itself; resolving it before would be a copy again, without end.
    ("Conjugate", "_copy_from", fallthrough_kernel),
    ("Negative", "_copy_from", fallthrough_kernel),
    ("CPU", "_pin_memory", _pin),
    ("CPU", "is_pinned", _is_pinned),
    *(
        (key, name, kernel)
        for key in (_KEY, "Autograd" + _KEY)  # differentiated through the operators that they call
        for name, kernel in (
            ("scaled_dot_product_attention", _attention),
            ("_thnn_fused_lstm_cell", _lstm_cell),
            ("_thnn_fused_gru_cell", _gru_cell),
        )
    ),
)
"""The dispatch key, the aten operator and its kernel, where the CPU's own would not do."""


# Autocast.

_Call = tuple[Any, tuple[Any, ...], dict[str, Any]]


def _cast_and_call(policy: Callable[..., _Call], op: Any, /, *args: Any, **kwargs: Any) -> Any:
    with _torch._C._ExcludeDispatchKeyGuard(_keys("Autocast" + _KEY)):
        op, args, kwargs = policy(op, args, kwargs)
        return op(*args, **kwargs)


def _is_eligible(value: Any) -> bool:
    return (
        isinstance(value, Tensor)
        and value.device.type == _NAME
        and value.is_floating_point()
        and value.dtype != torch.float64
    )


def _cast(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_cast(each, dtype) for each in value)
    return value.to(dtype) if _is_eligible(value) else value


def _cast_all(dtype: torch.dtype, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
    return op, _cast(args, dtype), {name: _cast(value, dtype) for name, value in kwargs.items()}


def _lower_precision(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
    return _cast_all(torch.get_autocast_dtype(_NAME), op, args, kwargs)


def _float32(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
    return _cast_all(torch.float32, op, args, kwargs)


def _float32_result(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
    """Ask for a float32 result, unless the caller asked for a dtype."""
    place = _aliases(op).names.index("dtype")
    if not _is_eligible(args[0]) or kwargs.get("dtype") is not None or args[place : place + 1] not in ((), (None,)):
        return op, args, kwargs
    return op, args[:place], kwargs | {"dtype": torch.float32}


def _float32_norm(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
    """Call the overload with a dtype, for the one at hand has none."""
    if not _is_eligible(args[0]):
        return op, args, kwargs
    if op is _aten.norm.Scalar:
        return _aten.norm.ScalarOpt_dtype, (*args, 2)[:2], {**kwargs, "dtype": torch.float32}
    return _aten.norm.ScalarOpt_dim_dtype, (*args, False)[:4], {**kwargs, "dtype": torch.float32}


def _widest(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
    flat = [
        each for value in (*args, *kwargs.values()) for each in (value if isinstance(value, list | tuple) else (value,))
    ]
    wide = any(_is_eligible(value) and value.dtype == torch.float32 for value in flat)
    return _cast_all(torch.float32 if wide else torch.get_autocast_dtype(_NAME), op, args, kwargs)


def _banned(*_: Any) -> _Call:
    raise RuntimeError(
        "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast; "
        "use binary_cross_entropy_with_logits or BCEWithLogitsLoss instead"
    )


# Ascend/pytorch torch_npu/csrc/aten/AutoCastOps.cpp.
_AUTOCAST_LISTS: Mapping[Callable[..., _Call], str] = {
    _lower_precision: """_convolution.deprecated _convolution conv1d conv2d conv3d conv_tbc conv_transpose1d
        conv_transpose2d.input conv_transpose3d.input convolution cudnn_convolution cudnn_convolution_transpose prelu
        addmm addmv addr matmul einsum mm mv linear addbmm baddbmm bmm chain_matmul linalg_multi_dot
        _thnn_fused_lstm_cell _thnn_fused_gru_cell lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell
        _scaled_dot_product_flash_attention scaled_dot_product_attention""",
    _float32: """acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow.Tensor_Scalar
        pow.Tensor_Tensor pow.Scalar softplus layer_norm native_layer_norm group_norm frobenius_norm.dim nuclear_norm
        nuclear_norm.dim cosine_similarity poisson_nll_loss cosine_embedding_loss nll_loss nll_loss2d
        hinge_embedding_loss kl_div l1_loss smooth_l1_loss huber_loss mse_loss margin_ranking_loss
        multilabel_margin_loss soft_margin_loss triplet_margin_loss multi_margin_loss
        binary_cross_entropy_with_logits dist pdist cdist renorm logsumexp""",
    _float32_result: """prod prod.dim_int softmax.int log_softmax.int cumprod cumsum linalg_vector_norm
        linalg_matrix_norm linalg_matrix_norm.str_ord sum sum.dim_IntList""",
    _float32_norm: "norm.Scalar norm.ScalarOpt_dim",
    _widest: "addcdiv addcmul atan2 bilinear cross dot grid_sampler index_put tensordot scatter_add",
    _banned: "binary_cross_entropy",
}


# torch.npu and torch_npu.


class Stream:
    """A queue on which everything has already run."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.device_index = 0

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def query(self) -> bool:
        """Return True: everything has run."""
        return True

    def record_event(self, event: "Event | None" = None) -> "Event":
        """Record an event, a new one by default, and return it."""
        event = event or Event()
        event.record(self)
        return event

    def synchronize(self) -> None:
        """Return at once."""

    def wait_event(self, event: "Event") -> None:
        """Return at once."""

    def wait_stream(self, stream: "Stream") -> None:
        """Return at once."""


class Event:
    """A moment of the host's clock."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._recorded_s: float | None = None

    def record(self, *_: Any) -> None:
        """Take the time."""
        self._recorded_s = time.perf_counter()

    def elapsed_time(self, end: "Event") -> float:
        """Return the milliseconds from this event to another; RuntimeError unless both were recorded."""
        if self._recorded_s is None or end._recorded_s is None:
            raise RuntimeError("both events must be recorded before their distance is known")
        return 1000 * (end._recorded_s - self._recorded_s)

    def query(self) -> bool:
        """Return True: everything has run."""
        return True

    def synchronize(self) -> None:
        """Return at once."""

    def wait(self, stream: Stream | None = None) -> None:
        """Return at once."""


def _nothing(*_: Any, **__: Any) -> None:
    """Do nothing, where a chip would have something to do."""


def _always(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


@contextmanager
def _current(where: Any) -> Iterator[Any]:
    yield where


def _index(device: Any = None, *_: Any) -> int:
    """Return the index of the device that a number, a string, a torch.device or None names; there is only 0."""
    index = device if isinstance(device, int) else torch.device(device or _NAME).index or 0
    if index not in (-1, 0):
        raise RuntimeError(f"invalid device ordinal {index}: npusim offers one device, {_NAME}:0")
    return 0


def _chip_name(chip: "Device | None") -> str:
    return "npu simulated by npusim" if chip is None else chip.profile.name


def _takes_bf16(chip: "Device | None") -> bool:
    square = "bfloat16[16,16]"
    return chip is None or chip.judge("matmul", square, square).status is not Status.REJECTED


def _set_device(device: Any) -> None:
    _index(device)


def _device_module() -> ModuleType:
    module = ModuleType(
        f"torch.{_NAME}", "The npu device of npusim: its memory is the host's, and its kernels the CPU's."
    )
    generator, stream = torch.default_generator, Stream()
    seeds = dict.fromkeys(("manual_seed", "manual_seed_all"), lambda seed: generator.manual_seed(int(seed)) and None)
    memory = ("memory_allocated", "max_memory_allocated", "memory_reserved", "max_memory_reserved")
    ignored = ("empty_cache", "synchronize", "init", "reset_peak_memory_stats", "reset_max_memory_allocated")
    told = ("set_compile_mode", "set_option", "ipc_collect", "_lazy_init", "set_per_process_memory_fraction")
    vars(module).update(
        dict.fromkeys(memory, _always(0)),
        **dict.fromkeys((*ignored, *told), _nothing),
        **seeds,
        is_available=_always(True),
        is_initialized=_always(True),
        _is_in_bad_fork=_always(False),
        is_bf16_supported=lambda: _takes_bf16(_torch.npu.chip),
        device_count=_always(1),
        current_device=_always(0),
        set_device=_set_device,
        device=_current,
        _utils=SimpleNamespace(_get_device_index=_index),
        get_device_name=lambda *_: _chip_name(_torch.npu.chip),
        get_device_properties=lambda *_: SimpleNamespace(name=_chip_name(_torch.npu.chip), total_memory=0),
        get_rng_state=lambda *_: generator.get_state(),
        set_rng_state=lambda state, *_: generator.set_state(state) and None,
        seed=generator.seed,
        initial_seed=generator.initial_seed,
        Stream=Stream,
        Event=Event,
        stream=_current,
        current_stream=_always(stream),
        default_stream=_always(stream),
        get_amp_supported_dtype=lambda: [torch.float16, torch.bfloat16],
        amp=SimpleNamespace(autocast=partial(torch.autocast, _NAME), GradScaler=partial(torch.amp.GradScaler, _NAME)),
    )
    return module


_VENDOR = "torch_npu"
_REDIRECT = f"{_VENDOR}.contrib.transfer_to_npu"


class _CudaIsNpu(TorchFunctionMode):
    """Read every cuda device that is given to a function of torch as npu."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = {name: _redirected(value) for name, value in (kwargs or {}).items()}
        return func(*map(_redirected, args), **kwargs)


def _redirected(value: Any) -> Any:
    kind = value.type if isinstance(value, torch.device) else value.partition(":")[0] if isinstance(value, str) else ""
    return torch.device(_NAME) if kind == "cuda" else value


class _Redirection(MetaPathFinder, Loader):
    """Import torch_npu.contrib.transfer_to_npu: from then on cuda means npu, in the thread that imports it."""

    def find_spec(self, fullname: str, *_: Any) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname == _REDIRECT else None

    def exec_module(self, _: ModuleType) -> None:
        for name, value in vars(_torch.npu).items():
            if not name.startswith("_") and hasattr(torch.cuda, name):
                setattr(torch.cuda, name, value)
        _torch.Tensor.cuda, _torch.nn.Module.cuda = _torch.Tensor.npu, _torch.nn.Module.npu
        redirection: Any = _CudaIsNpu()
        redirection.__enter__()


def _offer_torch_npu() -> None:
    """Make `import torch_npu` work: npu_* are the stand-ins of npusim, `torch_npu.npu` is torch.npu."""
    vendor_ops.register()

    def operator(name: str) -> Any:
        if not hasattr(torch.ops.npu, name):
            raise vendor_ops.missing(name)
        return getattr(torch.ops.npu, name)

    vendor, contrib = ModuleType(_VENDOR, "What npusim offers of torch_npu."), ModuleType(_VENDOR + ".contrib")
    for module in (vendor, contrib):
        module.__spec__, module.__path__ = ModuleSpec(module.__name__, None, is_package=True), []
        sys.modules[module.__name__] = module
    vars(vendor).update(npu=_torch.npu, contrib=contrib, __getattr__=operator)
    sys.modules[_VENDOR + ".npu"] = _torch.npu
    sys.meta_path.append(_Redirection())
