// What npusim relies on in a runtime, one property a kernel. Read by npusim/executor/selftest.py.
#define PROPERTY(name, T, expression) \
    __kernel void name(__global const float *x, __global const float *y, __global T *out) { \
        size_t i = get_global_id(0); \
        float a = x[i], b = y[i]; \
        out[i] = expression; \
    }

PROPERTY(sums, float, a + b)
PROPERTY(products, float, a * b)
PROPERTY(quotients, float, a / b)
PROPERTY(roots, float, sqrt(a))
PROPERTY(multiply_add, float, a * b + a)
PROPERTY(halves, float, a * 0x1p-100f * b)
PROPERTY(to_float16, ushort, encode_float16(a, 0u))
PROPERTY(to_bfloat16, ushort, encode_bfloat16(a, 0u))
PROPERTY(exponentials, float, (float)exp((wide)a))
