// Every storage format of a simulated chip, computed on any OpenCL runtime.
//
// A dtype `d` has   storage_d                    the type of one element in a buffer
//                   value_d                      the type that holds any element exactly: float, double, long, ulong
//                   decode_d(storage)            the exact value
//                   encode_d(value, policy)      the nearest element, ties to even; takes float, double, long or ulong
//                   round_d(value, policy)       decode_d(encode_d(value, policy))
// and NPU_STORAGE(d), NPU_VALUE(d), NPU_DECODE(d), NPU_ENCODE(d), NPU_ROUND(d) reach them where d is a macro.
// `policy` is a sum of NPU_FLUSH (a subnormal result of a float format of 8, 16 or 32 bits becomes a zero of its sign)
// and NPU_SATURATE (an infinite or overflowing result becomes the largest finite value of its sign, a NaN becomes +0).
// Without NPU_SATURATE a format lacking infinities does as ml_dtypes does: NaN if it has one, else its largest value.
// NaNs are canonical: a result never carries a payload. A format without NaN turns NaN into +0.
// A float that becomes an integer is truncated, NaN is 0, and what is out of range becomes the nearest bound;
// an integer that becomes a narrower one wraps around.
#ifndef NPU_SOFT_FLOAT_H
#define NPU_SOFT_FLOAT_H

#pragma OPENCL FP_CONTRACT OFF
#ifdef cl_khr_fp64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#define NPU_HAS_DOUBLE 1
typedef double wide; // in which transcendental functions are evaluated before they are rounded
#else
#define NPU_HAS_DOUBLE 0
typedef float wide;
#endif

#define NPU_FLUSH 1u
#define NPU_SATURATE 2u

// The policies as masks, not conditions: a compiler would make a copy of a whole loop for each value of a condition.
#define NPU_KEPT(policy) (((policy) & NPU_FLUSH) - 1u)                  /* all ones unless NPU_FLUSH */
#define NPU_SATURATED(policy) (0u - (((policy) & NPU_SATURATE) >> 1))   /* all ones if NPU_SATURATE */
#define NPU_CHOOSE(mask, one, other) ((other) ^ (((one) ^ (other)) & (mask)))

#define NPU_PASTE_(a, b) a##b
#define NPU_PASTE(a, b) NPU_PASTE_(a, b)
#define NPU_STORAGE(dtype) NPU_PASTE(storage_, dtype)
#define NPU_VALUE(dtype) NPU_PASTE(value_, dtype)
#define NPU_DECODE(dtype) NPU_PASTE(decode_, dtype)
#define NPU_ENCODE(dtype) NPU_PASTE(encode_, dtype)
#define NPU_ROUND(dtype) NPU_PASTE(round_, dtype)

#define NPU_OVERLOAD static inline __attribute__((overloadable))

#define NPU_INF 0x7f800000u
#define NPU_NAN 0x7fc00000u
#define NPU_FLOAT_MAX 0x7f7fffffu

// Round to odd: the nearest float toward zero, its last bit set if anything was lost. Rounding the result once more to
// a format of at most 22 bits of precision equals rounding the argument (Boldo and Melquiond, 2008).
NPU_OVERLOAD float to_odd(float x) { return x; }
#if NPU_HAS_DOUBLE
NPU_OVERLOAD float to_odd(double x) {
    float nearest = (float)x;
    uint bits = as_uint(nearest) - (fabs((double)nearest) > fabs(x) ? 1u : 0u);
    return as_float(bits | ((double)as_float(bits) < x || (double)as_float(bits) > x ? 1u : 0u));
}
#endif
NPU_OVERLOAD float to_odd(ulong x) {
    uint shift = x >> 24 ? 40u - (uint)clz(x) : 0u; // keep 24 significant bits
    ulong kept = x >> shift;
    return (float)(kept | (kept << shift != x ? 1ul : 0ul)) * as_float((127u + shift) << 23);
}
NPU_OVERLOAD float to_odd(long x) { return x < 0 ? -to_odd(0ul - (ulong)x) : to_odd((ulong)x); }

#define NPU_WIDEN(T, dtype, V) \
    NPU_OVERLOAD T encode_##dtype(V x, uint policy) { return encode_##dtype(to_odd(x), policy); }
#if NPU_HAS_DOUBLE
#define NPU_WIDEN_ALL(T, dtype) NPU_WIDEN(T, dtype, double) NPU_WIDEN(T, dtype, long) NPU_WIDEN(T, dtype, ulong)
#else
#define NPU_WIDEN_ALL(T, dtype) NPU_WIDEN(T, dtype, long) NPU_WIDEN(T, dtype, ulong)
#endif

#define NPU_ROUND_FROM(dtype, V) \
    NPU_OVERLOAD value_##dtype round_##dtype(V x, uint policy) { return decode_##dtype(encode_##dtype(x, policy)); }
#if NPU_HAS_DOUBLE
#define NPU_ROUND_ALL(dtype) \
    NPU_ROUND_FROM(dtype, float) NPU_ROUND_FROM(dtype, double) NPU_ROUND_FROM(dtype, long) NPU_ROUND_FROM(dtype, ulong)
#else
#define NPU_ROUND_ALL(dtype) NPU_ROUND_FROM(dtype, float) NPU_ROUND_FROM(dtype, long) NPU_ROUND_FROM(dtype, ulong)
#endif

// A format of one sign bit, an exponent with this bias, MANT bits of fraction, and gradual underflow.
//   MAX_BITS    the largest finite magnitude
//   OVER_BITS   what an overflow becomes: infinity, NaN or MAX_BITS
//   NAN_BITS    the NaN (0: none), complete with its sign bit
//   SPECIAL     magnitudes from here on are infinity (exactly SPECIAL, if HAS_INF) or NaN
//   HAS_ZERO_SIGN, FLUSHES  whether -0 exists; whether NPU_FLUSH applies
#define NPU_MINIFLOAT(dtype, T, SIGN, MANT, BIAS, MAX_BITS, OVER_BITS, NAN_BITS, SPECIAL, HAS_INF, HAS_ZERO_SIGN, FLUSHES) \
    typedef T storage_##dtype; \
    typedef float value_##dtype; \
    NPU_OVERLOAD float decode_##dtype(T stored) { \
        uint bits = stored, magnitude = bits & (SIGN - 1u); \
        uint normal = (magnitude << (23 - MANT)) + ((127u - BIAS) << 23); \
        uint subnormal = as_uint((float)magnitude * as_float((128u - BIAS - MANT) << 23)); \
        uint value = magnitude < (1u << MANT) ? subnormal : normal; \
        value = magnitude >= SPECIAL ? (HAS_INF && magnitude == SPECIAL ? NPU_INF : NPU_NAN) : value; \
        value |= (bits & SIGN) ? 0x80000000u : 0u; \
        return as_float(!HAS_ZERO_SIGN && bits == SIGN ? NPU_NAN : value); \
    } \
    NPU_OVERLOAD T encode_##dtype(float x, uint policy) { \
        uint all = as_uint(x), a = all & 0x7fffffffu; \
        uint magic = (151u - BIAS - MANT) << 23; /* one unit of this float is the smallest subnormal */ \
        uint normal = ((a + ((1u << (22 - MANT)) - 1u) + ((a >> (23 - MANT)) & 1u)) >> (23 - MANT)) - ((127u - BIAS) << MANT); \
        uint subnormal = as_uint(as_float(a) + as_float(magic)) - magic; \
        uint bits = a < ((128u - BIAS) << 23) ? subnormal : normal; \
        bits = FLUSHES && bits < (1u << MANT) ? bits & NPU_KEPT(policy) : bits; \
        bits = bits > MAX_BITS || a >= NPU_INF ? NPU_CHOOSE(NPU_SATURATED(policy), MAX_BITS, OVER_BITS) : bits; \
        bits |= (all >> 31) && (HAS_ZERO_SIGN || (bits != 0u && bits != NAN_BITS)) ? SIGN : 0u; \
        return (T)(a > NPU_INF ? NAN_BITS & ~NPU_SATURATED(policy) : bits); \
    } \
    NPU_WIDEN_ALL(T, dtype) \
    NPU_ROUND_ALL(dtype)

//            dtype            storage  sign    mant bias max      over     nan      special  inf -0 flush
NPU_MINIFLOAT(float16,           ushort, 0x8000u, 10, 15u, 0x7bffu, 0x7c00u, 0x7e00u, 0x7c00u, 1, 1, 1)
NPU_MINIFLOAT(float8_e5m2,       uchar,  0x80u,   2,  15u, 0x7bu,   0x7cu,   0x7eu,   0x7cu,   1, 1, 1)
NPU_MINIFLOAT(float8_e4m3,       uchar,  0x80u,   3,  7u,  0x77u,   0x78u,   0x7cu,   0x78u,   1, 1, 1)
NPU_MINIFLOAT(float8_e3m4,       uchar,  0x80u,   4,  3u,  0x6fu,   0x70u,   0x78u,   0x70u,   1, 1, 1)
NPU_MINIFLOAT(float8_e4m3fn,     uchar,  0x80u,   3,  7u,  0x7eu,   0x7fu,   0x7fu,   0x7fu,   0, 1, 1)
NPU_MINIFLOAT(float8_e5m2fnuz,   uchar,  0x80u,   2,  16u, 0x7fu,   0x80u,   0x80u,   0x80u,   0, 0, 1)
NPU_MINIFLOAT(float8_e4m3fnuz,   uchar,  0x80u,   3,  8u,  0x7fu,   0x80u,   0x80u,   0x80u,   0, 0, 1)
NPU_MINIFLOAT(float8_e4m3b11fnuz, uchar, 0x80u,   3,  11u, 0x7fu,   0x80u,   0x80u,   0x80u,   0, 0, 1)
NPU_MINIFLOAT(float6_e3m2fn,     uchar,  0x20u,   2,  3u,  0x1fu,   0x1fu,   0u,      0x20u,   0, 1, 0)
NPU_MINIFLOAT(float6_e2m3fn,     uchar,  0x20u,   3,  1u,  0x1fu,   0x1fu,   0u,      0x20u,   0, 1, 0)
NPU_MINIFLOAT(float4_e2m1fn,     uchar,  0x8u,    1,  1u,  0x7u,    0x7u,    0u,      0x8u,    0, 1, 0)

// bfloat16 is the upper half of a float32.
typedef ushort storage_bfloat16;
typedef float value_bfloat16;
NPU_OVERLOAD float decode_bfloat16(ushort stored) { return as_float((uint)stored << 16); }
NPU_OVERLOAD ushort encode_bfloat16(float x, uint policy) {
    uint all = as_uint(x), a = all & 0x7fffffffu;
    uint bits = (a + 0x7fffu + ((a >> 16) & 1u)) >> 16;
    bits = bits < 0x80u ? bits & NPU_KEPT(policy) : bits;
    bits = bits > 0x7f7fu ? NPU_CHOOSE(NPU_SATURATED(policy), 0x7f7fu, 0x7f80u) : bits;
    bits |= (all >> 16) & 0x8000u;
    return (ushort)(a > NPU_INF ? 0x7fc0u & ~NPU_SATURATED(policy) : bits);
}
NPU_WIDEN_ALL(ushort, bfloat16)
NPU_ROUND_ALL(bfloat16)

// float8_e8m0fnu is a power of two: no sign, no zero, no infinity. Ties go to the larger power, all that is not positive
// is NaN, and a float32 subnormal above the smallest power becomes the next one (as in ml_dtypes 0.6).
typedef uchar storage_float8_e8m0fnu;
typedef float value_float8_e8m0fnu;
NPU_OVERLOAD float decode_float8_e8m0fnu(uchar stored) {
    return as_float(stored == 0xffu ? NPU_NAN : stored == 0u ? 0x00400000u : (uint)stored << 23);
}
NPU_OVERLOAD uchar encode_float8_e8m0fnu(float x, uint policy) {
    uint a = as_uint(x);
    uint bits = a < 0x00800000u ? (a > 0x00400000u ? 1u : 0u) : (a + 0x00400000u) >> 23;
    bits = bits > 0xfeu ? NPU_CHOOSE(NPU_SATURATED(policy), 0xfeu, 0xffu) : bits;
    return (uchar)(a == 0u || a > NPU_INF ? 0xffu : bits);
}
NPU_WIDEN_ALL(uchar, float8_e8m0fnu)
NPU_ROUND_ALL(float8_e8m0fnu)

// float32 and float64 are themselves; only the policies act on them.
typedef float storage_float32;
typedef float value_float32;
NPU_OVERLOAD float decode_float32(float stored) { return stored; }
NPU_OVERLOAD float encode_float32(float x, uint policy) {
    uint all = as_uint(x), a = all & 0x7fffffffu, sign = all & 0x80000000u;
    uint bits = a < 0x00800000u ? a & NPU_KEPT(policy) : a;
    bits = a == NPU_INF ? NPU_CHOOSE(NPU_SATURATED(policy), NPU_FLOAT_MAX, NPU_INF) : bits;
    return as_float(a > NPU_INF ? NPU_NAN & ~NPU_SATURATED(policy) : bits | sign);
}
NPU_OVERLOAD float encode_float32(long x, uint policy) { return encode_float32((float)x, policy); }
NPU_OVERLOAD float encode_float32(ulong x, uint policy) { return encode_float32((float)x, policy); }
#if NPU_HAS_DOUBLE
NPU_OVERLOAD float encode_float32(double x, uint policy) { return encode_float32((float)x, policy); }

typedef double storage_float64;
typedef double value_float64;
NPU_OVERLOAD double decode_float64(double stored) { return stored; }
NPU_OVERLOAD double encode_float64(double x, uint policy) {
    if (!(policy & NPU_SATURATE)) return isnan(x) ? as_double(0x7ff8000000000000ul) : x;
    return isnan(x) ? 0.0 : clamp(x, -DBL_MAX, DBL_MAX);
}
NPU_OVERLOAD double encode_float64(float x, uint policy) { return encode_float64((double)x, policy); }
NPU_OVERLOAD double encode_float64(long x, uint policy) { return (double)x; }
NPU_OVERLOAD double encode_float64(ulong x, uint policy) { return (double)x; }
NPU_ROUND_ALL(float64)
#endif
NPU_ROUND_ALL(float32)

// Integers. BELOW is the least value; ABOVE the power of two just beyond the greatest, both exact as floats.
#define NPU_INTEGER_FROM(dtype, T, V, F, BELOW, ABOVE, GREATEST, MASK) \
    NPU_OVERLOAD T encode_##dtype(F x, uint policy) { \
        V inside = x < (F)BELOW ? (V)BELOW : x >= (F)ABOVE ? (V)GREATEST : isnan(x) ? (V)0 : (V)x; \
        return (T)(inside MASK); \
    }
#if NPU_HAS_DOUBLE
#define NPU_INTEGER_FROM_ALL(dtype, T, V, BELOW, ABOVE, GREATEST, MASK) \
    NPU_INTEGER_FROM(dtype, T, V, float, BELOW, ABOVE, GREATEST, MASK) \
    NPU_INTEGER_FROM(dtype, T, V, double, BELOW, ABOVE, GREATEST, MASK)
#else
#define NPU_INTEGER_FROM_ALL(dtype, T, V, BELOW, ABOVE, GREATEST, MASK) \
    NPU_INTEGER_FROM(dtype, T, V, float, BELOW, ABOVE, GREATEST, MASK)
#endif
#define NPU_INTEGER(dtype, T, V, BELOW, ABOVE, GREATEST, MASK, DECODE) \
    typedef T storage_##dtype; \
    typedef V value_##dtype; \
    NPU_OVERLOAD V decode_##dtype(T stored) { return DECODE; } \
    NPU_OVERLOAD T encode_##dtype(long x, uint policy) { return (T)(x MASK); } \
    NPU_OVERLOAD T encode_##dtype(ulong x, uint policy) { return (T)(x MASK); } \
    NPU_INTEGER_FROM_ALL(dtype, T, V, BELOW, ABOVE, GREATEST, MASK) \
    NPU_ROUND_ALL(dtype)
#define NPU_ALL_BITS

NPU_INTEGER(int8, char, long, -128, 128, 127, NPU_ALL_BITS, (long)stored)
NPU_INTEGER(int16, short, long, -32768, 32768, 32767, NPU_ALL_BITS, (long)stored)
NPU_INTEGER(int32, int, long, -2147483648l, 2147483648l, 2147483647l, NPU_ALL_BITS, (long)stored)
NPU_INTEGER(int64, long, long, LONG_MIN, 9223372036854775808ul, LONG_MAX, NPU_ALL_BITS, stored)
NPU_INTEGER(uint8, uchar, long, 0, 256, 255, NPU_ALL_BITS, (long)stored)
NPU_INTEGER(uint16, ushort, long, 0, 65536, 65535, NPU_ALL_BITS, (long)stored)
NPU_INTEGER(uint32, uint, long, 0, 4294967296l, 4294967295l, NPU_ALL_BITS, (long)stored)
NPU_INTEGER(uint64, ulong, ulong, 0, 18446744073709551616.0f, ULONG_MAX, NPU_ALL_BITS, stored)
NPU_INTEGER(int1, uchar, long, -1, 1, 0, &1, -(long)(stored & 1))
NPU_INTEGER(int2, uchar, long, -2, 2, 1, &3, ((long)(stored & 3) ^ 2) - 2)
NPU_INTEGER(int4, uchar, long, -8, 8, 7, &15, ((long)(stored & 15) ^ 8) - 8)
NPU_INTEGER(uint1, uchar, long, 0, 2, 1, &1, (long)(stored & 1))
NPU_INTEGER(uint2, uchar, long, 0, 4, 3, &3, (long)(stored & 3))
NPU_INTEGER(uint4, uchar, long, 0, 16, 15, &15, (long)(stored & 15))

// bool is a byte: anything but zero is true, NaN included.
typedef uchar storage_bool;
typedef long value_bool;
NPU_OVERLOAD long decode_bool(uchar stored) { return stored != 0; }
NPU_OVERLOAD uchar encode_bool(float x, uint policy) { return x != 0.0f; }
#if NPU_HAS_DOUBLE
NPU_OVERLOAD uchar encode_bool(double x, uint policy) { return x != 0.0; }
#endif
NPU_OVERLOAD uchar encode_bool(long x, uint policy) { return x != 0; }
NPU_OVERLOAD uchar encode_bool(ulong x, uint policy) { return x != 0; }
NPU_ROUND_ALL(bool)

#endif
