// Conversion of IN0 to Z with one rounding. A work-item converts `chunk` consecutive elements.
__kernel void convert(__global const NPU_STORAGE(IN0) *restrict in0, __global NPU_STORAGE(Z) *restrict out,
                      ulong count, ulong chunk, uint policy) {
    ulong begin = get_global_id(0) * chunk, end = min(begin + chunk, count);
    for (ulong i = begin; i < end; ++i) out[i] = NPU_ENCODE(Z)(NPU_DECODE(IN0)(in0[i]), policy);
}
