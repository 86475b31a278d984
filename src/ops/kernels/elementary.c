/* SLEEF's deterministic functions without fused multiply-adds ("cinz"), below 1 ulp, whose bits are the same at every width. In float32
 * some are slow, for being made of pairs of floats: there polynomials of our own, minimax fits computed in 40 digits. */
#include "elementary.h"

#include <sleef.h>
#include <string.h>

#if defined __AVX512F__
#define SLEEF_AT(function, bound) SLEEF_NAMED(function, 16, 8, bound, avx512fnofma)
enum { WIDTH = 64 };
#elif defined __AVX__
#define SLEEF_AT(function, bound) SLEEF_NAMED(function, 8, 4, bound, avx)
enum { WIDTH = 32 };
#elif defined __SSE2__
#define SLEEF_AT(function, bound) SLEEF_NAMED(function, 4, 2, bound, sse2)
enum { WIDTH = 16 };
#elif defined __aarch64__
#define SLEEF_AT(function, bound) SLEEF_NAMED(function, 4, 2, bound, advsimdnofma)
enum { WIDTH = 16 };
#else
#define ONE_BY_ONE
#define SLEEF_AT(function, bound) SLEEF_NAMED(function, 1, 1, bound, purec)
enum { WIDTH = sizeof(real) };
#endif

#if CT_REAL == 32
#define SLEEF_NAMED(function, floats, doubles, bound, isa) Sleef_cinz_##function##f##floats##_##bound##isa
#else
#define SLEEF_NAMED(function, floats, doubles, bound, isa) Sleef_cinz_##function##d##doubles##_##bound##isa
#endif
#define SLEEF(function) SLEEF_AT(function, u10)

#ifdef ONE_BY_ONE
typedef real pack;
#else
typedef real pack __attribute__((vector_size(WIDTH)));
#endif
enum { PACK = WIDTH / sizeof(real) };

/* y[i] = an expression of v = x[i], both packs. */
#define EACH_PACK(expression)                       \
    for (int64_t i = 0; i < n; i += PACK) {         \
        pack v;                                     \
        memcpy(&v, x + i, sizeof v);                \
        v = (expression);                           \
        memcpy(y + i, &v, sizeof v);                \
    }

#define BLOCK(name) \
    void X(ct_block_##name)(const real *x, real *y, int64_t n) { EACH_PACK(SLEEF(name)(v)) }

BLOCK(exp)
BLOCK(log)
BLOCK(log1p)

void X(ct_block_pow)(const real *x, real exponent, real *y, int64_t n)
{
    const pack all = exponent - (pack){ 0 };
    EACH_PACK(SLEEF(pow)(v, all))
}

#if CT_REAL == 64

BLOCK(expm1)
BLOCK(tanh)
BLOCK(erf)

void X(ct_block_normal)(const real *x, real *y, int64_t n)
{
    EACH_PACK((real)0.5 * SLEEF_AT(erfc, u15)((real)-0.70710678118654752440 * v))
}

void X(ct_block_density)(const real *x, real *y, int64_t n)
{
    EACH_PACK((real)0.39894228040143267794 * SLEEF(exp)(v * v * (real)-0.5))
}

#else

/* Horner's rule in t², the lowest coefficient first: half as long a chain as in t. */
#define PAIR(t, a, b) ((a) + (t) * (b))
#define POLYNOMIAL_4(t, a, b, ...) (PAIR(t, a, b) + (t) * (t) * PAIR(t, __VA_ARGS__))
#define POLYNOMIAL_6(t, a, b, ...) (PAIR(t, a, b) + (t) * (t) * POLYNOMIAL_4(t, __VA_ARGS__))
#define POLYNOMIAL_7(t, a, ...) ((a) + (t) * POLYNOMIAL_6(t, __VA_ARGS__))
#define POLYNOMIAL_8(t, a, b, ...) (PAIR(t, a, b) + (t) * (t) * POLYNOMIAL_6(t, __VA_ARGS__))
#define POLYNOMIAL_10(t, a, b, ...) (PAIR(t, a, b) + (t) * (t) * POLYNOMIAL_8(t, __VA_ARGS__))

/* x = k log 2 + head + tail, where head is exact, and q with eʳ = 1 + r + r² q for r = head + tail. */
typedef struct reduced {
    float head, tail, r, q;
    uint32_t k; /* modulo 2³² */
} reduced;

static inline reduced reduce(float x)
{
    const float to_whole = 12582912; /* 1.5 · 2²³: adding it rounds to whole numbers */
    const union { float value; uint32_t bits; } sum = { x * 1.44269504f + to_whole };
    const float k = sum.value - to_whole;
    reduced e = { x - k * 0.693359375f, k * 2.12194440e-4f, .k = sum.bits - 0x4b400000 };
    e.r = e.head + e.tail;
    e.q = POLYNOMIAL_6(e.r, 0.5f, 0.166666657f, 0.0416663587f, 0.00833338965f, 0.00139408931f, 0.000198458991f);
    return e;
}

/* 2ᵏ for k in [−126, 127]. */
static inline float power_of_two(uint32_t k)
{
    return (union { uint32_t bits; float value; }){ (k + 127) << 23 }.value;
}

/* eˣ for |x| ≤ 80. */
static inline float exp_within(float x)
{
    const reduced e = reduce(x);
    return power_of_two(e.k) * (1 + (e.head + (e.tail + e.r * e.r * e.q)));
}

/* 2ᵏ (1 + p) − 1 with p = eʳ − 1. The exact head is added to 2ᵏ − 1 before the rest, and that sum's rounding error is kept. */
void X(ct_block_expm1)(const float *x, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float v = x[i];
        const reduced e = reduce(v < -20 ? -20 : v);
        const float scale = power_of_two(e.k), a = scale - 1, b = scale * e.head, sum = a + b, lost = b - (sum - a);
        y[i] = fabsf(v) < 1e-5f ? copysignf(v + v * v * 0.5f, v) : sum + (lost + scale * (e.tail + e.r * e.r * e.q));
    }
}

/* x + x³ P(x²), and 1 − 2 / (e²ˣ + 1) further out. */
void X(ct_block_tanh)(const float *x, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float v = fabsf(x[i]), s = v * v, t = 2 * v;
        const float p = POLYNOMIAL_7(s, -0.333333313f, 0.133332774f, -0.053959582f, 0.0218043681f, -0.0085966764f, 0.00296972995f,
                                 -0.000632816169f);
        const float near = v + v * (s * p), far = 1 - 2 / (exp_within(t > 20 ? 20 : t) + 1);
        y[i] = copysignf(t < 1.5f ? near : far, x[i]);
    }
}

/* x + x P(x²), and 1 − exp(−x (1 + Q(x))) from 1 on. */
void X(ct_block_erf)(const float *x, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float v = x[i], s = v * v, size = fabsf(v), t = size > 4 ? 4 : size;
        const float p = POLYNOMIAL_7(s, 0.128379166f, -0.37612626f, 0.112835854f, -0.026853811f, 0.00518832728f, -0.000801019196f,
                                 7.85385637e-05f);
        const float q = POLYNOMIAL_6(t, 0.128480032f, 0.635831475f, 0.105116107f, -0.0227984395f, 0.00318693928f, -0.000210642291f);
        y[i] = size < 1 ? v + v * p : copysignf(1 - exp_within(-(t + t * q)), v);
    }
}

/* 2^q for q in [−126, 0]; 0 for −127. */
static inline float exp2_within(float q)
{
    const float to_whole = 12582912;
    const union { float value; uint32_t bits; } sum = { q + to_whole };
    const float r = q - (sum.value - to_whole);
    return power_of_two(sum.bits - 0x4b400000) *
           POLYNOMIAL_7(r, 1, 0.693147182f, 0.240226477f, 0.0555035956f, 0.0096184993f, 0.0013390969f, 0.00015329264f);
}

/* ½ 2^(−|x| P(|x|)) below 0, its complement above; 0 and 1 from 5.75 on, where that half is less than 5e-9. */
void X(ct_block_normal)(const float *x, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float v = x[i], t = fabsf(v);
        const float p = POLYNOMIAL_10(t, 1.15110695f, 0.4591946f, 0.0525241755f, -0.00707072858f, 0.000100967933f, 0.000231507758f,
                                      -6.26842157e-05f, 8.64610501e-06f, -6.46612364e-07f, 2.07240838e-08f);
        const float tail = 0.5f * exp2_within(t > 5.75f ? -127 : -t * p);
        y[i] = v < 0 ? tail : 1 - tail;
    }
}

void X(ct_block_density)(const float *x, float *y, int64_t n)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float q = x[i] * x[i] * -0.72134752f;
        y[i] = 0.398942280f * exp2_within(q < -126 ? -127 : q);
    }
}

#endif
