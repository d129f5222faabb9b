// Elementwise operators: each element is loaded, converted to P, computed in C and rounded to Z.
//
//   IN0 IN1      dtypes of the inputs            P  the promoted operand dtype
//   NARROWS0/1   1: IN -> P rounds               C  the compute dtype; NARROWS_C  1: P -> C rounds
//   FLOATING     1: P is a float, 0: an integer  Z  the output dtype
//   ROUND_C      1: C is narrower than the type T that carries it, so every primitive rounds to C
//   ROUND_P      1: every primitive's result is also rounded to P, as the profile's `rounding: primitive` says
//   SAME0/1      (GROUP_select) 1: the input already is of dtype Z, and its bits are moved
//
// A work-item computes `chunk` consecutive elements. Every input is C-contiguous and has the shape of the output.

#define LOAD0(i) NPU_DECODE(IN0)(in0[i])
#define LOAD1(i) NPU_DECODE(IN1)(in1[i])
#define STORE(i, value) out[i] = NPU_ENCODE(Z)(value, policy)

#ifndef GROUP_select

typedef NPU_VALUE(C) T;

#if NARROWS_C
#define HOLD(value) ((T)NPU_ROUND(C)(value, 0u))
#else
#define HOLD(value) ((T)(value))
#endif
#if NARROWS0
#define OPERAND0(i) HOLD(NPU_ROUND(P)(LOAD0(i), policy))
#else
#define OPERAND0(i) HOLD(LOAD0(i))
#endif
#if NARROWS1
#define OPERAND1(i) HOLD(NPU_ROUND(P)(LOAD1(i), policy))
#else
#define OPERAND1(i) HOLD(LOAD1(i))
#endif

// The rounding of one primitive's result.
static inline T rounded(T x, uint policy) {
#if ROUND_C
    x = (T)NPU_ROUND(C)(x, 0u);
#endif
#if ROUND_P
    x = (T)NPU_ROUND(P)(x, policy);
#endif
    return x;
}
#define R(x) rounded(x, policy)
#define CONSTANT(x) ((T)NPU_ROUND(C)((wide)(x), 0u))
#define VIA_WIDE(function, x) R((T)function((wide)(x)))

#define UNARY(name, ...) \
    __kernel void name(__global const NPU_STORAGE(IN0) *restrict in0, __global NPU_STORAGE(Z) *restrict out, \
                       ulong count, ulong chunk, uint policy) { \
        ulong begin = get_global_id(0) * chunk, end = min(begin + chunk, count); \
        for (ulong i = begin; i < end; ++i) { \
            T x = OPERAND0(i); \
            STORE(i, __VA_ARGS__); \
        } \
    }

#define BINARY(name, ...) \
    __kernel void name(__global const NPU_STORAGE(IN0) *restrict in0, __global const NPU_STORAGE(IN1) *restrict in1, \
                       __global NPU_STORAGE(Z) *restrict out, ulong count, ulong chunk, uint policy, T alpha) { \
        ulong begin = get_global_id(0) * chunk, end = min(begin + chunk, count); \
        for (ulong i = begin; i < end; ++i) { \
            T x = OPERAND0(i), y = OPERAND1(i); \
            STORE(i, __VA_ARGS__); \
        } \
    }

#endif

#if FLOATING

#ifdef GROUP_exact
UNARY(neg, -x)
UNARY(abs_, fabs(x))
UNARY(relu, x > 0 ? x : isnan(x) ? (T)NAN : (T)0)
UNARY(square_root, R(sqrt(x)))
UNARY(reciprocal, R(1 / x))
UNARY(reciprocal_root, R(1 / R(sqrt(x))))
#endif

#ifdef GROUP_transcendental
static inline T one_plus_exp_neg(T x, uint policy) { return R(1 + VIA_WIDE(exp, -x)); }
static inline T gelu_of_erf(T x, uint policy) {
    T spread = VIA_WIDE(erf, R(x * CONSTANT(0.70710678118654752440)));
    return R(R((T)0.5f * x) * R(1 + spread));
}
static inline T gelu_of_tanh(T x, uint policy) {
    T cubic = R(x + R(R(R(CONSTANT(0.044715) * x) * x) * x));
    T spread = VIA_WIDE(tanh, R(CONSTANT(0.79788456080286535588) * cubic));
    return R(R((T)0.5f * x) * R(1 + spread));
}
UNARY(exponential, VIA_WIDE(exp, x))
UNARY(logarithm, VIA_WIDE(log, x))
UNARY(sine, VIA_WIDE(sin, x))
UNARY(cosine, VIA_WIDE(cos, x))
UNARY(hyperbolic_tangent, VIA_WIDE(tanh, x))
UNARY(sigmoid, R(1 / one_plus_exp_neg(x, policy)))
UNARY(silu, R(x / one_plus_exp_neg(x, policy)))
UNARY(gelu_erf, gelu_of_erf(x, policy))
UNARY(gelu_tanh, gelu_of_tanh(x, policy))
#endif

#ifdef GROUP_arithmetic
// Of two zeros, +0 is the greater; NaN wins over everything.
static inline T greater_of(T x, T y) { return x > y ? x : x < y ? y : x != y ? (T)NAN : x == 0 ? x + y : x; }
BINARY(add, R(x + y))
BINARY(sub, R(x - y))
BINARY(add_scaled, R(x + R(alpha * y)))
BINARY(sub_scaled, R(x - R(alpha * y)))
BINARY(mul, R(x * y))
BINARY(div, R(x / y))
BINARY(maximum, greater_of(x, y))
BINARY(minimum, -greater_of(-x, -y))
#endif

#ifdef GROUP_power
BINARY(power, R((T)pow((wide)x, (wide)y)))
#endif

#else // integers wrap around, so the work is done on ulong

#ifdef GROUP_exact
UNARY(neg, (T)(0ul - (ulong)x))
UNARY(abs_, x < 0 ? (T)(0ul - (ulong)x) : x)
UNARY(relu, x > 0 ? x : (T)0)
#endif

#ifdef GROUP_arithmetic
BINARY(add, (T)((ulong)x + (ulong)y))
BINARY(sub, (T)((ulong)x - (ulong)y))
BINARY(add_scaled, (T)((ulong)x + (ulong)alpha * (ulong)y))
BINARY(sub_scaled, (T)((ulong)x - (ulong)alpha * (ulong)y))
BINARY(mul, (T)((ulong)x * (ulong)y))
BINARY(maximum, x > y ? x : y)
BINARY(minimum, x < y ? x : y)
#endif

#ifdef GROUP_power
// A negative exponent gives 0, except for the bases 1 and -1.
static inline T integer_power(T base, T exponent) {
    if (exponent < 0) return base == 1 ? (T)1 : base == (T)-1 ? ((exponent & 1) ? (T)-1 : (T)1) : (T)0;
    ulong result = 1, square = (ulong)base;
    for (ulong left = (ulong)exponent; left != 0; left >>= 1) {
        result = (left & 1) ? result * square : result;
        square *= square;
    }
    return (T)result;
}
BINARY(power, integer_power(x, y))
#endif

#endif

#ifdef GROUP_comparison
BINARY(equal, (long)(x == y))
BINARY(not_equal, (long)(x != y))
BINARY(less, (long)(x < y))
BINARY(less_equal, (long)(x <= y))
BINARY(greater, (long)(x > y))
BINARY(greater_equal, (long)(x >= y))
#endif

#ifdef GROUP_select
#if SAME0
#define CHOICE0(i) in0[i]
#else
#define CHOICE0(i) NPU_ENCODE(Z)(LOAD0(i), policy)
#endif
#if SAME1
#define CHOICE1(i) in1[i]
#else
#define CHOICE1(i) NPU_ENCODE(Z)(LOAD1(i), policy)
#endif
__kernel void choose(__global const uchar *restrict condition, __global const NPU_STORAGE(IN0) *restrict in0,
                     __global const NPU_STORAGE(IN1) *restrict in1, __global NPU_STORAGE(Z) *restrict out,
                     ulong count, ulong chunk, uint policy) {
    ulong begin = get_global_id(0) * chunk, end = min(begin + chunk, count);
    for (ulong i = begin; i < end; ++i) out[i] = condition[i] ? CHOICE0(i) : CHOICE1(i);
}
#endif
