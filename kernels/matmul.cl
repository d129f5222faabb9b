/* C = A B by panels: both operands are first converted and laid out so that the inner loop reads memory in order.
 *
 *   left   [batch][panel of LEFT rows][k][LEFT]          what one step of k needs of A is adjacent
 *   right  [batch][panel of RIGHT columns][k][RIGHT]     and so for B
 *   sums   [batch][rows padded to LEFT][columns padded to RIGHT]
 *
 * Defined by the host: the dtypes X and Z of what a kernel reads and writes, A of the sums, ROUNDS_A if no register has
 * A, M if operands are rounded to it first; VECTOR, the type of WIDTH sums.
 * Padding is zero and never read back. No function is called in the inner loop: PoCL would not inline it. */

#define LEFT 8
#define RIGHT (2 * WIDTH)
#define VALUE NPU_VALUE(A)
#ifdef ROUNDS_A
#define ROUND_A(v) NPU_ROUND(A)(v, 0u)
#else
#define ROUND_A(v) (v)
#endif
#ifdef M
#define OPERAND(x) NPU_ROUND(M)(NPU_DECODE(X)(x), policy)
#else
#define OPERAND(x) NPU_DECODE(X)(x)
#endif

#define FOR_LEFT(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

#ifdef GROUP_pack
/* One work-item fills one panel. `starts` holds the first element of each batch's matrix, `across` the stride from one
 * row of A (column of B) to the next, `along` the stride of k, `count` the rows of A (columns of B). */
#define PACK(NAME, PANEL)                                                                                              \
    __kernel void NAME(const __global NPU_STORAGE(X) *restrict x, __global VALUE *restrict panels,                     \
                       const __global long *restrict starts, long across, long along, long count, long depth,          \
                       uint policy)                                                                                    \
    {                                                                                                                  \
        const long panel = get_global_id(0), batch = get_global_id(1);                                                 \
        const long start = starts[batch] + panel * PANEL * across;                                                     \
        const long valid = count - panel * PANEL < PANEL ? count - panel * PANEL : PANEL;                              \
        __global VALUE *target = panels + (batch * (long)get_global_size(0) + panel) * depth * PANEL;                  \
        for (long k = 0; k < depth; ++k, target += PANEL)                                                              \
            for (long lane = 0; lane < PANEL; ++lane)                                                                  \
                target[lane] = lane < valid ? (VALUE)OPERAND(x[start + k * along + lane * across]) : (VALUE)0;         \
    }

PACK(pack_left, LEFT)
PACK(pack_right, RIGHT)
#endif

#ifdef GROUP_product
/* One work-item computes LEFT x RIGHT sums, kept in registers as pairs of vectors, over the whole of k. Contraction of
 * the multiplication and the addition is welcome here: the result is judged by an error bound that covers both. */
__kernel void product(const __global VALUE *restrict left, const __global VALUE *restrict right,
                      __global VALUE *restrict sums, long depth)
{
#pragma OPENCL FP_CONTRACT ON
    const long row = get_global_id(0), column = get_global_id(1), batch = get_global_id(2);
    const long row_panels = get_global_size(0), column_panels = get_global_size(1);
    const __global VALUE *a = left + (batch * row_panels + row) * depth * LEFT;
    const __global VECTOR *b = (const __global VECTOR *)(right + (batch * column_panels + column) * depth * RIGHT);
#define ZERO(i) VECTOR low##i = 0, high##i = 0;
    FOR_LEFT(ZERO)
    for (long k = 0; k < depth; ++k, a += LEFT, b += 2) {
        const VECTOR b_low = b[0], b_high = b[1];
#define STEP(i)                                                                                                        \
    low##i = (VECTOR)(a[i]) * b_low + low##i;                                                                          \
    high##i = (VECTOR)(a[i]) * b_high + high##i;
        FOR_LEFT(STEP)
    }
    __global VECTOR *c =
        (__global VECTOR *)(sums + ((batch * row_panels + row) * LEFT * column_panels + column) * RIGHT);
#define KEEP(i)                                                                                                        \
    c[i * column_panels * 2] = low##i;                                                                                 \
    c[i * column_panels * 2 + 1] = high##i;
    FOR_LEFT(KEEP)
}
#endif

#ifdef GROUP_product_literal
/* The same, literally: every product and every partial sum is rounded to the accumulate dtype, in the order of k. It
 * serves the accumulators that no register has (16-bit floats) and the integers. */
__kernel void product_literal(const __global VALUE *restrict left, const __global VALUE *restrict right,
                              __global VALUE *restrict sums, long depth)
{
    const long row = get_global_id(0), column = get_global_id(1), batch = get_global_id(2);
    const long row_panels = get_global_size(0), column_panels = get_global_size(1);
    const __global VALUE *a = left + (batch * row_panels + row) * depth * LEFT;
    const __global VALUE *b = right + (batch * column_panels + column) * depth * RIGHT;
    __global VALUE *c = sums + ((batch * row_panels + row) * LEFT * column_panels + column) * RIGHT;
    for (long i = 0; i < LEFT; ++i)
        for (long j = 0; j < RIGHT; ++j) {
            VALUE sum = 0;
            for (long k = 0; k < depth; ++k)
                sum = ROUND_A(sum + ROUND_A(a[k * LEFT + i] * b[k * RIGHT + j]));
            c[i * column_panels * RIGHT + j] = sum;
        }
}
#endif

#ifdef GROUP_add
/* sums += x, broadcast by strides, in the accumulate dtype: a bias, or the third operand of matmul_all_reduce. */
__kernel void add(__global VALUE *restrict sums, const __global NPU_STORAGE(X) *restrict x,
                  const __global long *restrict starts, long row_step, long column_step, long rows_padded,
                  long columns, long columns_padded)
{
    const long row = get_global_id(0), batch = get_global_id(1);
    __global VALUE *sum = sums + (batch * rows_padded + row) * columns_padded;
    const long start = starts[batch] + row * row_step;
    for (long column = 0; column < columns; ++column)
        sum[column] = ROUND_A(sum[column] + ROUND_A((VALUE)NPU_DECODE(X)(x[start + column * column_step])));
}
#endif

#ifdef GROUP_finish
/* The one rounding to the output dtype; `z` has no padding. */
__kernel void finish(const __global VALUE *restrict sums, __global NPU_STORAGE(Z) *restrict z, long rows_padded, long columns,
                     long columns_padded, uint policy)
{
    const long row = get_global_id(0), batch = get_global_id(1), rows = get_global_size(0);
    const __global VALUE *sum = sums + (batch * rows_padded + row) * columns_padded;
    const long target = (batch * rows + row) * columns;
    for (long column = 0; column < columns; ++column)
        z[target + column] = NPU_ENCODE(Z)(sum[column], policy);
}
#endif
