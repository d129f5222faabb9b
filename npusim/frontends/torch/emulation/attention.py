"""Compute scaled dot-product attention step by step: scores, softmax, rounded probabilities, a second product."""

import math
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from npusim.frontends.torch.emulation.contraction import product, to_operand
from npusim.frontends.torch.emulation.rounding import rounded
from npusim.numerics.model import Numerics


def attended(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], numerics: Numerics) -> Any:
    """Return what an operator of ATTENTIONS returns: the attention, or that and each row's logsumexp."""
    names = [argument.name for argument in func._schema.arguments]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    result = _laid_out(attention(**given, numerics=numerics))
    if len(func._schema.returns) == 1:
        return result
    masking = {name: given[name] for name in ("attn_mask", "is_causal", "scale") if name in given}
    return result, torch.logsumexp(_scores(given["query"], given["key"], numerics, **masking), -1)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    numerics: Numerics,
) -> Tensor:
    """Return the attention of query [..., L, E] to key [..., S, E] and value [..., S, V].

    Scores and softmax are float32 (float64 for float64 operands); the probabilities are rounded to the operands'
    promoted dtype, as kernels/attention.cl does and flash kernels, which rescale block by block, do not. A row of which
    nothing is seen is NaN. A causal row sees as many keys as queries stand above it, itself included.
    """
    operand = reduce(torch.promote_types, (query.dtype, key.dtype, value.dtype))
    if enable_gqa:
        key, value = (one.repeat_interleave(query.size(-3) // one.size(-3), -3) for one in (key, value))
    scores = _scores(query, key, numerics, attn_mask=attn_mask, is_causal=is_causal, scale=scale)
    probabilities = to_operand(rounded(torch.softmax(scores, -1), operand, numerics), numerics)
    if dropout_p > 0:
        probabilities = torch.dropout(probabilities, dropout_p, True)
    return product(probabilities, to_operand(value, numerics).to(operand), numerics)


def _laid_out(result: Tensor) -> Tensor:
    """Return the result with the heads of one position side by side in memory, as torch's CPU attention leaves them."""
    return result.transpose(1, 2).contiguous().transpose(1, 2) if result.dim() == 4 else result


def _scores(
    query: Tensor,
    key: Tensor,
    numerics: Numerics,
    *,
    attn_mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Return query @ key.T * scale + mask in float32 or float64, -inf where a row does not see."""
    held = torch.float64 if query.dtype == torch.float64 else torch.float32
    depth = query.size(-1)
    factor = (1 / math.sqrt(depth) if depth else math.inf) if scale is None else scale
    left, right = (to_operand(one, numerics).to(held) for one in (query, key))
    scores = (left @ right.transpose(-1, -2)).mul_(factor)
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    if is_causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril_()
        scores = scores.masked_fill(~seen, -math.inf)
    return scores
