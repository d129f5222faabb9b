"""Fused operators of vendors' libraries: attention, quantised and grouped matmul, routing, communication."""

from npusim.operators.model import operator

_ATTENTION = (
    operator("attention_update(lse*, go*; update_type: int = None, sp: int = None) -> output, lse_m"),
    operator(
        "flash_attention_score(query, key, value, real_shift?, drop_mask?, padding_mask?, atten_mask?, "
        "actual_seq_qlen?, actual_seq_kvlen?, d_scale_q?, d_scale_k?, d_scale_v?, query_rope?, key_rope?, sink?, "
        "p_scale?; prefix: ints = None, q_start_idx: ints = None, kv_start_idx: ints = None, scale_value: float = "
        "1.0, keep_prob: float = 1.0, pre_tockens: int = 2147483647, next_tockens: int = 2147483647, head_num: int = "
        "None, input_layout: str = None, inner_precise: int = 0, sparse_mode: int = 0, pse_type: int = 1, seed: int ="
        " 0, offset: int = 0, out_dtype: int = 0, softmax_out_layout: str = '') -> softmax_max, softmax_sum, "
        "softmax_out, attention_out"
    ),
    operator(
        "flash_attention_score_grad(query, key, value, dy, pse_shift?, drop_mask?, padding_mask?, atten_mask?, "
        "softmax_max?, softmax_sum?, softmax_in?, attention_in?, actual_seq_qlen?, actual_seq_kvlen?, d_scale_q?, "
        "d_scale_k?, d_scale_v?, d_scale_dy?, d_scale_o?, query_rope?, key_rope?, sink?, ds_scale?, p_scale?; prefix:"
        " ints = None, q_start_idx: ints = None, kv_start_idx: ints = None, scale_value: float = 1.0, keep_prob: "
        "float = 1.0, pre_tockens: int = 2147483647, next_tockens: int = 2147483647, head_num: int = None, "
        "input_layout: str = None, inner_precise: int = 0, sparse_mode: int = 0, pse_type: int = 1, seed: int = 2, "
        "offset: int = 0, out_dtype: int = 0, softmax_in_layout: str = '') -> dq, dk, dv, dpse, dq_rope, dk_rope, "
        "dsink"
    ),
    operator(
        "fused_infer_attention_score(query, key*, value*, pse_shift?, atten_mask?, dequant_scale1?, quant_scale1?, "
        "dequant_scale2?, quant_scale2?, quant_offset2?, antiquant_scale?, antiquant_offset?, block_table?, "
        "query_padding_size?, kv_padding_size?, key_antiquant_scale?, key_antiquant_offset?, value_antiquant_scale?, "
        "value_antiquant_offset?, key_shared_prefix?, value_shared_prefix?, query_rope?, key_rope?, "
        "key_rope_antiquant_scale?, dequant_scale_query?, learnable_sink?, q_start_idx?, kv_start_idx?; "
        "actual_seq_lengths: ints = None, actual_seq_lengths_kv: ints = None, actual_shared_prefix_len: ints = None, "
        "num_heads: int = 1, scale: float = 1.0, pre_tokens: int = 2147483647, next_tokens: int = 2147483647, "
        "input_layout: str = 'BSH', num_key_value_heads: int = 0, sparse_mode: int = 0, inner_precise: int = 1, "
        "block_size: int = 0, antiquant_mode: int = 0, softmax_lse_flag: bool = False, key_antiquant_mode: int = 0, "
        "value_antiquant_mode: int = 0, query_quant_mode: int = 0, pse_type: int = 0, out_dtype: int = 0) -> "
        "attention_out, softmax_lse"
    ),
    operator(
        "incre_flash_attention(query, key*, value*, pse_shift?, atten_mask?, dequant_scale1?, quant_scale1?, "
        "dequant_scale2?, quant_scale2?, quant_offset2?, antiquant_scale?, antiquant_offset?, block_table?, "
        "kv_padding_size?; actual_seq_lengths: ints = None, num_heads: int = 1, scale_value: float = 1.0, "
        "input_layout: str = 'BSH', num_key_value_heads: int = 0, block_size: int = 0, inner_precise: int = 1) -> "
        "attention_out"
    ),
    operator(
        "prompt_flash_attention(query, key, value, pse_shift?, atten_mask?, deq_scale1?, quant_scale1?, deq_scale2?, "
        "quant_scale2?, quant_offset2?; actual_seq_lengths: ints = None, actual_seq_lengths_kv: ints = None, "
        "num_heads: int = 1, scale_value: float = 1.0, pre_tokens: int = 214748647, next_tokens: int = 0, "
        "input_layout: str = 'BSH', num_key_value_heads: int = 0, sparse_mode: int = 0, inner_precise: int = 1) -> "
        "attention_out"
    ),
    operator(
        "swin_attention_score_quant(query, key, value, scale_quant, scale_dequant1, scale_dequant2, bias_quant?, "
        "bias_dequant1?, bias_dequant2?, padding_mask1?, padding_mask2?; query_transpose: bool = False, "
        "key_transpose: bool = False, value_transpose: bool = False, softmax_axes: int = -1) -> attention_score"
    ),
    operator("swin_attention_ffn(x1, x2, bias, x3?; shifts: ints = None) -> y"),
    operator(
        "swin_transformer_ln_qkv(x, gamma, beta, weight, bias; head_num: int = None, head_dim: int = None, "
        "seq_length: int = None, shifts: ints = None, epsilon: float = 1e-07) -> query_output, key_output, "
        "value_output"
    ),
    operator(
        "swin_transformer_ln_qkv_quant(x, gamma, beta, weight, bias, quant_scale, quant_offset, dequant_scale; "
        "head_num: int = None, seq_length: int = None, epsilon: float = 1e-06, ori_height: int = None, ori_weight: "
        "int = None, h_win_size: int = None, w_win_size: int = None, weight_transpose: bool = True) -> query_output, "
        "key_output, value_output"
    ),
    operator(
        "attention_worker_combine(schedule_context, expert_scales, layer_id; hidden_size: int = None, token_dtype: "
        "int = 0, need_schedule: int = 0) -> y, next_layer_id"
    ),
    operator(
        "flash_attn(q, k, v, block_table?, cu_seqlens_q?, cu_seqlens_kv?, seqused_q?, seqused_kv?, sinks?, "
        "attn_mask?, metadata?; softmax_scale: float = 0.0, mask_mode: int = 0, win_left: int = -1, win_right: int = "
        "-1, max_seqlen_q: int = -1, max_seqlen_kv: int = -1, layout_q: str = 'BSND', layout_kv: str = 'BSND', "
        "layout_out: str = 'BSND', return_softmax_lse: int = 0) -> attn_out, softmax_lse"
    ),
    operator(
        "fused_floyd_attention(query, key_1, value_1, key_2, value_2, atten_mask?; scale_value: float = 1.0) -> "
        "softmax_max, softmax_sum, attention_out"
    ),
    operator(
        "fused_floyd_attention_grad(query, key1, value1, key2, value2, dy, atten_mask?, softmax_max?, softmax_sum?, "
        "attention_in?; scale_value: float = 1.0) -> dq, dk_1, dv_1, dk_2, dv_2"
    ),
    operator(
        "rain_fusion_attention(query, key, value, select_idx, select_num_idx, block_shape, atten_mask?, "
        "actual_seq_lengths?, actual_seq_lengths_kv?, block_table?; q_input_layout: str = 'TND', kv_input_layout: str"
        " = 'TND', num_key_value_heads: int = 1, mask_type: int = 0, scale_value: float = 0.0, inner_precise: int = "
        "1, block_size: int = 128) -> attention_out, softmax_lse"
    ),
    operator(
        "ring_attention_update(prev_attn_out, prev_softmax_max, prev_softmax_sum, cur_attn_out, cur_softmax_max, "
        "cur_softmax_sum, actual_seq_qlen?; input_layout: str = 'SBH', input_softmax_layout: str = '') -> attn_out, "
        "softmax_max, softmax_sum"
    ),
)

_SPARSE_ATTENTION_AND_ITS_INDEXERS = (
    operator(
        "lightning_indexer(query, key, weights, actual_seq_lengths_query?, actual_seq_lengths_key?, block_table?; "
        "layout_query: str = 'BSND', layout_key: str = 'BSND', sparse_count: int = 2048, sparse_mode: int = 3, "
        "pre_tokens: int = None, next_tokens: int = None, return_values: bool = False) -> sparse_indices, "
        "sparse_values"
    ),
    operator(
        "sparse_flash_attention(query, key, value, sparse_indices, block_table?, actual_seq_lengths_query?, "
        "actual_seq_lengths_kv?, query_rope?, key_rope?; scale_value: float = None, sparse_block_size: int = 1, "
        "layout_query: str = 'BSND', layout_kv: str = 'BSND', sparse_mode: int = 3, pre_tokens: int = None, "
        "next_tokens: int = None, attention_mode: int = 0, return_softmax_lse: bool = False) -> attention_out, "
        "softmax_max, softmax_sum"
    ),
    operator(
        "kv_quant_sparse_flash_attention(query, key, value, sparse_indices, key_dequant_scale?, value_dequant_scale?,"
        " block_table?, actual_seq_lengths_query?, actual_seq_lengths_kv?; scale_value: float = None, key_quant_mode:"
        " int = None, value_quant_mode: int = None, sparse_block_size: int = 1, layout_query: str = 'BSND', "
        "layout_kv: str = 'BSND', sparse_mode: int = 3, pre_tokens: int = None, next_tokens: int = None, "
        "attention_mode: int = 0, quant_scale_repo_mode: int = 1, tile_size: int = 128, rope_head_dim: int = 64) -> "
        "attention_out"
    ),
    operator(
        "quant_lightning_indexer(query, key, weights, query_dequant_scale, key_dequant_scale, "
        "actual_seq_lengths_query?, actual_seq_lengths_key?, block_table?; query_quant_mode: int = None, "
        "key_quant_mode: int = None, layout_query: str = 'BSND', layout_key: str = 'BSND', sparse_count: int = 2048, "
        "sparse_mode: int = 3, pre_tokens: int = 9223372036854775807, next_tokens: int = 9223372036854775807, "
        "key_stride0: int = -1, key_dequant_scale_stride0: int = -1) -> sparse_indices"
    ),
    operator(
        "block_sparse_attention(query, key, value, block_sparse_mask?, atten_mask?, block_table?, "
        "q_dequant_scale_optional?, k_dequant_scale_optional?, v_dequant_scale_optional?; block_shape: ints = None, "
        "actual_seq_lengths: ints = None, actual_seq_lengths_kv: ints = None, q_input_layout: str = 'TND', "
        "kv_input_layout: str = 'TND', num_key_value_heads: int = 1, mask_type: int = 0, scale_value: float = 0.0, "
        "inner_precise: int = 0, block_size: int = 0, pre_tokens: int = 2147483647, next_tokens: int = 2147483647, "
        "softmax_lse_flag: int = 0) -> attention_out, softmax_lse"
    ),
    operator(
        "block_sparse_attention_grad(dout, query, key, value, attention_out, softmax_lse, "
        "block_sparse_mask_optional?, atten_mask_optional?, block_shape_optional?, actual_seq_lengths_optional?, "
        "actual_seq_lengths_kv_optional?; q_input_layout: str = None, kv_input_layout: str = None, "
        "num_key_value_heads: int = 1, mask_type: int = 0, scale_value: float = 0.0, pre_tokens: int = 2147483647, "
        "next_tokens: int = 2147483647) -> dq, dk, dv"
    ),
    operator(
        "compressor(x, wkv, wgate, state_cache, ape, state_block_table?, cu_seqlens?, seqused?, start_pos?; "
        "cmp_ratio: int = None, coff: int = None, cache_mode: int = None, state_cache_stride_dim0: int = None) -> "
        "cmp_kv, state_cache_out"
    ),
    operator(
        "dense_lightning_indexer_grad_kl_loss(query, key, query_index, key_index, weight, softmax_max, softmax_sum, "
        "softmax_max_index, softmax_sum_index, query_rope?, key_rope?, actual_seq_lengths_query?, "
        "actual_seq_lengths_key?; scale_value: float = None, layout: str = 'TND', sparse_mode: int = 3, pre_tokens: "
        "int = 2147483647, next_tokens: int = 2147483647) -> d_query_index, d_key_index, d_weight, loss"
    ),
    operator(
        "dense_lightning_indexer_softmax_lse(query_index, key_index, weight, actual_seq_lengths_query?, "
        "actual_seq_lengths_key?; layout: str = 'TND', sparse_mode: int = 3, pre_tokens: int = 9223372036854775807, "
        "next_tokens: int = 9223372036854775807) -> softmax_max, softmax_sum"
    ),
    operator(
        "indexer_quant_cache(cache, cache_scale, x, slot_mapping; quant_mode: int = 1, round_scale: bool = True, "
        "x_scale: float = 1.0) -> cache_out, cache_scale_out"
    ),
    operator(
        "lightning_indexer_grad(query, key, dy, sparse_indices, weights, actual_seq_lengths_query?, "
        "actual_seq_lengths_key?; head_num: int = None, layout: str = 'BSND', sparse_mode: int = 3, pre_tokens: int ="
        " 65536, next_tokens: int = 65536, determinstic: bool = False) -> dq, dk, dweights"
    ),
    operator(
        "lightning_indexer_v2(q, k, w, cu_seqlens_q?, cu_seqlens_k?, seqused_q?, seqused_k?, cmp_residual_k?, "
        "block_table?, output_idx_offset?, metadata?; topk: int = None, max_seqlen_q: int = -1, layout_q: str = "
        "'BSND', layout_k: str = 'BSND', mask_mode: int = 0, cmp_ratio: int = 1, return_value: int = 0) -> "
        "sparse_indices, sparse_values"
    ),
    operator(
        "mixed_quant_sparse_flash_mla(q, ori_kv?, cmp_kv?, ori_sparse_indices?, cmp_sparse_indices?, "
        "ori_block_table?, cmp_block_table?, cu_seqlens_q?, cu_seqlens_ori_kv?, cu_seqlens_cmp_kv?, seqused_q?, "
        "seqused_ori_kv?, seqused_cmp_kv?, cmp_residual_kv?, ori_topk_length?, cmp_topk_length?, sinks?, metadata?; "
        "quant_mode: int = None, rope_head_dim: int = None, softmax_scale: float = None, cmp_ratio: int = None, "
        "ori_mask_mode: int = 0, cmp_mask_mode: int = 0, ori_win_left: int = -1, ori_win_right: int = -1, layout_q: "
        "str = 'BSND', layout_kv: str = 'BSND', topk_value_mode: int = 1, return_softmax_lse: bool = False) -> "
        "attn_out, softmax_lse"
    ),
    operator(
        "nsa_compress(input, weight, act_seq_len_optional?; layout_optional: str = 'TND', compress_block_size: int = "
        "None, compress_stride: int = None, act_seq_len_type: int = None) -> output"
    ),
    operator(
        "nsa_compress_attention(query, key, value, atten_mask?, topk_mask?; actual_seq_qlen: ints = None, "
        "actual_cmp_seq_kvlen: ints = None, actual_sel_seq_kvlen: ints = None, scale_value: float = 1.0, head_num: "
        "int = None, input_layout: str = None, sparse_mode: int = 0, compress_block_size: int = None, "
        "compress_stride: int = None, select_block_size: int = None, select_block_count: int = None) -> softmax_max, "
        "softmax_sum, attention_out, topk_indices_out"
    ),
    operator(
        "nsa_compress_attention_infer(query, key, value, attention_mask_optional?, block_table_optional?, "
        "actual_q_seq_len_optional?, actual_cmp_kv_seq_len_optional?, actual_sel_kv_seq_len_optional?, "
        "topk_mask_optional?; num_heads: int = 1, num_key_value_heads: int = 0, select_block_size: int = 0, "
        "select_block_count: int = 0, compress_block_size: int = 0, compress_stride: int = 0, scale_value: float = "
        "1.0, layout_optional: str = None, page_block_size: int = 0, sparse_mode: int = 0) -> output, "
        "topk_indices_out"
    ),
    operator(
        "nsa_compress_grad(output_grad, input, weight, act_seq_len_optional?; compress_block_size: int = None, "
        "compress_stride: int = None, act_seq_len_type: int = None, layout_optional: str = 'TND') -> input_grad, "
        "weight_grad"
    ),
    operator(
        "nsa_compress_with_cache(input, weight, slot_mapping, output_cache, act_seq_len?, block_table?; layout: str ="
        " 'TND', compress_block_size: int = None, compress_stride: int = None, act_seq_len_type: int = None, "
        "page_block_size: int = None) -> output_cache_out"
    ),
    operator(
        "nsa_selected_attention(query, key, value, topk_indices, atten_mask?; actual_seq_qlen: ints = None, "
        "actual_seq_kvlen: ints = None, scale_value: float = 1.0, head_num: int = None, sparse_mode: int = 0, "
        "input_layout: str = None, selected_block_size: int = None, selected_block_count: int = None) -> softmax_max,"
        " softmax_sum, attention_out"
    ),
    operator(
        "nsa_selected_attention_grad(query, key, value, attention_out, attention_out_grad, softmax_max, softmax_sum, "
        "topk_indices, actual_seq_q_len?, actual_seq_kv_llen?, atten_msk?; scale_value: float = None, "
        "selected_block_count: int = None, selected_block_size: int = None, head_num: int = None, input_layout: str ="
        " None, sparse_mode: int = 0) -> dq, dk, dv"
    ),
    operator(
        "nsa_selected_attention_infer(query, key, value, topk_indices, atten_mask?, block_table?, "
        "actual_q_seq_lengths?, actual_kv_seq_lengths?; input_layout: str = None, num_heads: int = None, "
        "num_key_value_heads: int = None, selected_block_size: int = None, selected_block_count: int = None, "
        "block_size: int = None, scale_value: float = None, sparse_mode: int = None) -> attention_out"
    ),
    operator(
        "quant_lightning_indexer_v2(q, k, w, q_descale, k_descale, cu_seqlens_q?, cu_seqlens_k?, seqused_q?, "
        "seqused_k?, cmp_residual_k?, block_table?, output_idx_offset?, metadata?; topk: int = None, quant_mode: int "
        "= None, max_seqlen_q: int = -1, layout_q: str = 'BSND', layout_k: str = 'BSND', mask_mode: int = 0, "
        "cmp_ratio: int = 1, return_value: int = 0) -> sparse_indices, sparse_values"
    ),
    operator(
        "sparse_flash_attention_grad(query, key, sparse_indices, d_out, out, softmax_max, softmax_sum, value?, "
        "actual_seq_lengths_query?, actual_seq_lengths_kv?, query_rope?, key_rope?; scale_value: float = None, "
        "sparse_block_size: int = 1, layout: str = 'BSND', sparse_mode: int = 3, pre_tokens: int = 2147483647, "
        "next_tokens: int = 2147483647, deterministic: bool = False) -> d_query, d_key, d_value, d_query_rope, "
        "d_key_rope"
    ),
    operator(
        "sparse_flash_mla(q, ori_kv?, cmp_kv?, ori_sparse_indices?, cmp_sparse_indices?, ori_block_table?, "
        "cmp_block_table?, cu_seqlens_q?, cu_seqlens_ori_kv?, cu_seqlens_cmp_kv?, seqused_q?, seqused_ori_kv?, "
        "seqused_cmp_kv?, cmp_residual_kv?, ori_topk_length?, cmp_topk_length?, sinks?, metadata?; softmax_scale: "
        "float = 1.0, cmp_ratio: int = 1, ori_mask_mode: int = 0, cmp_mask_mode: int = 0, ori_win_left: int = -1, "
        "ori_win_right: int = -1, layout_q: str = 'BSND', layout_kv: str = 'BSND', topk_value_mode: int = 1, "
        "return_softmax_lse: bool = False) -> attn_out, softmax_lse"
    ),
    operator(
        "sparse_flash_mla_grad(query, d_out, out, lse, ori_kv?, cmp_kv?, ori_sparse_indices?, cmp_sparse_indices?, "
        "cu_seqlens_q?, cu_seqlens_ori_kv?, cu_seqlens_cmp_kv?, seqused_q?, seqused_ori_kv?, seqused_cmp_kv?, "
        "cmp_residual_kv?, ori_topk_length?, cmp_topk_length?, sinks?, metadata?; scale_value: float = 1.0, "
        "cmp_ratio: int = 1, ori_mask_mode: int = 0, cmp_mask_mode: int = 0, ori_win_left: int = -1, ori_win_right: "
        "int = -1, layout_q: str = 'BSND', layout_kv: str = 'BSND') -> d_query, d_ori_kv, d_cmp_kv, d_sinks, "
        "ori_softmax_l1_norm, cmp_softmax_l1_norm"
    ),
    operator(
        "sparse_lightning_indexer_grad_kl_loss(query, key, query_index, key_index, weight, sparse_indices, "
        "softmax_max, softmax_sum, query_rope?, key_rope?, actual_seq_lengths_query?, actual_seq_lengths_key?; "
        "scale_value: float = None, layout: str = 'BSND', sparse_mode: int = 3, pre_tokens: int = 2147483647, "
        "next_tokens: int = 2147483647, deterministic: bool = False) -> d_query_index, d_key_index, d_weight, loss"
    ),
    operator(
        "sparse_lightning_indexer_kl_loss_grad(q, k, w, sparse_indices, attn_softmax_l1_norm, cu_seqlens_q?, "
        "cu_seqlens_k?, seqused_q?, seqused_k?, cmp_residual_k?, metadata?; layout_q: str = 'TND', layout_k: str = "
        "'TND', mask_mode: int = 3, cmp_ratio: int = 1) -> dq, dk, dw, softmax_out"
    ),
    operator(
        "compressor_metadata(rope_cos, rope_sin, cu_seqlens, start_pos, kv_block_table; kv_block_size: int = None, "
        "slot_mapping_format: int = None, cmp_ratio: int = None, actual_num_reqs: int = None) -> compress_cos, "
        "compress_sin, slot_mapping"
    ),
    operator(
        "indexer_compress_epilog_v2(indexer_compress_cache, x, slot_mapping; layout: int = 2, block_stride: int = 0) "
        "-> indexer_compress_cache_out"
    ),
    operator(
        "k2q_csr_hist(q2k, scratch; total_rows: int = -1, max_kv: int = -1, use_simt: int = 0, batch: int = None) -> "
        "scratch_out"
    ),
    operator(
        "k2q_csr_meta(cu_seqlens, cu_block_lens, scratch; order_method: int = 0, total_rows: int = -1, max_kv: int = "
        "-1, num_heads: int = None, num_tokens: int = None, topk: int = None) -> scratch_out"
    ),
    operator(
        "k2q_csr_row_prefix(scratch; total_rows: int = -1, max_kv: int = -1, use_simt: int = 0, num_heads: int = "
        "None, num_tokens: int = None, topk: int = None, batch: int = None) -> row_ptr"
    ),
    operator(
        "k2q_csr_scatter(q2k, cu_seqlens, scratch; total_rows: int = -1, max_kv: int = -1, use_simt: int = 0, "
        "q_global_offset: int = 0) -> q_ind, slot"
    ),
    operator(
        "k2q_csr_tile_prefix(scratch, row_ptr; total_rows: int = -1, max_kv: int = -1, use_simt: int = 0, num_heads: "
        "int = None, num_tokens: int = None, topk: int = None, batch: int = None) -> scratch_out"
    ),
    operator(
        "kv_quant_sparse_attn_sharedkv(q, ori_kv?, cmp_kv?, ori_sparse_indices?, cmp_sparse_indices?, "
        "ori_block_table?, cmp_block_table?, cu_seqlens_q?, cu_seqlens_ori_kv?, cu_seqlens_cmp_kv?, seqused_q?, "
        "seqused_kv?, sinks?, metadata?; kv_quant_mode: int = None, tile_size: int = 64, rope_head_dim: int = 64, "
        "softmax_scale: float = 0.0, cmp_ratio: int = 0, ori_mask_mode: int = 4, cmp_mask_mode: int = 3, "
        "ori_win_left: int = 127, ori_win_right: int = 0, layout_q: str = 'BSND', layout_kv: str = 'PA_ND', "
        "ori_kv_stride0: int = 0, cmp_kv_stride0: int = 0, return_softmax_lse: bool = False) -> attn_out, softmax_lse"
    ),
    operator(
        "lightning_indexer_quant(query, key, weights, query_dequant_scale, key_dequant_scale, "
        "actual_seq_lengths_query?, actual_seq_lengths_key?, block_table?; query_quant_mode: int = 0, key_quant_mode:"
        " int = 0, layout_query: str = 'BSND', layout_key: str = 'PA_BSND', sparse_count: int = 2048, sparse_mode: "
        "int = 3) -> sparse_indices"
    ),
    operator(
        "lightning_indexer_vllm(query, key, weights, actual_seq_lengths_query?, actual_seq_lengths_key?, "
        "block_table?; layout_query: str = 'BSND', layout_key: str = 'PA_BSND', sparse_count: int = 2048, "
        "sparse_mode: int = 3) -> sparse_indices"
    ),
    operator(
        "sparse_attention_score(query, key, value, select_idx, block_table, select_num_idx?, actual_seq_lengths?, "
        "actual_seq_lengths_kv?, q_dequant_scale?, k_dequant_scale?, v_dequant_scale?; num_key_value_heads: int = 1, "
        "scale_value: float = 0.0, block_size: int = 128, top_k: int = 16, inner_precise: int = 4) -> attention_out, "
        "softmax_lse"
    ),
    operator(
        "sparse_attn_sharedkv(q, ori_kv?, cmp_kv?, ori_sparse_indices?, cmp_sparse_indices?, ori_block_table?, "
        "cmp_block_table?, cu_seqlens_q?, cu_seqlens_ori_kv?, cu_seqlens_cmp_kv?, seqused_q?, seqused_kv?, sinks?, "
        "metadata?; softmax_scale: float = 0.0, cmp_ratio: int = 0, ori_mask_mode: int = 4, cmp_mask_mode: int = 3, "
        "ori_kv_stride: int = None, cmp_kv_stride: int = None, ori_win_left: int = 127, ori_win_right: int = 0, "
        "layout_q: str = 'BSND', layout_kv: str = 'PA_ND', return_softmax_lse: bool = False) -> attn_out, softmax_lse"
    ),
    operator(
        "vllm_quant_lightning_indexer(query, key, weights, query_dequant_scale, key_dequant_scale, "
        "actual_seq_lengths_query?, actual_seq_lengths_key?, block_table?, metadata?; query_quant_mode: int = 0, "
        "key_quant_mode: int = 0, layout_query: str = 'BSND', layout_key: str = 'BSND', sparse_count: int = 2048, "
        "sparse_mode: int = 3, pre_tokens: int = 9223372036854775807, next_tokens: int = 9223372036854775807, "
        "cmp_ratio: int = 1, return_values: bool = False, stride: int = 1, scale_stride: int = 1) -> sparse_indices, "
        "sparse_values"
    ),
)

_LATENT_ATTENTION_MLA = (
    operator(
        "mla_preprocess(input, gamma_0, beta_0, quant_scale_0, quant_offset_0, wdqkv, descale_0, bias_0, gamma_1, "
        "beta_1, quant_scale_1, quant_offset_1, wuq, descale_1, bias_1, gamma_2, cos, sin, wuk, kv_cache, "
        "kv_cache_rope, slot_mapping, ctkv_scale, q_nope_scale; wdq_dim: int = None, q_rope_dim: int = None, "
        "k_rope_dim: int = None, epsilon: float = 1e-05, q_rotary_coeff: int = None, k_rotary_coeff: int = None, "
        "transepose_wdq: bool = True, transepose_wuq: bool = True, transepose_wuk: bool = True, cache_mode: int = 0, "
        "quant_mode: int = 0, do_rms_norm: bool = True, wdkv_split_count: int = 1) -> q_out, kv_cache_out, "
        "q_rope_out, kr_cache_out"
    ),
    operator(
        "mla_prolog_v2(token_x, weight_dq, weight_uq_qr, weight_uk, weight_dkv_kr, rmsnorm_gamma_cq, "
        "rmsnorm_gamma_ckv, rope_sin, rope_cos, cache_index, kv_cache, kr_cache, dequant_scale_x?, "
        "dequant_scale_w_dq?, dequant_scale_w_uq_qr?, dequant_scale_w_dkv_kr?, quant_scale_ckv?, quant_scale_ckr?, "
        "smooth_scales_cq?; rmsnorm_epsilon_cq: float = 1e-05, rmsnorm_epsilon_ckv: float = 1e-05, cache_mode: str = "
        "'BNSD') -> query, query_rope, kv_cache_out, kr_cache_out, dequant_scale_q_nope"
    ),
    operator(
        "mla_prolog_v3(token_x, weight_dq, weight_uq_qr, weight_uk, weight_dkv_kr, rmsnorm_gamma_cq, "
        "rmsnorm_gamma_ckv, rope_sin, rope_cos, kv_cache, kr_cache, cache_index?, dequant_scale_x?, "
        "dequant_scale_w_dq?, dequant_scale_w_uq_qr?, dequant_scale_w_dkv_kr?, quant_scale_ckv?, quant_scale_ckr?, "
        "smooth_scales_cq?, actual_seq_len?, k_nope_clip_alpha?; rmsnorm_epsilon_cq: float = 1e-05, "
        "rmsnorm_epsilon_ckv: float = 1e-05, cache_mode: str = 'PA_BSND', query_norm_flag: bool = False, "
        "weight_quant_mode: int = 0, kv_cache_quant_mode: int = 0, query_quant_mode: int = 0, ckvkr_repo_mode: int = "
        "0, quant_scale_repo_mode: int = 0, tile_size: int = 128, qc_qr_scale: float = 1.0, kc_scale: float = 1.0) ->"
        " query, query_rope, kv_cache_out, kr_cache_out, dequant_scale_q_nope, query_norm, dequant_scale_q_norm"
    ),
    operator(
        "mla_prolog(token_x, weight_dq, weight_uq_qr, weight_uk, weight_dkv_kr, rmsnorm_gamma_cq, rmsnorm_gamma_ckv, "
        "rope_sin, rope_cos, cache_index, kv_cache, kr_cache, dequant_scale_x?, dequant_scale_w_dq?, "
        "dequant_scale_w_uq_qr?, dequant_scale_w_dkv_kr?, quant_scale_ckv?, quant_scale_ckr?, smooth_scales_cq?; "
        "rmsnorm_epsilon_cq: float = 1e-05, rmsnorm_epsilon_ckv: float = 1e-05, cache_mode: str = 'BNSD') -> query, "
        "query_rope, kv_cache_out, kr_cache_out"
    ),
    operator(
        "mla_preprocess_v2(input, gamma_0, beta_0, quant_scale_0, quant_offset_0, wdqkv, descale_0, bias_0, gamma_1, "
        "beta_1, quant_scale_1, quant_offset_1, wuq, descale_1, bias_1, gamma_2, cos, sin, wuk, kv_cache, "
        "kv_cache_rope, slot_mapping, ctkv_scale, q_nope_scale; wdq_dim: int = None, q_rope_dim: int = None, "
        "k_rope_dim: int = None, epsilon: float = 1e-05, q_rotary_coeff: int = None, k_rotary_coeff: int = None, "
        "transepose_wdq: bool = True, transepose_wuq: bool = True, transepose_wuk: bool = True, cache_mode: int = 0, "
        "quant_mode: int = 0, do_rms_norm: bool = True, wdkv_split_count: int = 1, q_down_out_flag: bool = True) -> "
        "q_out, kv_cache_out, q_rope_out, kr_cache_out, q_down_out"
    ),
)

_KEY_AND_VALUE_CACHES = (
    operator(
        "gather_pa_kv_cache(key_cache, value_cache, block_tables, seq_lens, key, value, seq_offset?; cache_mode: str "
        "= 'Norm', is_seq_lens_cumsum: bool = True) -> key_out, value_out"
    ),
    operator(
        "scatter_pa_kv_cache(key, key_cache, slot_mapping, value, value_cache, compress_lens?, compress_seq_offset?, "
        "seq_lens?; cache_mode: str = 'Norm', scatter_mode: str = 'None', strides: ints = None, offsets: ints = None)"
        " -> key_cache_out, value_cache_out"
    ),
    operator(
        "scatter_pa_cache(key, key_cache, slot_mapping, compress_lens?, compress_seq_offset?, seq_lens?; cache_mode: "
        "str = 'Norm') -> key_cache_out"
    ),
    operator(
        "scatter_pa_kv_cache_with_k_scale(key, value, key_cache, value_cache, slot_mapping, key_scale, "
        "key_scale_cache; cache_layout: str = 'BNBD') -> key_cache_out, value_cache_out, key_scale_cache_out"
    ),
    operator(
        "transpose_kv_cache_by_block(k_cache*, v_cache*, block_i_ds; block_size: int = None, head_num: int = None, "
        "head_dim: int = None, split_num: int = None, layer_num: int = None) -> out"
    ),
    operator(
        "kv_compress_epilog(cache, x, slot_mapping; quant_group_size: int = 64, quant_mode: int = 1, round_scale: "
        "bool = True, x_scale: float = 1.0) -> cache_out"
    ),
    operator(
        "kv_compress_epilog_vllm(kv_compress_cache, x, slot_mapping; quant_group_size: int = 128, quant_mode: int = "
        "1, round_scale: int = 1, layout: int = 1, block_stride: int = 0) -> kv_compress_cache_out"
    ),
    operator(
        "store_kv_block(key_in, key_cache_in, group_len, group_key_idx, group_key_cache_idx; block_size: int = None) "
        "-> out"
    ),
)

_LINEAR_ATTENTION_AND_CONVOLUTIONS = (
    operator(
        "chunk_gated_delta_rule(query, key, value, beta, initial_state, actual_seq_lengths, g?; scale_value: float = "
        "1.0) -> out, final_state"
    ),
    operator(
        "fused_causal_conv1d(x, weight, conv_states, query_start_loc?, cache_indices?, initial_state_mode?, bias?, "
        "num_accepted_tokens?, num_computed_tokens?, block_idx_first_scheduled_token?, "
        "block_idx_last_scheduled_token?, initial_state_idx?; activation_mode: int = None, pad_slot_id: int = -1, "
        "run_mode: int = 0, max_query_len: int = -1, residual_connection: int = 0, block_size: int = 128, conv_mode: "
        "int = None) -> conv_states_out, y"
    ),
    operator(
        "recurrent_gated_delta_rule(query, key, value, beta, state, actual_seq_lengths, ssm_state_indices, g?, gk?, "
        "num_accepted_tokens?; scale_value: float = 1.0) -> out, state_out"
    ),
    operator(
        "causal_conv1d_fn(x, weight, conv_states, bias?, query_start_loc?, cache_indices?, initial_state_mode?, "
        "num_accepted_tokens?; activation_mode: str = 'silu', null_block_id: int = 0) -> conv_states_out, y"
    ),
    operator(
        "inplace_fused_causal_conv1d(x, weight, conv_states, query_start_loc?, cache_indices?, initial_state_mode?, "
        "bias?, num_accepted_tokens?, num_computed_tokens?, block_idx_first_scheduled_token?, "
        "block_idx_last_scheduled_token?, initial_state_idx?; activation_mode: int = None, pad_slot_id: int = -1, "
        "run_mode: int = 0, max_query_len: int = -1, residual_connection: int = 0, block_size: int = 128, conv_mode: "
        "int = None) -> conv_states_out, x_out"
    ),
    operator(
        "recurrent_gated_delta_rule_v310(query, key, value, beta, state, actual_seq_lengths, ssm_state_indices, g?, "
        "gk?, num_accepted_tokens?; scale_value: float = 1.0) -> out, state_out"
    ),
    operator(
        "causal_conv1d(x, weight, bias?, conv_states, query_start_loc?, cache_indices?, initial_state_mode?, "
        "num_accepted_tokens?; activation_mode: int = 0, pad_slot_id: int = -1, run_mode: int = 0) -> y"
    ),
    operator(
        "causal_conv1d_v310(x, weight, bias?, conv_states, query_start_loc?, cache_indices?, initial_state_mode?, "
        "num_accepted_tokens?; activation_mode: int = 0, pad_slot_id: int = -1, run_mode: int = 0) -> y"
    ),
    operator(
        "chunk_gated_delta_rule_fwd_h(k, w, u, g, inital_state?; cu_seqlens: ints = None, chunk_indices: ints = None,"
        " output_final_state: bool = False, chunk_size: int = None, inital_state_stride0: int = None) -> h, v_new, "
        "final_state"
    ),
    operator("masked_causal_conv1d(x, weight, mask?) -> y"),
    operator("masked_causal_conv1d_backward(grad_y, x, weight, mask?) -> grad_x, grad_weight"),
    operator(
        "chunk_fwd_o(q, k, v, h, g, chunk_offsets?; cu_seqlens: ints = None, scale: float = None, chunk_size: int = "
        "None) -> o"
    ),
)

_ROTARY_POSITIONS = (
    operator(
        "apply_rotary_pos_emb(query, key, cos, sin; layout: int = 1, rotary_mode: str = 'half') -> query_out, key_out"
    ),
    operator("inplace_partial_rotary_mul(x, cos, sin; rotary_mode: int = 0, partial_slice: ints = None) -> x_out"),
    operator("interleave_rope(x, cos, sin) -> y"),
    operator(
        "kv_rms_norm_rope_cache(kv, gamma, cos, sin, index, k_cache, ckv_cache, k_rope_scale?, c_kv_scale?, "
        "k_rope_offset?, c_kv_offset?, v?; epsilon: float = 1e-05, cache_mode: str = 'Norm', is_output_kv: bool = "
        "False) -> k_cache_out, ckv_cache_out, k_rope, c_kv"
    ),
    operator(
        "rope_with_sin_cos_cache(positions, query_in, key_in, cos_sin_cache; num_q_heads: int = None, num_k_heads: "
        "int = None, head_size: int = None, mrope_section: ints = None, q_stride: int = 0, k_stride: int = 0, "
        "is_neox_style: bool = True, cache_mode: int = 0) -> query_out, key_out"
    ),
    operator(
        "dequant_rope_quant_kvcache(x, cos, sin, k_cache, v_cache, indices, scale_k, scale_v, offset_k?, offset_v?, "
        "weight_scale?, activation_scale?, bias?; size_splits: ints = None, quant_mode: str = 'static', layout: str ="
        " 'BSND', kv_output: bool = False, cache_mode: str = 'contiguous') -> q, k, v, k_cache_out, v_cache_out"
    ),
    operator(
        "norm_rope_concat(query, key, value, encoder_query?, encoder_key?, encoder_value?, norm_query_weight?, "
        "norm_query_bias?, norm_key_weight?, norm_key_bias?, norm_added_query_weight?, norm_added_query_bias?, "
        "norm_added_key_weight?, norm_added_key_bias?, rope_sin?, rope_cos?; norm_type: int = 0, norm_added_type: int"
        " = 0, rope_type: int = 0, concat_order: int = 0, eps: float = 1e-05, is_training: bool = False) -> "
        "query_output, key_output, value_output, norm_query_mean, norm_query_rstd, norm_key_mean, norm_key_rstd, "
        "norm_added_query_mean, norm_added_query_rstd, norm_added_key_mean, norm_added_key_rstd"
    ),
    operator(
        "qkv_rms_norm_rope_cache(qkv, q_gamma, k_gamma, cos, sin, index, q_out, k_cache, v_cache, k_scale?, v_scale?,"
        " k_offset?, v_offset?; qkv_size: ints = None, head_nums: ints = None, epsilon: float = 1e-06, cache_mode: "
        "str = 'PA_NZ', is_output_qkv: bool = False) -> q_out_out, k_cache_out, v_cache_out, q_out_before_quant, "
        "k_out_before_quant, v_out_before_quant"
    ),
    operator(
        "rope_quant_kvcache(qkv, cos, sin, quant_scale, quant_offset, k_cache, v_cache, indice; size_splits: ints = "
        "None, layout: str = 'BSND', kv_output: bool = False) -> q, k, v, k_cache_out, v_cache_out"
    ),
    operator(
        "norm_rope_concat_grad(grad_query_output, grad_key_output, grad_value_output, query, key, encoder_query?, "
        "encoder_key?, norm_query_weight?, norm_query_mean?, norm_query_rstd?, norm_key_weight?, norm_key_mean?, "
        "norm_key_rstd?, norm_added_query_weight?, norm_added_query_mean?, norm_added_query_rstd?, "
        "norm_added_key_weight?, norm_added_key_mean?, norm_added_key_rstd?, rope_sin?, rope_cos?; norm_type: int = "
        "0, norm_added_type: int = 0, rope_type: int = 0, concat_order: int = 0) -> grad_query, grad_key, grad_value,"
        " grad_encoder_query, grad_encoder_key, grad_encoder_value, grad_norm_query_weight, grad_norm_query_bias, "
        "grad_norm_key_weight, grad_norm_key_bias, grad_norm_added_query_weight, grad_norm_added_query_bias, "
        "grad_norm_added_key_weight, grad_norm_added_key_bias"
    ),
    operator("rotary_position_embedding_grad(dy, cos, sin, x?; mode: int = 0) -> dx, dcos, dsin"),
)

_NORMALISATION = (
    operator("add_rms_norm(x1, x2, gamma; epsilon: float = 1e-06) -> y, rstd, x"),
    operator(
        "add_rms_norm_quant(x1, x2, gamma, scales1, scales2?, zero_points1?, zero_points2?, beta?; axis: int = -1, "
        "epsilon: float = 1e-06, div_mode: bool = True, dst_type: int = None) -> y1, y2, x"
    ),
    operator(
        "add_rms_norm_dynamic_quant(x1, x2, gamma, smooth_scale1?, smooth_scale2?, beta?; epsilon: float = 1e-06, "
        "output_mask: str = None, dst_type: int = None) -> y1, y2, x, scale1, scale2"
    ),
    operator("gemma_rms_norm(x, gamma; epsilon: float = 1e-06) -> y, rstd"),
    operator("add_rms_norm_cast(x1, x2, gamma; epsilon: float = 1e-06) -> y1, y2, rstd, x"),
    operator(
        "rms_norm_quant(x, gamma, beta?, scale, offset; epsilon: float = 1e-06, high_precision_mode: bool = False, "
        "gemma_mode: bool = False, dst_type: int = None) -> y"
    ),
    operator("inplace_add_rms_norm(x1, x2, gamma; epsilon: float = 1e-06) -> x1_out, rstd, x2_out"),
    operator(
        "rms_norm_quant_v2(x, gamma, scales1, scales2?, zero_points1?, zero_points2?, beta?; epsilon: float = 1e-06, "
        "div_mode: bool = True, dst_type: int = None) -> y1, y2"
    ),
    operator(
        "add_rms_norm_quant_v2(x1, x2, gamma, scales1, scales2?, zero_points1?, zero_points2?, bias?; axis: int = -1,"
        " epsilon: float = 1e-06, div_mode: bool = True, dst_type: int = None, output_res: bool = False) -> y1, y2, "
        "x, res_out"
    ),
    operator(
        "rms_norm_dynamic_mx_quant(x, gamma, beta?; epsilon: float = 1e-06, scale_alg: int = 0, round_mode: str = "
        "'rint', dst_type: int = None, output_rstd: bool = False) -> y, mxscale, rstd"
    ),
    operator(
        "add_rms_norm_dynamic_mx_quant(x1, x2, gamma, beta?; epsilon: float = 1e-06, scale_alg: int = 0, round_mode: "
        "str = 'rint', dst_type: int = 40, output_rstd: bool = False) -> y, x, mxscale, rstd"
    ),
    operator(
        "rms_norm_dynamic_quant(x, gamma, smooth_scales?, beta?; epsilon: float = 1e-06, dst_type: int = None) -> y, "
        "scale"
    ),
    operator(
        "rms_norm_dynamic_quant_vllm(x, gamma, smooth_scale1?, smooth_scale2?, beta?; epsilon: float = 1e-06, "
        "output_mask: str = None, dst_type: int = None) -> y1, y2, scale1, scale2"
    ),
    operator("add_rms_norm_bias(x1, x2, gamma, beta?; epsilon: float = 1e-06) -> y, rstd, x"),
    operator(
        "layer_norm_quant(x, gamma, beta, scale, offset?; epsilon: float = 1e-05, quant_mode: int = 0) -> result, "
        "scale_out"
    ),
    operator(
        "dua_quantize_add_layer_norm(x1, x2, gamma, beta, bias, scales1, scales2, zero_points1?, zero_points2?; "
        "dtype: int = None, axis: int = -1, epsilon: float = 1e-05, additional_output: bool = False) -> y1, y2, x"
    ),
    operator(
        "add_layer_norm_quant(x1, x2, gamma, beta, bias?, scales1?, scales2?, zero_points1?, zero_points2?; "
        "quant_mode: str = 'dynamic', epsilon: float = 1e-05, additional_output: bool = False, div_mode: bool = True)"
        " -> y1, y2, x, out_scales1, out_scales2"
    ),
)

_FUSED_WITH_COLLECTIVE_COMMUNICATION = (
    operator(
        "all_gather_matmul(x1, x2, bias?; group: str = None, is_trans_a: bool = False, is_trans_b: bool = False, "
        "gather_index: int = 0, comm_turn: int = 0, rank_size: int = 0, is_gather_out: bool = True) -> y, gather_out"
    ),
    operator(
        "matmul_reduce_scatter(x1, x2, bias?; group: str = None, reduce_op: str = 'sum', is_trans_a: bool = False, "
        "is_trans_b: bool = False, comm_turn: int = 0, rank_size: int = 0) -> y"
    ),
    operator(
        "moe_distribute_combine_v2(expand_x, expert_ids, assist_info_for_combine, ep_send_counts, expert_scales, "
        "tp_send_counts?, x_active_mask?, activation_scale?, weight_scale?, group_list?, expand_scales?, "
        "shared_expert_x?, elastic_info?, ori_x?, const_expert_alpha_1?, const_expert_alpha_2?, const_expert_v?, "
        "performance_info?; group_ep: str = None, ep_world_size: int = None, ep_rank_id: int = None, moe_expert_num: "
        "int = None, group_tp: str = '', tp_world_size: int = 0, tp_rank_id: int = 0, expert_shard_type: int = 0, "
        "shared_expert_num: int = 1, shared_expert_rank_num: int = 0, global_bs: int = 0, out_dtype: int = 0, "
        "comm_quant_mode: int = 0, group_list_type: int = 0, comm_alg: str = '', zero_expert_num: int = 0, "
        "copy_expert_num: int = 0, const_expert_num: int = 0) -> x"
    ),
    operator(
        "moe_distribute_dispatch_v2(x, expert_ids, scales?, x_active_mask?, expert_scales?, elastic_info?, "
        "performance_info?; group_ep: str = None, ep_world_size: int = None, ep_rank_id: int = None, moe_expert_num: "
        "int = None, group_tp: str = '', tp_world_size: int = 0, tp_rank_id: int = 0, expert_shard_type: int = 0, "
        "shared_expert_num: int = 1, shared_expert_rank_num: int = 0, quant_mode: int = 0, global_bs: int = 0, "
        "expert_token_nums_type: int = 1, comm_alg: str = '', zero_expert_num: int = 0, copy_expert_num: int = 0, "
        "const_expert_num: int = 0, y_dtype: int = None) -> expand_x, dynamic_scales, assist_info_for_combine, "
        "expert_token_nums, ep_recv_count, tp_recv_count, expand_scales"
    ),
    operator(
        "all_gather_matmul_v2(x1, x2, bias?, x1_scale?, x2_scale?, quant_scale?; group: str = None, is_trans_a: bool "
        "= False, is_trans_b: bool = False, gather_index: int = 0, comm_turn: int = 0, rank_size: int = 0, "
        "block_size: int = 0, group_size: int = 0, is_gather_out: bool = True, is_amax_out: bool = False, y_dtype: "
        "int = None, comm_mode: str = None) -> y, gather_out, amax_out"
    ),
    operator(
        "matmul_all_reduce_add_rms_norm(x1, x2, bias?, residual, gamma, antiquant_scale?, antiquant_offset?, "
        "dequant_scale?; group: str = None, reduce_op: str = 'sum', is_trans_a: bool = False, is_trans_b: bool = "
        "False, comm_turn: int = 0, antiquant_group_size: int = 0, epsilon: float = 1e-06) -> y, norm_out"
    ),
    operator(
        "matmul_reduce_scatter_v2(x1, x2, bias?, x1_scale?, x2_scale?, quant_scale?; group: str = None, reduce_op: "
        "str = 'sum', is_trans_a: bool = False, is_trans_b: bool = False, comm_turn: int = 0, rank_size: int = 0, "
        "block_size: int = 0, group_size: int = 0, is_amax_out: bool = False, y_dtype: int = None, comm_mode: str = "
        "None) -> y, amax_out"
    ),
    operator(
        "moe_distribute_combine(expand_x, expert_ids, expand_idx, ep_send_counts, expert_scales, tp_send_counts?, "
        "x_active_mask?, activation_scale?, weight_scale?, group_list?, expand_scales?; group_ep: str = None, "
        "ep_world_size: int = None, ep_rank_id: int = None, moe_expert_num: int = None, group_tp: str = '', "
        "tp_world_size: int = 0, tp_rank_id: int = 0, expert_shard_type: int = 0, shared_expert_num: int = 1, "
        "shared_expert_rank_num: int = 0, global_bs: int = 0, out_dtype: int = 0, comm_quant_mode: int = 0, "
        "group_list_type: int = 0) -> x"
    ),
    operator(
        "moe_distribute_combine_add_rms_norm(expand_x, expert_ids, assist_info_for_combine, ep_send_counts, "
        "expert_scales, residual_x, gamma, tp_send_counts?, x_active_mask?, activation_scale?, weight_scale?, "
        "group_list?, expand_scales?, shared_expert_x?, elastic_info?, ori_x?, const_expert_alpha_1?, "
        "const_expert_alpha_2?, const_expert_v?; group_ep: str = None, ep_world_size: int = None, ep_rank_id: int = "
        "None, moe_expert_num: int = None, group_tp: str = '', tp_world_size: int = 0, tp_rank_id: int = 0, "
        "expert_shard_type: int = 0, shared_expert_num: int = 0, shared_expert_rank_num: int = 0, global_bs: int = 0,"
        " out_dtype: int = 0, comm_quant_mode: int = 0, group_list_type: int = 0, comm_alg: str = '', norm_eps: float"
        " = 1e-06, zero_expert_num: int = 0, copy_expert_num: int = 0, const_expert_num: int = 0) -> y, rstd_out, x"
    ),
    operator(
        "moe_distribute_combine_v3(context, expand_x, expert_ids, assist_info_for_combine, ep_send_counts, "
        "expert_scales, tp_send_counts?, x_active_mask?, activation_scale?, weight_scale?, group_list?, "
        "expand_scales?, shared_expert_x?, elastic_info?, ori_x?, const_expert_alpha_1?, const_expert_alpha_2?, "
        "const_expert_v?, performance_info?; ep_world_size: int = None, ep_rank_id: int = None, moe_expert_num: int ="
        " None, ccl_buffer_size: int = None, tp_world_size: int = 0, tp_rank_id: int = 0, expert_shard_type: int = 0,"
        " shared_expert_num: int = 1, shared_expert_rank_num: int = 0, global_bs: int = 0, out_dtype: int = 0, "
        "comm_quant_mode: int = 0, group_list_type: int = 0, comm_alg: str = '', zero_expert_num: int = 0, "
        "copy_expert_num: int = 0, const_expert_num: int = 0) -> x"
    ),
    operator(
        "moe_distribute_dispatch(x, expert_ids, scales?, x_active_mask?, expert_scales?; group_ep: str = None, "
        "ep_world_size: int = None, ep_rank_id: int = None, moe_expert_num: int = None, group_tp: str = '', "
        "tp_world_size: int = 0, tp_rank_id: int = 0, expert_shard_type: int = 0, shared_expert_num: int = 1, "
        "shared_expert_rank_num: int = 0, quant_mode: int = 0, global_bs: int = 0, expert_token_nums_type: int = 1) "
        "-> expand_x, dynamic_scales, expand_idx, expert_token_nums, ep_recv_count, tp_recv_count, expand_scales"
    ),
    operator(
        "moe_distribute_dispatch_v3(context, x, expert_ids, scales?, x_active_mask?, expert_scales?, elastic_info?, "
        "performance_info?; ep_world_size: int = None, ep_rank_id: int = None, moe_expert_num: int = None, "
        "ccl_buffer_size: int = None, tp_world_size: int = 0, tp_rank_id: int = 0, expert_shard_type: int = 0, "
        "shared_expert_num: int = 1, shared_expert_rank_num: int = 0, quant_mode: int = 0, global_bs: int = 0, "
        "expert_token_nums_type: int = 1, comm_alg: str = '', zero_expert_num: int = 0, copy_expert_num: int = 0, "
        "const_expert_num: int = 0, y_dtype: int = None) -> expand_x, dynamic_scales, assist_info_for_combine, "
        "expert_token_nums, ep_recv_count, tp_recv_count, expand_scales"
    ),
    operator(
        "moe_update_expert(expert_ids, eplb_table, expert_scales?, pruning_threshold?, active_mask?; local_rank_id: "
        "int = -1, world_size: int = -1, balance_mode: int = 0) -> balanced_expert_ids, balanced_active_mask"
    ),
    operator(
        "quant_all_reduce(x, scales; group: str = None, reduce_op: str = 'sum', output_dtype: int = None, world_size:"
        " int = None) -> out_put"
    ),
    operator(
        "allto_all_all_gather_batch_matmul(x, weight, bias?; group_ep: str = None, group_tp: str = None, "
        "ep_world_size: int = None, tp_world_size: int = None, x_shard_type: int = 0, act_type: int = 0, "
        "transpose_weight: bool = False, output_y2_flag: bool = False, output_y3_flag: bool = False) -> y1, y2, y3"
    ),
    operator(
        "allto_all_matmul(x1, x2, bias?, x1_scale?, x2_scale?, comm_scale?, x1_offset?, x2_offset?; group: str = "
        "None, world_size: int = None, all2all_axes: ints = None, y_dtype: int = None, x1_quant_mode: int = 0, "
        "x2_quant_mode: int = 0, comm_quant_mode: int = 0, x1_quant_dtype: int = None, comm_quant_dtype: int = None, "
        "transpose_x1: bool = False, transpose_x2: bool = False, group_size: int = 0, comm_mode: str = '', "
        "alltoall_out_flag: bool = True) -> y, all2all_out"
    ),
    operator(
        "allto_allv_grouped_matmul(gmm_x, gmm_weight, send_counts_tensor?, recv_counts_tensor?, mm_x?, mm_weight?; "
        "group: str = None, ep_world_size: int = None, send_counts: ints = None, recv_counts: ints = None, "
        "trans_gmm_weight: bool = False, trans_mm_weight: bool = False, permute_out_flag: bool = False, comm_mode: "
        "str = '') -> gmm_y, mm_y, permute_out"
    ),
    operator(
        "allto_allv_quant_grouped_matmul(gmm_x, gmm_weight, gmm_x_scale, gmm_weight_scale, send_counts_tensor?, "
        "recv_counts_tensor?, mm_x?, mm_weight?, mm_x_scale?, mm_weight_scale?; group: str = None, ep_world_size: int"
        " = None, send_counts: ints = None, recv_counts: ints = None, gmm_x_quant_mode: int = None, "
        "gmm_weight_quant_mode: int = None, trans_gmm_weight: bool = False, trans_mm_weight: bool = False, "
        "permute_out_flag: bool = False, mm_x_quant_mode: int = None, mm_weight_quant_mode: int = None, group_size: "
        "int = None, y_dtype: int = None, mm_dtype: int = None, comm_mode: str = '') -> gmm_y, mm_y, permute_out"
    ),
    operator(
        "attention_to_ffn(x, session_id, micro_batch_id, layer_id, expert_ids, expert_rank_table, scales?, "
        "active_mask?; group: str = None, world_size: int = None, ffn_token_info_table_shape: ints = None, "
        "ffn_token_data_shape: ints = None, attn_token_info_table_shape: ints = None, moe_expert_num: int = None, "
        "quant_mode: int = None, sync_flag: int = None, ffn_start_rank_id: int = None) -> out"
    ),
    operator(
        "batch_matmul_reduce_scatter_allto_all(x, weight, bias?; group_ep: str = None, group_tp: str = None, "
        "ep_world_size: int = None, tp_world_size: int = None, y_shard_type: int = 0, transpose_weight: bool = False)"
        " -> y"
    ),
    operator(
        "distribute_barrier(x_ref, time_out?, elastic_info?; group: str = None, world_size: int = None) -> x_ref_out"
    ),
    operator(
        "distribute_barrier_extend(context, x_ref, time_out?, elastic_info?; group: str = None, world_size: int = "
        "None) -> x_ref_out"
    ),
    operator(
        "engram_fetch(comm_context, indices; hidden_size: int = None, num_entries_per_rank: int = None) -> fetched"
    ),
    operator("engram_fetch_wait(comm_context, fetched) -> fetched_out"),
    operator(
        "ffn_to_attention(x, session_ids, micro_batch_ids, token_ids, expert_offsets, actual_token_num, "
        "attn_rank_table?; group: str = None, world_size: int = None, token_info_table_shape: ints = None, "
        "token_data_shape: ints = None) -> out"
    ),
    operator(
        "grouped_matmul_all_reduce(x*, weight*, bias*, group_list?; split_item: int = 0, group: str = None, "
        "reduce_op: str = 'sum', comm_turn: int = 0) -> y*"
    ),
    operator(
        "grouped_matmul_allto_allv(gmm_x, gmm_weight, send_counts_tensor?, recv_counts_tensor?, mm_x?, mm_weight?; "
        "group: str = None, ep_world_size: int = None, send_counts: ints = None, recv_counts: ints = None, "
        "trans_gmm_weight: bool = False, trans_mm_weight: bool = False, comm_mode: str = '') -> y, mm_y"
    ),
    operator(
        "inplace_matmul_all_reduce_add_rms_norm(x1, x2, bias?, residual, gamma, antiquant_scale?, antiquant_offset?, "
        "dequant_scale?; group: str = None, reduce_op: str = 'sum', is_trans_a: bool = False, is_trans_b: bool = "
        "False, comm_turn: int = 0, antiquant_group_size: int = 0, epsilon: float = 1e-06) -> residual_out, norm_out"
    ),
    operator(
        "matmul_allto_all(x1, x2, bias?, x1_scale?, x2_scale?, comm_scale?, x1_offset?, x2_offset?; group: str = "
        "None, world_size: int = None, all2all_axes: ints = None, y_dtype: int = None, x1_quant_mode: int = 0, "
        "x2_quant_mode: int = 0, comm_quant_mode: int = 0, comm_quant_dtype: int = None, transpose_x1: bool = False, "
        "transpose_x2: bool = False, group_size: int = 0, comm_mode: str = '') -> y"
    ),
    operator(
        "mega_moe(context, x, topk_ids, topk_weights, weight1*, weight2*, weight_scales1*, weight_scales2*, bias1*, "
        "bias2*, x_active_mask?, scales?; moe_expert_num: int = None, ep_world_size: int = None, ccl_buffer_size: int"
        " = None, max_recv_token_num: int = 0, dispatch_quant_mode: int = 0, dispatch_quant_out_dtype: int = None, "
        "combine_quant_mode: int = 0, comm_alg: str = '', num_max_tokens_per_rank: int = 0, activation: str = "
        "'swiglu', activation_clamp: float = None, activation_out_dtype: int = None, transpose_weight1: bool = False,"
        " transpose_weight2: bool = False, weight1_interleave: int = 0, topo_type: int = 0) -> y, expert_token_nums"
    ),
    operator(
        "moe_distribute_combine_setup(expand_x, expert_ids, assist_info_for_combine; group_ep: str = None, "
        "ep_world_size: int = None, ep_rank_id: int = None, moe_expert_num: int = None, expert_shard_type: int = 0, "
        "shared_expert_num: int = 1, shared_expert_rank_num: int = 0, global_bs: int = 0, comm_quant_mode: int = 0, "
        "comm_type: int = 0, comm_alg: str = '') -> quant_expand_x, comm_cmd_info"
    ),
    operator(
        "moe_distribute_combine_teardown(expand_x, quant_expand_x, expert_ids, expand_idx, expert_scales, "
        "comm_cmd_info, x_active_mask?, shared_expert_x?; group_ep: str = None, ep_world_size: int = None, "
        "ep_rank_id: int = None, moe_expert_num: int = None, expert_shard_type: int = 0, shared_expert_num: int = 1, "
        "shared_expert_rank_num: int = 0, global_bs: int = 0, comm_quant_mode: int = 0, comm_type: int = 0, comm_alg:"
        " str = '') -> x"
    ),
    operator(
        "moe_distribute_dispatch_setup(x, expert_ids, scales?, x_active_mask?; group_ep: str = None, ep_world_size: "
        "int = None, ep_rank_id: int = None, moe_expert_num: int = None, expert_shard_type: int = 0, "
        "shared_expert_num: int = 1, shared_expert_rank_num: int = 0, quant_mode: int = 0, global_bs: int = 0, "
        "comm_type: int = 0, comm_alg: str = '') -> y, expand_idx, comm_cmd_info"
    ),
    operator(
        "moe_distribute_dispatch_teardown(x, y, expert_ids, comm_cmd_info; group_ep: str = None, ep_world_size: int ="
        " None, ep_rank_id: int = None, moe_expert_num: int = None, expert_shard_type: int = 0, shared_expert_num: "
        "int = 1, shared_expert_rank_num: int = 0, quant_mode: int = 0, global_bs: int = 0, expert_token_nums_type: "
        "int = 1, comm_type: int = 0, comm_alg: str = '') -> expand_x, dynamic_scales, assist_info_for_combine, "
        "expert_token_nums"
    ),
    operator(
        "moe_ep_combine(context, x, topk_idx, recv_src_metadata, num_recv_tokens_per_expert, topk_weights_optional?, "
        "bias_optional_0?, bias_optional_1?; ep_world_size: int = None, ep_rank_id: int = None, num_experts: int = "
        "None, num_max_tokens_per_rank: int = None, ccl_buffer_size: int = None) -> combined_x, "
        "combined_topk_weights_optional"
    ),
    operator(
        "moe_ep_dispatch(context, x, topk_idx, topk_weights?, scales?, cached_handle_dst_buffer_slot_idx?; "
        "ep_world_size: int = None, ep_rank_id: int = None, num_experts: int = None, num_max_tokens_per_rank: int = "
        "None, ccl_buffer_size: int = None, expert_alignment: int = 1, do_cpu_sync: bool = True, "
        "host_pinned_counter_addr: int = 0) -> num_recv_tokens_per_rank, num_recv_tokens_per_expert, "
        "dst_buffer_slot_idx"
    ),
    operator(
        "moe_ep_dispatch_epilogue(context, dst_buffer_slot_idx, num_recv_tokens_per_rank, num_recv_tokens_per_expert,"
        " cached_recv_src_metadata?; ep_world_size: int = None, ep_rank_id: int = None, num_experts: int = None, "
        "num_max_tokens_per_rank: int = None, ccl_buffer_size: int = None, expert_alignment: int = 1) -> recv_x, "
        "recv_src_metadata, recv_topk_weights, recv_scales"
    ),
    operator(
        "quant_grouped_matmul_allto_allv(gmm_x, gmm_weight, gmm_x_scale, gmm_weight_scale, send_counts_tensor?, "
        "recv_counts_tensor?, mm_x?, mm_weight?, mm_x_scale?, mm_weight_scale?, comm_quant_scale?; group: str = None,"
        " ep_world_size: int = None, send_counts: ints = None, recv_counts: ints = None, gmm_x_quant_mode: int = "
        "None, gmm_weight_quant_mode: int = None, trans_gmm_weight: bool = False, trans_mm_weight: bool = False, "
        "mm_x_quant_mode: int = 0, mm_weight_quant_mode: int = 0, comm_quant_mode: int = 0, group_size: int = 0, "
        "y_dtype: int = None, mm_dtype: int = None, comm_quant_dtype: int = 0, comm_mode: str = '') -> y, mm_y"
    ),
    operator(
        "quant_reduce_scatter(x, scales; group: str = None, reduce_op: str = 'sum', output_dtype: int = None, "
        "world_size: int = None) -> out_put"
    ),
    operator(
        "dispatch_ffn_combine(a, w1*, w2*, expert_idx, scale1*, scale2*, probs, x_active_mask_optional?; group: str ="
        " None, m: int = None, trans_b: bool = False, weight_nz: bool = False, swiglu_limit: float = 0.0) -> out, "
        "expert_token_nums"
    ),
    operator(
        "dispatch_ffn_combine_bf16(a, w1*, w2*, expert_idx, scale1*, scale2*, probs; group: str = None, m: int = "
        "None, trans_b: bool = False, weight_nz: bool = False) -> out, expert_token_nums"
    ),
    operator(
        "dispatch_ffn_combine_w4_a8(a, w1*, w2*, expert_idx, scale1*, scale2*, bias1*, bias2*, probs, "
        "x_active_mask_optional?; group: str = None, m: int = None, trans_b: bool = False, weight_nz: bool = False, "
        "swiglu_limit: float = 0.0) -> out, expert_token_nums"
    ),
)

_MIXTURE_OF_EXPERTS = (
    operator(
        "moe_finalize_routing_v2(expanded_x, expanded_row_idx, x1?, x2?, bias?, scales?, expert_idx?, x?, a1?, a2?, "
        "v?; drop_pad_mode: int = 0, zero_expert_range: ints = None, copy_expert_range: ints = None, "
        "constant_expert_range: ints = None, k: int = 1) -> y"
    ),
    operator(
        "moe_gating_top_k(x, bias?; k: int = None, k_group: int = 1, group_count: int = 1, group_select_mode: int = "
        "0, renorm: int = 0, norm_type: int = 0, out_flag: bool = False, routed_scaling_factor: float = 1.0, eps: "
        "float = 1e-20) -> y, expert_idx, out"
    ),
    operator("moe_gating_top_k_softmax(x, finished?; k: int = 1) -> y, expert_idx, row_idx"),
    operator(
        "moe_init_routing_v2(x, expert_idx; active_num: int = 0, expert_capacity: int = 0, expert_num: int = 0, "
        "drop_pad_mode: int = 0, expert_tokens_count_or_cumsum_flag: int = 0, expert_tokens_before_capacity_flag: "
        "bool = False) -> expanded_x, expanded_row_idx, expert_tokens_count_or_cumsum, expert_tokens_before_capacity"
    ),
    operator(
        "moe_init_routing_v3(x, expert_idx, scale?, offset?; active_num: int = -1, expert_capacity: int = -1, "
        "expert_num: int = -1, drop_pad_mode: int = 0, expert_tokens_num_type: int = 0, expert_tokens_num_flag: bool "
        "= False, quant_mode: int = -1, active_expert_range: ints = None, row_idx_type: int = 0) -> expanded_x, "
        "expanded_row_idx, expert_tokens_count_or_cumsum, expanded_scale"
    ),
    operator(
        "moe_token_permute(tokens, indices; num_out_tokens: int = 0, padded_mode: bool = False) -> permute_tokens, "
        "sorted_indices"
    ),
    operator(
        "moe_token_unpermute(permuted_tokens, sorted_indices, probs?; padded_mode: bool = False, restore_shape: ints "
        "= None) -> unpermuted_tokens"
    ),
    operator("moe_compute_expert_tokens(sorted_experts; num_experts: int = None) -> total_rows_before_expert"),
    operator("moe_finalize_routing(expanded_x, x1, x2?, bias, scales, expanded_row_idx, expanded_expert_idx) -> y"),
    operator(
        "moe_finalize_routing_v2_grad(grad_y, expanded_row_idx, expanded_x?, scales?, expert_idx?, bias?; "
        "drop_pad_mode: int = 0, active_num: int = 0, expert_num: int = 0, expert_capacity: int = 0) -> "
        "grad_expanded_x, grad_scales"
    ),
    operator(
        "moe_fused_topk(x, add_num, mapping_num?, mapping_table?; group_num: int = None, group_topk: int = None, "
        "top_n: int = None, top_k: int = None, activate_type: int = None, is_norm: bool = None, scale: float = None, "
        "enable_expert_mapping: bool = None) -> y, indices"
    ),
    operator(
        "moe_gating_top_k_backward(x_norm, grad_y, expert_idx; renorm: int = 0, norm_type: int = 0, "
        "routed_scaling_factor: float = 1.0, eps: float = 1e-20) -> grad_x"
    ),
    operator(
        "moe_gating_top_k_softmax_v2(x, finished?; k: int = 1, renorm: int = 0, output_softmax_result_flag: bool = "
        "False) -> y, expert_idx, softmax_result"
    ),
    operator(
        "moe_init_routing(x, row_idx, expert_idx; active_num: int = None) -> expanded_x, expanded_row_idx, "
        "expanded_expert_idx"
    ),
    operator(
        "moe_init_routing_quant(x, row_idx, expert_idx; active_num: int = None, scale: float = None, offset: float = "
        "None) -> expanded_x, expanded_row_idx, expanded_expert_idx"
    ),
    operator(
        "moe_init_routing_quant_v2(x, expert_idx, scale?, offset?; active_num: int = 0, expert_capacity: int = 0, "
        "expert_num: int = 0, drop_pad_mode: int = 0, expert_tokens_count_or_cumsum_flag: int = 0, "
        "expert_tokens_before_capacity_flag: bool = False, quant_mode: int = 0) -> expanded_x, expanded_row_idx, "
        "expert_tokens_count_or_cumsum, expert_tokens_before_capacity, dynamic_quant_scale"
    ),
    operator(
        "moe_init_routing_v2_grad(grad_expanded_x, expanded_row_idx; top_k: int = None, drop_pad_mode: int = 0, "
        "active_num: int = 0) -> grad_x"
    ),
    operator(
        "moe_re_routing(tokens, expert_token_num_per_rank, per_token_scales?; expert_token_num_type: int = 1, "
        "idx_type: int = 0) -> permute_tokens, permute_per_token_scales, permute_token_idx, expert_token_num"
    ),
    operator(
        "moe_token_permute_grad(permuted_output_grad, sorted_indices; num_topk: int = None, padded_mode: bool = "
        "False) -> input_grad"
    ),
    operator(
        "moe_token_permute_with_ep(tokens, indices, probs?; range: ints = None, num_out_tokens: int = 0, padded_mode:"
        " bool = False) -> permute_tokens, sorted_indices, permute_probs"
    ),
    operator(
        "moe_token_permute_with_ep_grad(permuted_tokens_output_grad, sorted_indices, permuted_probs_output_grad?; "
        "num_topk: int = None, range: ints = None, padded_mode: bool = False) -> token_grad, probs_grad"
    ),
    operator(
        "moe_token_permute_with_routing_map(tokens, routing_map, probs?; num_out_tokens: int = None, drop_and_pad: "
        "bool = False) -> permute_tokens, permute_probs, sorted_indices"
    ),
    operator(
        "moe_token_permute_with_routing_map_grad(permuted_token_output_grad, permuted_probs_output_grad_optional?, "
        "sorted_indices, routing_map_optional?; num_experts: int = None, tokens_num: int = None, padded_mode: bool = "
        "False) -> tokens_grad_out, probs_grad_out_optional"
    ),
    operator(
        "moe_token_unpermute_grad(permuted_tokens?, unpermuted_tokens_grad, sorted_indices, probs?; padded_mode: bool"
        " = False, restore_shape: ints = None) -> permuted_tokens_grad, probs_grad"
    ),
    operator(
        "moe_token_unpermute_with_ep(permuted_tokens, sorted_indices, probs?; num_topk: int = 1, range: ints = None, "
        "padded_mode: bool = False, restore_shape: ints = None) -> unpermuted_tokens"
    ),
    operator(
        "moe_token_unpermute_with_ep_grad(unpermuted_tokens_grad, sorted_indices, permuted_tokens?, probs?; "
        "padded_mode: bool = False, restore_shape: ints = None, range: ints = None, topk_num: int = 1) -> "
        "permuted_tokens_grad, probs_grad"
    ),
    operator(
        "moe_token_unpermute_with_routing_map(permuted_tokens, sorted_indices, routing_map?, probs?; drop_and_pad: "
        "bool = False, restore_shape: ints = None) -> unpermuted_tokens, out_index, permute_token_id, permute_probs"
    ),
    operator(
        "moe_token_unpermute_with_routing_map_grad(unpermuted_tokens_grad, out_index, permute_token_id, routing_map?,"
        " permuted_tokens?, probs?; drop_and_pad: bool = False, restore_shape: ints = None) -> permuted_tokens_grad, "
        "probs_grad"
    ),
    operator(
        "moe_gating_top_k_hash(x, bias?, input_ids?, tid2eid?; k: int = None, k_group: int = 1, group_count: int = 1,"
        " group_select_mode: int = 0, renorm: int = 0, norm_type: int = 0, out_flag: bool = False, "
        "routed_scaling_factor: float = 1.0, eps: float = 1e-20) -> y, expert_idx, out"
    ),
)

_GROUPED_MATRIX_MULTIPLICATION_AND_FEED_FORWARD = (
    operator(
        "grouped_matmul(x*, weight*, bias?*, scale?*, offset?*, antiquant_scale?*, antiquant_offset?*, group_list?, "
        "per_token_scale?; split_item: int = 0, dtype: int = 0, transpose_weight: bool = False, transpose_x: bool = "
        "False, group_type: int = -1, group_list_type: int = 0, act_type: int = 0, tuning_config: ints = None) -> y*"
    ),
    operator(
        "grouped_matmul_swiglu_quant(x, weight, weight_scale, x_scale, weight_assistance_matrix?, group_list; "
        "is_enable_weight_assistance_matrix: bool = True, dequant_mode: int = 0) -> y, y_scale"
    ),
    operator(
        "quant_grouped_matmul_dequant(x, quantized_weight, weight_scale, group_list, bias?, x_scale?, x_offset?, "
        "smooth_scale?; x_quant_mode: str = 'pertoken', transpose_weight: bool = True) -> y"
    ),
    operator(
        "ffn(x, weight1, weight2, bias1?, bias2?, scale?, offset?, deq_scale1?, deq_scale2?, antiquant_scale1?, "
        "antiquant_scale2?, antiquant_offset1?, antiquant_offset2?; expert_tokens: ints = None, activation: str = "
        "None, inner_precise: int = 0, output_dtype: int = -1, tokens_index_flag: bool = False) -> y"
    ),
    operator(
        "grouped_matmul_add(x, weight, group_list, y; transpose_x: bool = True, transpose_weight: bool = False, "
        "group_type: int = None, group_list_type: int = 0) -> y_out"
    ),
    operator(
        "grouped_matmul_finalize_routing(x, w, scale?, bias?, pertoken_scale?, group_list?, shared_input?, logit?, "
        "row_index?, offset?; dtype: int = 0, shared_input_weight: float = 1.0, shared_input_offset: int = 0, "
        "transpose_x: bool = False, transpose_w: bool = False, output_bs: int = 0, group_list_type: int = 1, "
        "tuning_config: ints = None) -> y"
    ),
    operator(
        "grouped_matmul_swiglu_quant_v2(x, x_scale, group_list, weight*, weight_scale*, weight_assist_matrix?*, "
        "bias?, smooth_scale?; dequant_mode: int = 0, dequant_dtype: int = 0, quant_mode: int = 0, quant_dtype: int ="
        " 0, transpose_weight: bool = None, group_list_type: int = 0, tuning_config: ints = None) -> y, y_scale"
    ),
    operator(
        "grouped_matmul_swiglu_quant_weight_nz_tensor_list(x, weight*, weight_scale*, x_scale, group_list; "
        "swiglu_limit: float = 0.0) -> y, y_scale"
    ),
    operator(
        "quant_grouped_matmul_inplace_add(x1, x2, scale2, group_list, y, scale1?; group_list_type: int = 0, "
        "group_size: int = 0) -> y_out"
    ),
    operator(
        "ffn_worker_batching(schedule_context; expert_num: int = None, max_out_shape: ints = None, token_dtype: int ="
        " 0, need_schedule: int = 0, layer_num: int = 0) -> y, group_list, session_ids, micro_batch_ids, token_ids, "
        "expert_offsets, dynamic_scale, actual_token_num"
    ),
    operator("moe_grouped_matmul(x*, weight*, group_list; transpose_weight: bool = False) -> y*"),
)

_MATRIX_MULTIPLICATION = (
    operator(
        "quant_matmul(x1, x2, scale, offset?, bias?, pertoken_scale?; dtype: int = None, transpose_x1: bool = False, "
        "transpose_x2: bool = False, group_size: int = 0) -> y"
    ),
    operator(
        "quant_matmul_v5(x1, x2, bias?, x1_scale?, x2_scale?, y_scale?, x1_offset?, x2_offset?, y_offset?, x2_table?;"
        " dtype: int = None, compute_type: int = -1, transpose_x1: bool = False, transpose_x2: bool = False, "
        "group_size: int = -1) -> y"
    ),
    operator(
        "weight_quant_batch_matmul_v2(x, weight, antiquant_scale, antiquant_offset?, quant_scale?, quant_offset?, "
        "bias?; transpose_x: bool = False, transpose_weight: bool = False, antiquant_group_size: int = 0, dtype: int "
        "= -1, inner_precise: int = 0) -> y"
    ),
    operator(
        "transpose_batch_matmul(x1, x2, bias?, scale?; perm_x1: ints = None, perm_x2: ints = None, perm_y: ints = "
        "None, enable_hf32: bool = False, batch_split_factor: int = 1) -> y"
    ),
    operator(
        "transpose_quant_batch_matmul(x1, x2, bias?, x1_scale?, x2_scale?; dtype: int = None, group_size: int = 0, "
        "perm_x1: ints = None, perm_x2: ints = None, perm_y: ints = None, batch_split_factor: int = 1) -> y"
    ),
    operator(
        "quant_matmul_reduce_sum(x1, x2, dims, bias?, x1_scale?, x2_scale?, y_scale?, x1_offset?, x2_offset?, "
        "y_offset?, x2_table?; dtype: int = None, compute_type: int = -1, transpose_x1: bool = False, transpose_x2: "
        "bool = False, group_size: int = -1, keep_dims: bool = False) -> y"
    ),
    operator(
        "fused_matmul(x1, x2, bias?, x3?; transpose_x1: bool = False, transpose_x2: bool = False, enable_hf32: bool ="
        " False, fused_op_type: str = '', inner_precise: int = 1) -> y"
    ),
    operator(
        "matmul_compress_dequant(x1, x2, compress_index, deq_scale, bias, offset_w?; transpose_x1: bool = False, "
        "transpose_x2: bool = False, compress_info: ints = None, offset_x: int = 0, alg: str = 'weight_unzip') -> out"
    ),
    operator(
        "fused_quant_matmul(x1, x2, bias?, x1_scale?, x2_scale?, y_scale?, x1_offset?, x2_offset?, y_offset?, "
        "x2_table?, x3?; dtype: int = None, compute_type: int = -1, transpose_x1: bool = False, transpose_x2: bool = "
        "False, group_size: int = -1, fused_op_type: str = '') -> y"
    ),
)

_GATED_ACTIVATIONS = (
    operator("swiglu(x; dim: int = -1) -> y"),
    operator(
        "clipped_swiglu(x, group_index?; dim: int = -1, alpha: float = None, limit: float = None, bias: float = 1.0, "
        "interleaved: bool = True, clamp_mode: int = 0) -> y"
    ),
    operator(
        "swiglu_quant(x, smooth_scales?, offsets?, group_index?; activate_left: bool = False, quant_mode: str = "
        "'dynamic', group_list_type: int = 0, dst_type: int = None) -> y, scale"
    ),
    operator(
        "dequant_swiglu_quant(x, weight_scale?, activation_scale?, bias?, quant_scale?, quant_offset?, group_index?; "
        "activate_left: bool = False, quant_mode: str = 'static', dst_type: int = None, round_mode: str = 'rint', "
        "activate_dim: int = -1, swiglu_mode: int = 0, clamp_limit: float = None, glu_alpha: float = None, glu_bias: "
        "float = 1.0) -> y, scale"
    ),
    operator("geglu(x; dim: int = -1, approximate: int = 1, activate_left: bool = False) -> y, gelu"),
    operator(
        "gelu_quant(x, input_scale?, input_offset?; approximate: str = 'none', quant_mode: str = 'dynamic', dst_type:"
        " int = None, round_mode: str = 'rint') -> y, out_scale"
    ),
    operator(
        "swiglu_group_quant(x, weight?, group_index?, scale?; dst_type: int = None, quant_mode: int = 0, block_size: "
        "int = 0, round_scale: bool = False, clamp_limit: float = None, dst_type_max: float = None, output_origin: "
        "bool = False) -> y, y_scale, y_origin"
    ),
    operator(
        "swiglu_mx_quant(x, group_index?; activate_dim: int = -1, activate_left: bool = False, swiglu_mode: int = 0, "
        "clamp_limit: float = 7.0, glu_alpha: float = 1.702, glu_bias: float = 1.0, group_mode: int = 0, axis: int = "
        "-1, dst_type: int = 40, round_mode: str = 'rint', scale_alg: int = 0, max_dtype_value: float = 0.0) -> y, "
        "mxscale"
    ),
    operator(
        "swiglu_group_quant_vllm(x, topk_weight?, group_index?; dst_type: int = None, quant_mode: int = 1, "
        "group_size: int = 128, round_scale: bool = True, ue8m0_scale: bool = True, output_origin: bool = False, "
        "group_list_type: int = 0, clamp_value: float = 0.0) -> y, scale, y_origin"
    ),
)

_QUANTISATION = (
    operator("dynamic_quant(x, smooth_scales?, group_index?; dst_type: int = None) -> y, scale"),
    operator(
        "dynamic_quant_v2(x, smooth_scales?, group_index?; dst_type: int = None, is_symmetrical: bool = False, "
        "quant_mode: str = 'pertoken', dst_type_max: float = 0.0) -> y, scale, offset"
    ),
    operator(
        "dynamic_quant_update_scatter(var, var_scale, indices, updates, smooth_scales?; reduce: str = None, axis: int"
        " = 0) -> var_out, var_scale_out"
    ),
    operator(
        "dynamic_quant_update_scatter_v2(x, indices, var, var_scale, var_offset) -> var_out, var_scale_out, "
        "var_offset_out"
    ),
    operator(
        "dynamic_mx_quant(x; axis: int = -1, round_mode: str = 'rint', dst_type: int = None, blocksize: int = None, "
        "scale_alg: int = None, dst_type_max: float = None, max_low_bound: float = None) -> y, mxscale"
    ),
    operator(
        "dynamic_block_quant(x; min_scale: float = 0.0, round_mode: str = 'rint', dst_type: int = None, "
        "row_block_size: int = None, col_block_size: int = None, dst_type_max: float = 0.0) -> y, scale"
    ),
    operator(
        "ascend_quant(x, scale, offset?; sqrt_mode: bool = False, round_mode: str = 'round', dst_type: int = None, "
        "axis: int = -1) -> y"
    ),
    operator("ascend_anti_quant(x, scale, offset?; dst_type: int = None, sqrt_mode: bool = False) -> y"),
    operator(
        "flat_quant(x, kronecker_p1, kronecker_p2, group_list?; clip_ratio: float = 1.0, dst_dtype: int = None, "
        "dst_type_max: float = None, group_list_type: int = 0) -> out, quant_scale"
    ),
    operator("dequant_bias(x, weight_scale, activate_scale?, bias?; output_dtype: int = None) -> y"),
    operator(
        "dynamic_dual_level_mx_quant(x, smooth_scale?; round_mode: str = 'rint', level0_block_size: int = None, "
        "level1_block_size: int = None) -> y, level0_scale, level1_scale"
    ),
    operator("dequantize(x, min_range, max_range; mode: str = 'MIN_COMBINED') -> y"),
    operator(
        "grouped_dynamic_mx_quant(x, group_index; round_mode: str = 'rint', dst_type: int = None, blocksize: int = "
        "None, scale_alg: int = None, dst_type_max: float = None) -> y, mxscale"
    ),
    operator(
        "grouped_dynamic_block_quant(x, group_list; min_scale: float = 0.0, round_mode: str = 'rint', dst_type: int ="
        " None, row_block_size: int = None, col_block_size: int = None, group_list_type: int = None, dst_type_max: "
        "float = 0.0) -> y, scale"
    ),
    operator("trans_quant_param(scale, offset?; round_mode: int = 0) -> y"),
    operator("quantize(x, scales, zero_points?; dtype: str = None, axis: int = 1) -> y"),
)

_HYPER_CONNECTIONS = (
    operator("mhc_post(x, h_res, h_out, h_post) -> y"),
    operator("mhc_post_backward(grad_y, x, h_res, h_out, h_post) -> grad_x, grad_h_res, grad_h_out, grad_h_post"),
    operator(
        "mhc_pre(x, phi, alpha, bias, gamma?; out_flag: int = 0, norm_eps: float = 1e-06, hc_eps: float = 1e-06) -> "
        "hin, h_post, h_res, inv_rms, h_mix, h_pre"
    ),
    operator(
        "mhc_pre_backward(x, phi, alpha, grad_h_in, grad_h_post, grad_h_res, inv_rms, h_mix, h_pre, h_post, gamma?, "
        "grad_x_post?; hc_eps: float = 1e-06) -> grad_x, grad_phi, grad_alpha, grad_bias, grad_gamma"
    ),
    operator(
        "mhc_pre_sinkhorn(x, phi, alpha, bias; hc_mult: int = 4, num_iters: int = 20, hc_eps: float = 1e-06, "
        "norm_eps: float = 1e-06, need_backward: bool = True) -> hin, h_post, h_res, h_pre, hc_before_norm, inv_rms, "
        "sum_out, norm_out"
    ),
    operator(
        "mhc_pre_sinkhorn_backward(grad_hin, grad_h_post, grad_h_res, x, phi, alpha, bias, h_pre, hc_before_norm, "
        "inv_rms, sum_out, norm_out; hc_eps: float = 1e-06) -> grad_x, grad_phi, grad_alpha, grad_bias"
    ),
    operator("mhc_sinkhorn(h_res; eps: float = 1e-06, num_iters: int = 20, out_flag: int = 0) -> y, norm_out, sum_out"),
    operator("mhc_sinkhorn_backward(grad_y, norm, sum) -> grad_input"),
    operator("hc_post(x, residual, post, comb) -> y"),
    operator(
        "hc_pre(x, hc_fn, hc_scale, hc_base; hc_mult: int = 4, hc_sinkhorn_iters: int = 20, hc_eps: float = 1e-06, "
        "norm_eps: float = 1e-06) -> y, post, comb_frag"
    ),
)

_SAMPLING_INDEXING_AND_THE_REST = (
    operator(
        "top_k_top_p_sample(logits, top_k, top_p, q?; eps: float = None, is_need_logits: bool = None, top_k_guess: "
        "int = None) -> logits_select_idx, logits_top_kp_select"
    ),
    operator("scatter_nd_update(var, indices, updates; use_locking: bool = False) -> var_out"),
    operator("apply_top_k_top_p_with_sorted(sorted_value, sorted_indices, p?, k?, logits?) -> out"),
    operator(
        "top_k_top_p_sample_v2(logits, top_k, top_p, q?, min_ps?; eps: float = None, is_need_logits: bool = None, "
        "top_k_guess: int = None, ks_max: int = None, input_is_logits: bool = None, is_need_sample_result: bool = "
        "None) -> logits_select_idx, logits_top_kp_select, logits_idx, logits_sort_masked"
    ),
    operator("scatter_nd_update_v2(var, indices, updates; strides: ints = None, use_locking: bool = False) -> var_out"),
    operator(
        "copy_and_expand_eagle_inputs(target_token_ids, target_positions, next_token_ids, query_start_loc, "
        "query_end_loc; padding_token_id: int = None, parallel_drafting_token_id: int = None, "
        "num_padding_slots_per_request: int = None, shift_input_ids: bool = None, total_input_tokens: int = None) -> "
        "out_input_ids, out_positions, out_is_rejected_token_mask, out_is_masked_token_mask, out_new_token_indices, "
        "out_hidden_state_mapping"
    ),
)

_TRANSFORMER_BOOST_LIBRARY = (
    operator(
        "atb_self_attention(query, key, value?, mask?, seq_len?, block_tables?, kv_seq_len?; head_num: int = None, "
        "kv_head_num: int = None, qk_scale: float = None) -> attn_out"
    ),
    operator(
        "atb_paged_attention(query, key, value?, block_table, context_len, mask?, q_seq_len?; num_heads: int = None, "
        "num_kv_heads: int = None, scale_value: float = None) -> pa_out"
    ),
    operator("atb_reshape_and_cache(key, value?, key_cache, value_cache?, slots) -> out_key_cache, out_value_cache?"),
    operator("atb_rope(query, key, cos, sin, seq_len) -> query_out, key_out"),
    operator("atb_linear(input, weight, accum) -> output"),
    operator("atb_group_topk(token, idx_arr; k: int = 0, group_num: int = 1, n: int = 1) -> output"),
    operator(
        "atb_mla_preprocess(input, gamma0, beta0, quant_scale0?, quant_offset0?, wdqkv, de_scale0, bias0?, gamma1, "
        "beta1, quant_scale1?, quant_offset1?, wuq, de_scale1, bias1?, gamma2, cos, sin, wuk, kv_cache, "
        "kv_cache_rope, slot_mapping, ctkv_scale?, q_nope_scale?) -> q_out, kv_cache_out"
    ),
    operator(
        "atb_multi_latent_attention(query, query_rope, kv_cache, kv_cache_rope, block_tables, context_lens, mask?) ->"
        " atten_out, lse_out?"
    ),
    operator("atb_rms_norm(x, gamma; eps: float = 1e-05) -> output"),
    operator("atb_activation(x; activation_type: str = 'swiglu_forward') -> y"),
)

_QUANTISED_MATMUL_WITH_ALL_REDUCE = (
    operator(
        "quant_matmul_all_reduce(x1, x2, dequant_scale, bias?, x3?, pertoken_scale?; group: str = '', reduce_op: str "
        "= 'sum', comm_turn: int = 0, stream_mode: int = 1) -> output"
    ),
    operator(
        "weight_quant_matmul_all_reduce(x1, x2, antiquant_scale, antiquant_offset?, bias?, x3?; group: str = '', "
        "reduce_op: str = 'sum', comm_turn: int = 0, stream_mode: int = 1, antiquant_group_size: int = 0) -> output"
    ),
)

_WITHOUT_A_DEFINITION = (
    operator(
        "quant_matmul_dequant(x, weight, weight_scale, bias?, x_scale?, x_offset?, smooth_scale?; x_quant_mode: str ="
        " 'pertoken', transpose_weight: bool = True) -> out"
    ),
    operator("convert_weight_to_int4pack(weight) -> weight_int4_pack"),
)

ROWS = (
    *_ATTENTION,
    *_SPARSE_ATTENTION_AND_ITS_INDEXERS,
    *_LATENT_ATTENTION_MLA,
    *_KEY_AND_VALUE_CACHES,
    *_LINEAR_ATTENTION_AND_CONVOLUTIONS,
    *_ROTARY_POSITIONS,
    *_NORMALISATION,
    *_FUSED_WITH_COLLECTIVE_COMMUNICATION,
    *_MIXTURE_OF_EXPERTS,
    *_GROUPED_MATRIX_MULTIPLICATION_AND_FEED_FORWARD,
    *_MATRIX_MULTIPLICATION,
    *_GATED_ACTIVATIONS,
    *_QUANTISATION,
    *_HYPER_CONNECTIONS,
    *_SAMPLING_INDEXING_AND_THE_REST,
    *_TRANSFORMER_BOOST_LIBRARY,
    *_QUANTISED_MATMUL_WITH_ALL_REDUCE,
    *_WITHOUT_A_DEFINITION,
)
