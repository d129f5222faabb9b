/* The middle of scaled dot-product attention: scores become probabilities, in place, one row a work-item.
 *
 * Defined by the host: the dtype A of the scores, ROUNDS_A if no register has it; VECTOR, the type of WIDTH scores; P,
 * the dtype of the probabilities; MASK, the dtype of the mask if there is one, and SELECTS if that is bool. Rows are
 * padded to a multiple of WIDTH. The exponential is the runtime's own vector builtin (at most 3 ulp: OpenCL C 3.0,
 * section 7.4), whose error is part of the operator's bound. */

#define VALUE NPU_VALUE(A)
#ifdef ROUNDS_A
#define ROUND_A(v) NPU_ROUND(A)(v, 0u)
#else
#define ROUND_A(v) (v)
#endif
#ifndef MASK
#define MASK bool
#define MASKED(score, i) (score)
#elif defined(SELECTS)
#define MASKED(score, i) (mask[i] ? (score) : -INFINITY)
#else
#define MASKED(score, i) ROUND_A((score) + ROUND_A((VALUE)NPU_DECODE(MASK)(mask[i])))
#endif

__kernel void probabilities(__global VALUE *restrict scores, const __global NPU_STORAGE(MASK) *restrict mask,
                            const __global long *restrict mask_starts, long mask_row_step, long mask_step, VALUE scale,
                            int is_causal, long rows_padded, long columns, long columns_padded, uint policy)
{
    const long row = get_global_id(0), batch = get_global_id(1);
    __global VALUE *score = scores + (batch * rows_padded + row) * columns_padded;
    const long start = mask_starts[batch] + row * mask_row_step;
    const long visible = is_causal && row + 1 < columns ? row + 1 : columns;

    VALUE most = -INFINITY;
    for (long i = 0; i < visible; ++i) {
        const VALUE v = MASKED(ROUND_A(score[i] * scale), start + i * mask_step);
        score[i] = v;
        most = v > most ? v : most;
    }
    for (long i = visible; i < columns_padded; ++i)
        score[i] = -INFINITY;

    __global VECTOR *part = (__global VECTOR *)score;
    VECTOR sums = 0;
    for (long i = 0; i < columns_padded / WIDTH; ++i) {
        part[i] = exp(part[i] - most);
        sums += part[i];
    }
    VALUE sum = 0;
    for (long lane = 0; lane < WIDTH; ++lane)
        sum += ((const VALUE *)&sums)[lane];
    for (long i = 0; i < columns; ++i)
        score[i] = NPU_ROUND(P)(score[i] / sum, policy);
}
