/* Elementwise functions: one loop a function, each an expression of v (and the parameters a, b). */
#include "elementwise.h"

#include <string.h>

#include "elementary.h"

static const real one = 1;

static real step(real v, real below) { return v > 0 ? one : below; }

#define UNARY(name, expression)                                                                    \
    static void unary_##name(const real *restrict x, real *restrict y, real a, real b, int64_t n)  \
    {                                                                                              \
        (void)a, (void)b;                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const real v = x[i];                                                                   \
            y[i] = (expression);                                                                   \
        }                                                                                          \
    }

/* Those of an elementary function u of `inner`. A block where u is `needed` nowhere does without. */
#define UNARY_OF(name, elementary, needed, inner, expression)                                      \
    static void unary_##name(const real *restrict x, real *restrict y, real a, real b, int64_t n)  \
    {                                                                                              \
        (void)a, (void)b;                                                                          \
        _Alignas(64) real t[CT_BLOCK];                                                             \
        for (; n > 0; x += CT_BLOCK, y += CT_BLOCK, n -= CT_BLOCK) {                               \
            const int64_t some = n < CT_BLOCK ? n : CT_BLOCK;                                      \
            int asked = 0;                                                                         \
            for (int64_t i = 0; i < some; i++) {                                                   \
                const real v = x[i];                                                               \
                t[i] = (inner);                                                                    \
                asked |= (needed);                                                                 \
            }                                                                                      \
            if (asked)                                                                             \
                elementary(t, X(ct_block_whole)(t, some));                                         \
            for (int64_t i = 0; i < some; i++) {                                                   \
                const real v = x[i], u = t[i];                                                     \
                (void)v;                                                                           \
                y[i] = (expression);                                                               \
            }                                                                                      \
        }                                                                                          \
    }

#define EXP(t, n) X(ct_block_exp)(t, t, n)
#define EXPM1(t, n) X(ct_block_expm1)(t, t, n)
#define LOG(t, n) X(ct_block_log)(t, t, n)
#define LOG1P_EXP(t, n) EXP(t, n), X(ct_block_log1p)(t, t, n)
#define TANH(t, n) X(ct_block_tanh)(t, t, n)
#define ERF(t, n) X(ct_block_erf)(t, t, n)
#define NORMAL(t, n) X(ct_block_normal)(t, t, n)
#define DENSITY(t, n) X(ct_block_density)(t, t, n)
#define POW(t, n) X(ct_block_pow)(t, a, t, n)

UNARY(neg, -v)
UNARY(scale, v * a)
UNARY(add_scalar, v + a)
UNARY_OF(pow, POW, 1, v, u)
UNARY(square, v * v)
UNARY(sqrt, M(sqrt)(v))
UNARY_OF(exp, EXP, 1, v, u)
UNARY_OF(log, LOG, 1, v, u)
UNARY(abs, M(fabs)(v))
UNARY(sign, v > 0 ? one : v < 0 ? -one : v)
UNARY_OF(erf, ERF, 1, v, u)
UNARY(clamp, clamp(v, a, b))
UNARY(inside, v >= a && v <= b ? one : 0)
UNARY(relu, v <= 0 ? 0 : v)
UNARY(leaky_relu, v > 0 ? v : v * a)
UNARY(leaky_step, step(v, a))
UNARY_OF(elu, EXPM1, !(v > 0), v, v > 0 ? v : a * u)
UNARY_OF(gelu, NORMAL, 1, v, v * u)
UNARY_OF(sigmoid, EXP, 1, -v, one / (one + u))
UNARY_OF(tanh, TANH, 1, v, u)
/* log(1 + e^(av)) / a without overflow; v itself past the threshold. */
UNARY_OF(softplus, LOG1P_EXP, !(v * a > b), -M(fabs)(v * a), v * a > b ? v : ((v * a > 0 ? v * a : 0) + u) / a)
UNARY(above, v * a > b ? one : 0)

typedef void unary_loop(const real *restrict, real *restrict, real, real, int64_t);

static unary_loop *const unary[] = {
    [CT_UNARY_NEG] = unary_neg,           [CT_UNARY_SCALE] = unary_scale,
    [CT_UNARY_ADD_SCALAR] = unary_add_scalar, [CT_UNARY_POW] = unary_pow,
    [CT_UNARY_SQUARE] = unary_square,     [CT_UNARY_SQRT] = unary_sqrt,
    [CT_UNARY_EXP] = unary_exp,           [CT_UNARY_LOG] = unary_log,
    [CT_UNARY_ABS] = unary_abs,           [CT_UNARY_SIGN] = unary_sign,
    [CT_UNARY_ERF] = unary_erf,           [CT_UNARY_CLAMP] = unary_clamp,
    [CT_UNARY_INSIDE] = unary_inside,     [CT_UNARY_LEAKY_RELU] = unary_leaky_relu,
    [CT_UNARY_RELU] = unary_relu,
    [CT_UNARY_LEAKY_STEP] = unary_leaky_step, [CT_UNARY_ELU] = unary_elu,
    [CT_UNARY_GELU] = unary_gelu,         [CT_UNARY_SIGMOID] = unary_sigmoid,
    [CT_UNARY_TANH] = unary_tanh,         [CT_UNARY_SOFTPLUS] = unary_softplus,
    [CT_UNARY_ABOVE] = unary_above,
};

void X(ct_unary)(enum ct_unary f, const void *x, void *y, double a, double b, int64_t begin, int64_t end)
{
    unary[f]((const real *)x + begin, (real *)y + begin, (real)a, (real)b, end - begin);
}

/* Derivatives: each an expression of x[i], y[i] and g[i], with the roundings of the taped one. */
#define VJP(name, expression)                                                                                                  \
    static void name##_vjp(const real *x, const real *y, const real *g, real *dx, real a, real b, int64_t begin, int64_t end)  \
    {                                                                                                                          \
        (void)x, (void)y, (void)a, (void)b;                                                                                    \
        _Pragma("omp simd")                                                                                                    \
        for (int64_t i = begin; i < end; i++)                                                                                  \
            dx[i] = (expression);                                                                                              \
    }

/* Those of elementary functions, s and t of i % CT_BLOCK, of expressions of x[i]. */
#define VJP_OF(name, elementary_s, inner_s, elementary_t, inner_t, expression)                                                 \
    static void name##_vjp(const real *x, const real *y, const real *g, real *dx, real a, real b, int64_t begin, int64_t end)  \
    {                                                                                                                          \
        _Alignas(64) real in_s[CT_BLOCK], in_t[CT_BLOCK];                                                                      \
        (void)y, (void)a, (void)b;                                                                                             \
        for (int64_t some; begin < end; begin += some) {                                                                       \
            some = end - begin < CT_BLOCK ? end - begin : CT_BLOCK;                                                            \
            for (int64_t i = begin; i < begin + some; i++) {                                                                   \
                in_s[i - begin] = (inner_s);                                                                                   \
                in_t[i - begin] = (inner_t);                                                                                   \
            }                                                                                                                  \
            elementary_s(in_s, X(ct_block_whole)(in_s, some));                                                                 \
            elementary_t(in_t, X(ct_block_whole)(in_t, some));                                                                 \
            _Pragma("omp simd")                                                                                                \
            for (int64_t i = begin; i < begin + some; i++) {                                                                   \
                const real s = in_s[i - begin], t = in_t[i - begin];                                                           \
                (void)t;                                                                                                       \
                dx[i] = (expression);                                                                                          \
            }                                                                                                                  \
        }                                                                                                                      \
    }

#define NONE(t, n) ((void)(n))

VJP(square, g[i] * (x[i] * 2))
VJP(sqrt, g[i] / (y[i] * 2))
VJP(leaky_relu, g[i] * step(y[i], a))
VJP(sigmoid, g[i] * (y[i] * (one - y[i])))
VJP(tanh, g[i] * (one - y[i] * y[i]))
VJP_OF(elu, EXP, x[i] > 0 ? 0 : x[i], NONE, 0, g[i] * (x[i] > 0 ? one : s * a))
VJP_OF(gelu, NORMAL, x[i], DENSITY, x[i], g[i] * (s + x[i] * t))
VJP_OF(softplus, EXP, -(x[i] * a), NONE, 0, g[i] * (x[i] * a > b ? one : one / (one + s)))

typedef void vjp_loop(const real *, const real *, const real *, real *, real, real, int64_t, int64_t);

static vjp_loop *const unary_vjp[] = {
    [CT_UNARY_SQUARE] = square_vjp,         [CT_UNARY_SQRT] = sqrt_vjp,
    [CT_UNARY_LEAKY_RELU] = leaky_relu_vjp, [CT_UNARY_ELU] = elu_vjp,
    [CT_UNARY_SIGMOID] = sigmoid_vjp,       [CT_UNARY_TANH] = tanh_vjp,
    [CT_UNARY_GELU] = gelu_vjp,             [CT_UNARY_SOFTPLUS] = softplus_vjp,
};

void X(ct_unary_vjp)(enum ct_unary f, const void *x, const void *y, const void *g, void *dx, double a, double b, int64_t begin,
                     int64_t end)
{
    unary_vjp[f](x, y, g, dx, (real)a, (real)b, begin, end);
}

/* Nothing is read, so that whole lines of memory are written at once: they need not be fetched before. */
static void fill(real *y, real value, int64_t n)
{
    typedef real line __attribute__((vector_size(64)));
    const line all = value - (line){ 0 };
    int64_t i = 0;
    for (; i + (int64_t)(sizeof all / sizeof value) <= n; i += (int64_t)(sizeof all / sizeof value))
        memcpy(y + i, &all, sizeof all);
    for (; i < n; i++)
        y[i] = value;
}

/* The same loop for each pair of strides, so that the compiler vectorises every one. */
#define BINARY_LOOP(ia, ib, expression)         \
    for (int64_t i = 0; i < n; i++) {           \
        const real u = a[ia], v = b[ib];        \
        y[i] = (expression);                    \
    }

#define BINARY(name, expression)                                                                      \
    static void binary_##name(const real *restrict a, int64_t sa, const real *restrict b, int64_t sb, \
                              real *restrict y, int64_t n)                                            \
    {                                                                                                 \
        if (sa == 1 && sb == 1)                                                                       \
            BINARY_LOOP(i, i, expression)                                                             \
        else if (sa == 1)                                                                             \
            BINARY_LOOP(i, 0, expression)                                                             \
        else if (sb == 1)                                                                             \
            BINARY_LOOP(0, i, expression)                                                             \
        else {                                                                                        \
            const real u = a[0], v = b[0];                                                            \
            fill(y, (expression), n);                                                                 \
        }                                                                                             \
    }

BINARY(add, u + v)
BINARY(sub, u - v)
BINARY(mul, u * v)
BINARY(div, u / v)
BINARY(maximum, u > v || u != u ? u : v)
BINARY(minimum, u < v || u != u ? u : v)
BINARY(greater, u > v ? one : 0)
BINARY(equal, u == v ? one : 0)
BINARY(masked, v != 0 ? u : 0)
BINARY(first, ((void)v, u))

typedef void binary_loop(const real *restrict, int64_t, const real *restrict, int64_t, real *restrict, int64_t);

static binary_loop *const binary[] = {
    [CT_BINARY_ADD] = binary_add,         [CT_BINARY_SUB] = binary_sub,         [CT_BINARY_MUL] = binary_mul,
    [CT_BINARY_DIV] = binary_div,         [CT_BINARY_MAXIMUM] = binary_maximum, [CT_BINARY_MINIMUM] = binary_minimum,
    [CT_BINARY_GREATER] = binary_greater, [CT_BINARY_EQUAL] = binary_equal,
    [CT_BINARY_MASKED] = binary_masked,   [CT_BINARY_FIRST] = binary_first,
};

void X(ct_binary)(enum ct_binary f, const void *a, int64_t sa, const void *b, int64_t sb, void *y, int64_t count)
{
    binary[f](a, sa, b, sb, y, count);
}
