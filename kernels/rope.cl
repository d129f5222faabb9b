/* Rotary position embedding: x * cos + rotate(x) * sin over the last dimension, cos and sin broadcast by strides.
 *
 * Defined by the host: the dtypes X, COS, SIN and Z of what is read and written; C, in which the work is done, and
 * ROUNDS_C if no register has it; P, the promoted dtype, if the device rounds every primitive to it; INTERLEAVED for
 * the mode that pairs neighbours instead of halves. */

#define VALUE NPU_VALUE(C)
#ifdef ROUNDS_C
#define ROUND_C(v) NPU_ROUND(C)(v, 0u)
#else
#define ROUND_C(v) (v)
#endif
#ifdef P
#define ROUND_STEP(v) NPU_ROUND(P)(ROUND_C(v), policy)
#else
#define ROUND_STEP(v) ROUND_C(v)
#endif
#define OPERAND(dtype, x) ROUND_C((VALUE)NPU_DECODE(dtype)(x))

#ifdef INTERLEAVED
#define PARTNER(i) ((i) ^ 1)
#define IS_FIRST(i) (((i) & 1) == 0)
#else
#define PARTNER(i) ((i) < width / 2 ? (i) + width / 2 : (i) - width / 2)
#define IS_FIRST(i) ((i) < width / 2)
#endif

/* A work-item takes `block` consecutive rows; `starts` holds where each row begins in cos, then where in sin. */
__kernel void rotate_rows(const __global NPU_STORAGE(X) *restrict x, const __global NPU_STORAGE(COS) *restrict cosines,
                          const __global NPU_STORAGE(SIN) *restrict sines, __global NPU_STORAGE(Z) *restrict z,
                          const __global long *restrict starts, long cos_step, long sin_step, long rows, long block,
                          long width, uint policy)
{
    const long first = (long)get_global_id(0) * block;
    const long last = first + block < rows ? first + block : rows;
    for (long row = first; row < last; ++row)
        for (long i = 0; i < width; ++i) {
            const VALUE own = OPERAND(X, x[row * width + i]);
            const VALUE other = OPERAND(X, x[row * width + PARTNER(i)]);
            const VALUE cosine = OPERAND(COS, cosines[starts[row] + i * cos_step]);
            const VALUE sine = OPERAND(SIN, sines[starts[rows + row] + i * sin_step]);
            const VALUE straight = ROUND_STEP(own * cosine);
            const VALUE crossed = ROUND_STEP((IS_FIRST(i) ? -other : other) * sine);
            z[row * width + i] = NPU_ENCODE(Z)(ROUND_STEP(straight + crossed), policy);
        }
}
