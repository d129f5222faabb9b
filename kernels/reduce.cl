/* Reductions of the rows of a contiguous matrix, in two steps: chunks of a row, then the chunks' results.
 *
 * Defined by the host: the dtypes X and Z of what is read and written, A of the sums, ROUNDS_A if no register has A,
 * and the operation: START, the value of an empty chunk, and COMBINE(sum, v).
 * Where the accumulate dtype has 16 bits a row is one chunk, so that partial sums round in the order of the row. */

#define VALUE NPU_VALUE(A)
#ifdef ROUNDS_A
#define ROUND_A(v) NPU_ROUND(A)(v, 0u)
#else
#define ROUND_A(v) (v)
#endif

#define ADD(sum, v) ROUND_A((sum) + (v))
/* NaN wins over everything, and +0 over -0: their sum is +0. */
#define LARGER(most, v) ((v) == 0 && (most) == 0 ? (v) + (most) : (v) > (most) || (v) != (v) ? (v) : (most))

/* A work-item reduces one chunk of `block` consecutive rows. */
__kernel void reduce_chunks(const __global NPU_STORAGE(X) *restrict x, __global VALUE *restrict partial, long rows,
                            long block, long columns, long chunk)
{
    const long part = get_global_id(0), parts = get_global_size(0);
    const long first = part * chunk;
    const long last = first + chunk < columns ? first + chunk : columns;
    const long first_row = (long)get_global_id(1) * block;
    const long last_row = first_row + block < rows ? first_row + block : rows;
    for (long row = first_row; row < last_row; ++row) {
        VALUE sum = START;
        for (long column = first; column < last; ++column)
            sum = COMBINE(sum, ROUND_A((VALUE)NPU_DECODE(X)(x[row * columns + column])));
        partial[row * parts + part] = sum;
    }
}

/* Combines the chunks of each row, divides by the row's length for a mean, and rounds to the output dtype. */
__kernel void reduce_rows(const __global VALUE *restrict partial, __global NPU_STORAGE(Z) *restrict z, long rows,
                          long block, long parts, long columns, int is_mean, uint policy)
{
    const long first_row = (long)get_global_id(0) * block;
    const long last_row = first_row + block < rows ? first_row + block : rows;
    for (long row = first_row; row < last_row; ++row) {
        VALUE sum = START;
        for (long part = 0; part < parts; ++part)
            sum = COMBINE(sum, partial[row * parts + part]);
        z[row] = NPU_ENCODE(Z)(is_mean ? ROUND_A(sum / (VALUE)columns) : sum, policy);
    }
}
