"""Stand-ins of the vendor's operators for mixtures of experts: choosing, sorting by expert, multiplying, merging."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from npusim.frontends.torch.vendor_ops.table import Like, Row, demand, wide


def _softmax_outputs(x: Tensor, finished: Tensor | None, k: int) -> tuple[Like, Like, Like]:
    demand(x.dim() in (2, 3) and 0 < k <= x.shape[-1], f"x must be [..., experts] with at least k={k} experts")
    demand(finished is None or finished.shape == x.shape[:-1], "finished must have one element for each row of x")
    chosen = (*x.shape[:-1], k)
    return Like(chosen, x.dtype), Like(chosen, torch.int32), Like(chosen, torch.int32)


def _softmax(x: Tensor, finished: Tensor | None, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Choose the k likeliest experts of each row; of equals the first. A finished row gets the expert after the last.

    The third result numbers the choices column by column: choice j of row i is number j * rows + i.
    """
    likelihood, expert = wide(x).softmax(-1).sort(dim=-1, descending=True, stable=True)
    likelihood, expert = likelihood[..., :k], expert[..., :k]
    if finished is not None:
        expert = expert.masked_fill(finished.bool().unsqueeze(-1), x.shape[-1])
    rows = x.shape[:-1].numel()
    return likelihood, expert, torch.arange(rows * k, device=x.device).view(k, rows).t().reshape(expert.shape)


def _gating_outputs(
    *, x: Tensor, k: int, bias: Tensor | None, k_group: int, group_count: int, group_select_mode: int, norm_type: int
) -> tuple[Like, Like, Like]:
    demand(x.dim() == 2 and 0 < k <= x.shape[1], f"x must be [rows, experts] with at least k={k} experts")
    demand(bias is None or bias.shape == x.shape[1:], "bias must have one element for each expert")
    demand(group_count > 0 and x.shape[1] % group_count == 0, f"experts must divide into {group_count} groups")
    demand(0 < k_group <= group_count, f"k_group={k_group} must be between 1 and group_count={group_count}")
    demand(group_select_mode in (0, 1) and norm_type in (0, 1), "group_select_mode and norm_type must be 0 or 1")
    return Like((x.shape[0], k), x.dtype), Like((x.shape[0], k), torch.int32), Like(tuple(x.shape), torch.float32)


def _gating(
    *,
    x: Tensor,
    k: int,
    bias: Tensor | None,
    k_group: int,
    group_count: int,
    group_select_mode: int,
    norm_type: int,
    routed_scaling_factor: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose k experts out of the k_group best groups, by softmax (norm_type 0) or sigmoid (1) plus bias.

    A group is as good as its best expert (group_select_mode 0) or its two best together (1). Weights are without bias,
    after a sigmoid divided by their sum plus eps.
    """
    score = wide(x).sigmoid() if norm_type else wide(x).softmax(-1)
    ranked = score if bias is None else score + wide(bias)
    if group_count > 1:
        grouped = ranked.reshape(len(x), group_count, -1)
        merit = grouped.topk(2, -1).values.sum(-1) if group_select_mode else grouped.amax(-1)
        best = merit.sort(dim=-1, descending=True, stable=True).indices[:, :k_group]
        closed = torch.ones_like(merit, dtype=torch.bool).scatter(1, best, False)
        ranked = grouped.masked_fill(closed.unsqueeze(-1), -torch.inf).flatten(1)
    expert = ranked.sort(dim=-1, descending=True, stable=True).indices[:, :k]
    weight = score.gather(1, expert)
    if norm_type:
        weight = weight / (weight.sum(-1, keepdim=True) + eps)
    return weight * routed_scaling_factor, expert, score


def _init_outputs(x: Tensor, row_idx: Tensor, expert_idx: Tensor, active_num: int) -> tuple[Like, Like, Like]:
    demand(x.dim() == 2 and expert_idx.dim() == 2, "x must be [rows, size] and expert_idx [rows, k]")
    demand(row_idx.shape == expert_idx.shape and len(x) == len(expert_idx), "indices must have a row for each row of x")
    choices = Like((expert_idx.numel(),), torch.int32)
    return Like((min(len(x), active_num) * expert_idx.shape[1], x.shape[1]), x.dtype), choices, choices


def _init(x: Tensor, row_idx: Tensor, expert_idx: Tensor, active_num: int) -> tuple[Tensor, Tensor, Tensor]:
    """Copy the row of each choice to where its expert stands; also say where each choice went, and to which expert."""
    expert, order = expert_idx.flatten().sort(stable=True)
    source = row_idx.flatten()[order].long()
    place = torch.empty_like(source).scatter(0, source, torch.arange(source.numel(), device=x.device))
    return x[source[: min(len(x), active_num) * expert_idx.shape[1]] % len(x)], place, expert


def _init_v2_outputs(
    *,
    x: Tensor,
    expert_idx: Tensor,
    scale: Tensor | None,
    active_num: int,
    expert_num: int,
    expert_tokens_num_type: int,
    expert_tokens_num_flag: bool,
    active_expert_range: Sequence[int],
) -> tuple[Like, Like, Like, Like]:
    demand(x.dim() == 2 and expert_idx.dim() == 2, "x must be [rows, size] and expert_idx [rows, k]")
    demand(len(x) == len(expert_idx), "expert_idx must have a row for each row of x")
    demand(scale is None or scale.shape == x.shape[:1], "scale must have one element for each row of x")
    demand(expert_tokens_num_type in (0, 1), "the stand-in computes expert_tokens_num_type 0 and 1")
    first, end = active_expert_range or (0, expert_num)
    demand(first < end, f"the range of experts {first} to {end} is empty; it needs active_expert_range or expert_num")
    choices = expert_idx.numel()
    rows = min(active_num, choices) if active_num > 0 else choices
    counts = Like((end - first,) if expert_tokens_num_flag else (), torch.int64)
    return Like((rows, x.shape[1]), x.dtype), Like((choices,), torch.int32), counts, Like((rows,), torch.float32)


def _init_v2(
    *,
    x: Tensor,
    expert_idx: Tensor,
    scale: Tensor | None,
    active_num: int,
    expert_num: int,
    expert_tokens_num_type: int,
    expert_tokens_num_flag: bool,
    active_expert_range: Sequence[int],
    row_idx_type: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Copy the row of each choice of an active expert to where its expert stands; rows after the last are zeros.

    Also say where each choice went, -1 if nowhere (row_idx_type 0), or which choice each row is (1); how many rows each
    expert has (expert_tokens_num_type 1) or where its rows end (0); and each row's scale.
    """
    first, end = active_expert_range or (0, expert_num)
    experts = expert_idx.flatten().long()
    active = (experts >= first) & (experts < end)
    order = experts.masked_fill(experts < first, torch.iinfo(torch.int64).max).argsort(stable=True)
    count = int(active.sum())
    place = torch.full_like(order, -1)
    place[order[:count]] = torch.arange(count, device=x.device)
    rows = min(active_num, len(order)) if active_num > 0 else len(order)
    source = order[: min(rows, count)] // expert_idx.shape[1]
    expanded, scales = x.new_zeros(rows, x.shape[1]), x.new_zeros(rows, dtype=torch.float32)
    expanded[: len(source)] = x[source]
    if scale is not None:
        scales[: len(source)] = scale[source].float()
    tokens = torch.bincount(experts[active] - first, minlength=end - first)
    tokens = tokens if expert_tokens_num_type else tokens.cumsum(0)
    return (
        expanded,
        order if row_idx_type else place,
        tokens if expert_tokens_num_flag else tokens.new_zeros(()),
        scales,
    )


def _counted_outputs(sorted_expert_for_source_row: Tensor, num_expert: int) -> Like:
    demand(sorted_expert_for_source_row.dim() == 1, "the sorted experts must be a vector")
    return Like((num_expert,), torch.int32)


def _counted(sorted_expert_for_source_row: Tensor, num_expert: int) -> Tensor:
    """Return, for each expert, how many rows belong to it or to one before it."""
    experts = torch.arange(num_expert, device=sorted_expert_for_source_row.device)
    return torch.searchsorted(sorted_expert_for_source_row.long(), experts, right=True)


def _finalize_outputs(
    *,
    expanded_permuted_rows: Tensor,
    skip1: Tensor | None,
    skip2: Tensor | None,
    bias: Tensor | None,
    scales: Tensor | None,
    expanded_src_to_dst_row: Tensor,
    export_for_source_row: Tensor | None,
    drop_pad_mode: int | None,
    k: int | None,
) -> Like:
    choices = scales.shape[1] if scales is not None else k or 1
    demand(drop_pad_mode in (0, 1, 2, 3), f"drop_pad_mode is {drop_pad_mode}; allowed are 0 to 3")
    demand(expanded_src_to_dst_row.numel() % choices == 0, f"rows do not have {choices} choices each")
    shape = (expanded_src_to_dst_row.numel() // choices, expanded_permuted_rows.shape[-1])
    for name, one in (("skip1", skip1), ("skip2", skip2)):
        demand(one is None or one.shape == shape, f"{name} must have the shape of the result, {list(shape)}")
    demand(bias is None or export_for_source_row is not None, "bias needs export_for_source_row")
    return Like(shape, expanded_permuted_rows.dtype)


def _finalize(
    *,
    expanded_permuted_rows: Tensor,
    skip1: Tensor | None,
    skip2: Tensor | None,
    bias: Tensor | None,
    scales: Tensor | None,
    expanded_src_to_dst_row: Tensor,
    export_for_source_row: Tensor | None,
    drop_pad_mode: int | None,
    k: int | None,
) -> Tensor:
    """Return skip1 + skip2 + the sum over a row's choices of scale * (its expert's row + bias); a row of -1 is zeros.

    The places of choices lie choice by choice in modes 0 and 1, row by row in modes 2 and 3.
    """
    choices = scales.shape[1] if scales is not None else k or 1
    place = expanded_src_to_dst_row.long()
    place = place.view(choices, -1).t() if drop_pad_mode in (0, 1) else place.view(-1, choices)
    rows = wide(expanded_permuted_rows.flatten(0, -2))[place.clamp(min=0)]
    rows = rows.masked_fill(place.unsqueeze(-1) < 0, 0)
    if bias is not None and export_for_source_row is not None:
        rows = rows + wide(bias)[export_for_source_row.long().view(-1, choices)]
    if scales is not None:
        rows = rows * wide(scales).unsqueeze(-1)
    total = rows.sum(1)
    for skip in (skip1, skip2):
        total = total if skip is None else total + wide(skip)
    return total


def _permute_outputs(tokens: Tensor, indices: Tensor, num_out_tokens: int | None) -> tuple[Like, Like]:
    demand(tokens.dim() == 2 and indices.dim() in (1, 2), "tokens must be [rows, size], indices [rows] or [rows, k]")
    demand(len(tokens) == len(indices), "indices must have a row for each row of tokens")
    rows = len(range(indices.numel())[: num_out_tokens or None])
    return Like((rows, tokens.shape[1]), tokens.dtype), Like((indices.numel(),), torch.int32)


def _permute(tokens: Tensor, indices: Tensor, num_out_tokens: int | None) -> tuple[Tensor, Tensor]:
    """Copy the row of each choice to where its expert stands; also say where each choice went."""
    order = indices.flatten().argsort(stable=True)
    choices = indices.shape[1] if indices.dim() == 2 else 1
    return tokens[order[: num_out_tokens or None] // choices], order.argsort()


def _unpermute_outputs(permuted_tokens: Tensor, sorted_indices: Tensor, probs: Tensor | None) -> Like:
    demand(
        permuted_tokens.dim() == 2 and sorted_indices.dim() == 1, "tokens must be [rows, size], sorted_indices [rows]"
    )
    demand(probs is None or probs.dim() == 2, "probs must be [rows, k]")
    choices = 1 if probs is None else probs.shape[1]
    demand(probs is None or probs.numel() == sorted_indices.numel(), "probs must have one element for each index")
    return Like((sorted_indices.numel() // choices, permuted_tokens.shape[1]), permuted_tokens.dtype)


def _unpermute(permuted_tokens: Tensor, sorted_indices: Tensor, probs: Tensor | None) -> Tensor:
    """Return for each row the sum over its choices of probability * token; a place after the last token is zeros."""
    place = sorted_indices.long()
    absent = place >= len(permuted_tokens)
    rows = wide(permuted_tokens)[place.masked_fill(absent, 0)].masked_fill(absent.unsqueeze(-1), 0)
    return rows if probs is None else (rows.reshape(*probs.shape, -1) * wide(probs).unsqueeze(-1)).sum(1)


def _grouped_outputs(
    *,
    x: Sequence[Tensor],
    weight: Sequence[Tensor],
    bias: Sequence[Tensor] | None,
    group_list: Tensor | None,
    split_item: int | None,
    group_type: int | None,
) -> list[Like]:
    demand(split_item in (0, 2, 3), f"split_item is {split_item}; the stand-in computes 0, 2 and 3")
    demand(group_type in (-1, 0), f"group_type is {group_type}; the stand-in computes -1 and 0")
    matrices = [one.shape[-2:] for one in weight for _ in range(len(one) if one.dim() == 3 else 1)]
    demand(all(one.dim() in (2, 3) for one in weight), "weight must be matrices [k, n], or one [groups, k, n]")
    demand(not bias or len({len(bias), len(weight)}) == 1, "there must be a bias for each weight")
    if group_list is not None:
        demand(len(x) == 1 and split_item in (2, 3), "with group_list there must be one x and one result")
        demand(
            group_list.numel() == len(matrices), f"group_list must have one element for each of {len(matrices)} groups"
        )
        fits = all(x[0].shape[-1] == k and n == matrices[0][1] for k, n in matrices)
        demand(fits, "x must be [m, k] and every weight [k, n]")
        return [Like((x[0].shape[0], matrices[0][1]), x[0].dtype)]
    demand(len(x) == len(matrices), f"there are {len(x)} x for {len(matrices)} weights")
    demand(
        all(one.shape[-1] == k for one, (k, _) in zip(x, matrices, strict=True)),
        "each x must be [m, k], its weight [k, n]",
    )
    each = [Like((*one.shape[:-1], n), one.dtype) for one, (_, n) in zip(x, matrices, strict=True)]
    return each if split_item == 0 else [Like((sum(one.shape[0] for one in each), each[0].shape[1]), x[0].dtype)]


def _grouped(
    *,
    x: Sequence[Tensor],
    weight: Sequence[Tensor],
    bias: Sequence[Tensor] | None,
    group_list: Tensor | None,
    split_item: int | None,
    group_list_type: int | None,
) -> list[Tensor]:
    """Multiply each group of rows with its own matrix; rows after the last group give zeros.

    group_list says where each group ends (group_list_type 0) or how many rows it has (1).
    """
    matrices = [wide(one) for stack in weight for one in (stack if stack.dim() == 3 else (stack,))]
    biases = [wide(one) for stack in bias or () for one in (stack if stack.dim() == 2 else (stack,))]
    addends = biases or [matrices[0].new_zeros(()) for _ in matrices]
    if group_list is None:
        products = [wide(a) @ b + c for a, b, c in zip(x, matrices, addends, strict=True)]
        return products if split_item == 0 else [torch.cat(products)]
    ends = group_list.cumsum(0) if group_list_type == 1 else group_list
    result = matrices[0].new_zeros(x[0].shape[0], matrices[0].shape[1])
    for (start, end), matrix, addend in zip(pairwise((0, *ends.tolist())), matrices, addends, strict=True):
        result[start:end] = wide(x[0][start:end]) @ matrix + addend
    return [result]


ROWS = (
    Row(
        "npu_moe_gating_top_k_softmax(Tensor x, Tensor? finished=None, int k=1) -> (Tensor, Tensor, Tensor)",
        _softmax_outputs,
        _softmax,
    ),
    Row(
        "npu_moe_gating_top_k(Tensor x, int k, *, Tensor? bias=None, Tensor? input_ids=None, Tensor? tid2eid=None,"
        " int k_group=1, int group_count=1, int group_select_mode=0, int renorm=0, int norm_type=0,"
        " bool out_flag=False, float routed_scaling_factor=1.0, float eps=1e-20) -> (Tensor, Tensor, Tensor)",
        _gating_outputs,
        _gating,
        inert=frozenset({"out_flag"}),  # without it the chip leaves the third result as it was allocated
    ),
    Row(
        "npu_moe_init_routing(Tensor x, Tensor row_idx, Tensor expert_idx, int active_num) -> (Tensor, Tensor, Tensor)",
        _init_outputs,
        _init,
    ),
    Row(
        "npu_moe_init_routing_v2(Tensor x, Tensor expert_idx, *, Tensor? scale=None, Tensor? offset=None,"
        " int active_num=-1, int expert_capacity=-1, int expert_num=-1, int drop_pad_mode=0,"
        " int expert_tokens_num_type=0, bool expert_tokens_num_flag=False, int quant_mode=-1,"
        " int[2] active_expert_range=[], int row_idx_type=0, int? x_dtype=None) -> (Tensor, Tensor, Tensor, Tensor)",
        _init_v2_outputs,
        _init_v2,
        inert=frozenset({"expert_capacity"}),  # read in drop_pad_mode 1 only
    ),
    Row(
        "npu_moe_compute_expert_tokens(Tensor sorted_expert_for_source_row, int num_expert) -> Tensor",
        _counted_outputs,
        _counted,
    ),
    Row(
        "npu_moe_finalize_routing(Tensor expanded_permuted_rows, Tensor? skip1, Tensor? skip2, Tensor? bias,"
        " Tensor? scales, Tensor expanded_src_to_dst_row, Tensor? export_for_source_row, int? drop_pad_mode=0,"
        " int? k=1) -> Tensor",
        _finalize_outputs,
        _finalize,
    ),
    Row(
        "npu_moe_token_permute(Tensor tokens, Tensor indices, int? num_out_tokens=None, bool padded_mode=False)"
        " -> (Tensor, Tensor)",
        _permute_outputs,
        _permute,
    ),
    Row(
        "npu_moe_token_unpermute(Tensor permuted_tokens, Tensor sorted_indices, Tensor? probs=None,"
        " bool padded_mode=False, int[]? restore_shape=None) -> Tensor",
        _unpermute_outputs,
        _unpermute,
        inert=frozenset({"restore_shape"}),  # read in padded mode only
    ),
    Row(
        "npu_grouped_matmul(Tensor[] x, Tensor[] weight, *, Tensor[]? bias=None, Tensor[]? scale=None,"
        " Tensor[]? offset=None, Tensor[]? antiquant_scale=None, Tensor[]? antiquant_offset=None,"
        " Tensor[]? per_token_scale=None, Tensor? group_list=None, Tensor[]? activation_input=None,"
        " Tensor[]? activation_quant_scale=None, Tensor[]? activation_quant_offset=None, int? split_item=0,"
        " int? group_type=None, int? group_list_type=0, int? act_type=0, int[]? tuning_config=None,"
        " int? output_dtype=None, int? x_dtype=None, int? weight_dtype=None, int? scale_dtype=None,"
        " int? per_token_scale_dtype=None) -> Tensor[]",
        _grouped_outputs,
        _grouped,
        inert=frozenset({"tuning_config"}),
    ),
)
