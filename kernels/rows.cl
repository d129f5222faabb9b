/* Operators that normalise each row of a contiguous matrix: softmax, layer_norm, rms_norm.
 *
 * Defined by the host: the dtypes X and Z of the matrix and the result, W of the weight and B of the bias where there
 * are any; C and A, in which elementwise work and statistics are done, ROUNDS_C and ROUNDS_A if no register has them;
 * HELD, the wider of the two. A work-item takes `block` consecutive rows. */

#define VALUE NPU_VALUE(HELD)
#ifdef ROUNDS_A
#define ROUND_A(v) NPU_ROUND(A)(v, 0u)
#else
#define ROUND_A(v) (v)
#endif
#ifdef ROUNDS_C
#define ROUND_C(v) NPU_ROUND(C)(v, 0u)
#else
#define ROUND_C(v) (v)
#endif
#define EXP(v) ROUND_C((VALUE)exp((wide)(v)))
#define OPERAND(i) ROUND_C((VALUE)NPU_DECODE(X)(row[i]))
#define KEEP(i, v) out[i] = NPU_ENCODE(Z)(v, policy)

#ifdef W
#define WEIGHTED(v, i) ROUND_C((v) * ROUND_C((VALUE)NPU_DECODE(W)(weight[i])))
#else
#define W float32
#define WEIGHTED(v, i) (v)
#endif
#ifdef B
#define BIASED(v, i) ROUND_C((v) + ROUND_C((VALUE)NPU_DECODE(B)(bias[i])))
#else
#define B float32
#define BIASED(v, i) (v)
#endif

#define FOR_EACH_ROW                                                                                                   \
    const long first = (long)get_global_id(0) * block;                                                                 \
    const long last = first + block < rows ? first + block : rows;                                                     \
    const __global NPU_STORAGE(X) *row = x + first * width;                                                            \
    __global NPU_STORAGE(Z) *out = z + first * width;                                                                  \
    for (long r = first; r < last; ++r, row += width, out += width)

/* 1 / sqrt(mean square + epsilon): what both norms multiply by. */
static VALUE reciprocal_deviation(VALUE squares, long width, VALUE epsilon)
{
    const VALUE variance = ROUND_A(squares / (VALUE)width);
    return ROUND_A(1 / ROUND_A(sqrt(ROUND_A(variance + epsilon))));
}

#ifdef GROUP_softmax
/* The row's maximum is taken off first, so that no exponential overflows. A NaN, an infinity or a row of nothing but
 * -inf gives a NaN difference, whose sum makes the whole row NaN. */
__kernel void softmax(const __global NPU_STORAGE(X) *restrict x, __global NPU_STORAGE(Z) *restrict z, long rows,
                      long block, long width, uint policy)
{
    FOR_EACH_ROW
    {
        VALUE most = OPERAND(0);
        for (long i = 1; i < width; ++i) {
            const VALUE v = OPERAND(i);
            most = v > most ? v : most;
        }
        VALUE sum = 0;
        for (long i = 0; i < width; ++i)
            sum = ROUND_A(sum + EXP(ROUND_C(OPERAND(i) - most)));
        for (long i = 0; i < width; ++i)
            KEEP(i, ROUND_C(EXP(ROUND_C(OPERAND(i) - most)) / sum));
    }
}
#endif

#ifdef GROUP_layer_norm
__kernel void layer_norm(const __global NPU_STORAGE(X) *restrict x, const __global NPU_STORAGE(W) *restrict weight,
                         const __global NPU_STORAGE(B) *restrict bias, __global NPU_STORAGE(Z) *restrict z, long rows,
                         long block, long width, double epsilon, uint policy)
{
    FOR_EACH_ROW
    {
        VALUE sum = 0;
        for (long i = 0; i < width; ++i)
            sum = ROUND_A(sum + ROUND_A(OPERAND(i)));
        const VALUE mean = ROUND_A(sum / (VALUE)width);
        VALUE squares = 0;
        for (long i = 0; i < width; ++i) {
            const VALUE difference = ROUND_A(OPERAND(i) - mean);
            squares = ROUND_A(squares + ROUND_A(difference * difference));
        }
        const VALUE scale = reciprocal_deviation(squares, width, ROUND_A((VALUE)epsilon));
        for (long i = 0; i < width; ++i) {
            const VALUE normal = ROUND_C(ROUND_C(OPERAND(i) - mean) * scale);
            KEEP(i, BIASED(WEIGHTED(normal, i), i));
        }
    }
}
#endif

#ifdef GROUP_rms_norm
__kernel void rms_norm(const __global NPU_STORAGE(X) *restrict x, const __global NPU_STORAGE(W) *restrict weight,
                       __global NPU_STORAGE(Z) *restrict z, long rows, long block, long width, double epsilon,
                       uint policy)
{
    FOR_EACH_ROW
    {
        VALUE squares = 0;
        for (long i = 0; i < width; ++i) {
            const VALUE v = ROUND_A(OPERAND(i));
            squares = ROUND_A(squares + ROUND_A(v * v));
        }
        const VALUE scale = reciprocal_deviation(squares, width, ROUND_A((VALUE)epsilon));
        for (long i = 0; i < width; ++i) {
            const VALUE normal = ROUND_C(OPERAND(i) * scale);
            KEEP(i, WEIGHTED(normal, i));
        }
    }
}
#endif
