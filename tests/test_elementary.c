/* Elementary functions: how near they are to the C library's in more digits, what they make of the ends of the line, and that neither the
 * instruction set nor an element's place changes a bit. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include <cotangent/cotangent.h>

#include "../src/ops/conv/conv.h"
#include "../src/ops/vector/vector.h"

#define APPLY(name, expression) \
    static ct_tensor *apply_##name(ct_tape *t, ct_tensor *x) { return expression; }
APPLY(exp, ct_exp(t, x))
APPLY(log, ct_log(t, x))
APPLY(erf, ct_erf(t, x))
APPLY(tanh, ct_tanh(t, x))
APPLY(elu, ct_elu(t, x, 1))
APPLY(gelu, ct_gelu(t, x))
APPLY(sigmoid, ct_sigmoid(t, x))
APPLY(softplus, ct_softplus(t, x, 1, 20))
APPLY(pow_2_5, ct_pow(t, x, 2.5))
APPLY(reciprocal, ct_pow(t, x, -1))
APPLY(cube, ct_pow(t, x, 3))

static long double sigmoid_of(long double x) { return 1 / (1 + expl(-x)); }
static long double softplus_of(long double x) { return x > 20 ? x : fmaxl(x, 0) + log1pl(expl(-fabsl(x))); }
static long double elu_of(long double x) { return x > 0 ? x : expm1l(x); }
static long double gelu_of(long double x) { return x * erfcl(-x * sqrtl(0.5L)) / 2; }
static long double pow_2_5_of(long double x) { return powl(x, 2.5L); }
static long double reciprocal_of(long double x) { return 1 / x; }
static long double cube_of(long double x) { return x * x * x; }

/* Largest errors in units of the last place: SLEEF's bound is 1 and a formula around it adds its roundings. */
static const struct function {
    const char *name;
    ct_tensor *(*apply)(ct_tape *tape, ct_tensor *x);
    long double (*exact)(long double x);
    double bound[2], low, high; /* bound: of float32, of float64 */
} functions[] = {
    { "exp", apply_exp, expl, { 1, 1 }, -110, 88.7 },
    { "log", apply_log, logl, { 1, 1 }, 0, 1e30 },
    { "erf", apply_erf, erfl, { 1.3, 1 }, -5, 5 },
    { "tanh", apply_tanh, tanhl, { 1.1, 1 }, -10, 10 },
    { "elu", apply_elu, elu_of, { 1.1, 1 }, -40, 1 },
    { "sigmoid", apply_sigmoid, sigmoid_of, { 2.5, 2.5 }, -80, 20 },
    { "softplus", apply_softplus, softplus_of, { 2.5, 2.5 }, -80, 30 },
    { "gelu", apply_gelu, gelu_of, { 4, 4 }, -1, 10 },
    { "pow 2.5", apply_pow_2_5, pow_2_5_of, { 1, 1 }, 0, 1e10 },
    { "pow −1", apply_reciprocal, reciprocal_of, { 1, 1 }, -1e10, 1e10 },
    { "pow 3", apply_cube, cube_of, { 1, 1 }, -1e10, 1e10 },
};

enum { FUNCTIONS = sizeof functions / sizeof *functions, COUNT = 1 << 15 };

static const ct_dtype dtypes[] = { CT_F32, CT_F64 };

static ct_tensor *tensor_of(ct_dtype dtype, int64_t count, const double values[])
{
    ct_tensor *all = ct_tensor_from(CT_F64, CT_SHAPE(count), values), *x = ct_tensor_cast(all, dtype);
    ct_tensor_release(all);
    return x;
}

static double ulps(double value, long double exact, ct_dtype dtype)
{
    const int digits = dtype == CT_F32 ? FLT_MANT_DIG : DBL_MANT_DIG, least = dtype == CT_F32 ? FLT_MIN_EXP : DBL_MIN_EXP;
    int exponent;
    frexpl(exact, &exponent);
    return (double)(fabsl((long double)value - exact) / ldexpl(1, (exponent > least ? exponent : least) - digits));
}

Test(elementary, are_as_near_as_they_say)
{
    for (int d = 0; d < 2; d++)
        for (int f = 0; f < FUNCTIONS; f++) {
            const struct function *of = &functions[f];
            ct_tape *tape = ct_tape_new();
            ct_tensor *range = ct_tensor_empty(CT_F64, CT_SHAPE(COUNT));
            ct_uniform(range, of->low, of->high, &(ct_random){ .seed = 7 });
            double *r = ct_tensor_data_mutable(range);
            /* A quarter each: the whole range, and thousandths, millionths and 1e-30 of it. */
            for (int64_t i = 0; i < COUNT; i++)
                r[i] *= (double[]){ 1, 1e-3, 1e-6, 1e-30 }[i % 4];
            ct_tensor *x = tensor_of(dtypes[d], COUNT, r), *y = of->apply(tape, x);
            double worst = 0, where = 0;
            for (int64_t i = 0; i < COUNT; i++) {
                const double at = ct_tensor_at(x, i), error = ulps(ct_tensor_at(y, i), of->exact((long double)at), dtypes[d]);
                if (!(error <= worst))
                    worst = error, where = at;
            }
            cr_expect(worst <= of->bound[d], "%s of %s errs by %g ulp at %.17g", of->name, ct_dtype_name(dtypes[d]), worst, where);
            ct_tape_free(tape);
            ct_tensor_release(x), ct_tensor_release(range);
        }
}

/* What C's Annex F says of them, and underflow and overflow. */
Test(elementary, at_the_ends_of_the_line)
{
    static const struct {
        int function;
        double x, y;
    } cases[] = {
        { 0, 0, 1 },          { 0, -INFINITY, 0 },         { 0, INFINITY, INFINITY },   { 0, -800, 0 },        { 0, 710, INFINITY },
        { 1, 1, 0 },          { 1, 0, -INFINITY },         { 1, -0.0, -INFINITY },      { 1, -1, NAN },        { 1, INFINITY, INFINITY },
        { 2, 0, 0 },          { 2, -0.0, -0.0 },           { 2, INFINITY, 1 },          { 2, -INFINITY, -1 },  { 2, 7, 1 },
        { 3, 0, 0 },          { 3, -0.0, -0.0 },           { 3, INFINITY, 1 },          { 3, -INFINITY, -1 },  { 3, -30, -1 },
        { 4, 0, 0 },          { 4, -0.0, -0.0 },           { 4, INFINITY, INFINITY },   { 4, -INFINITY, -1 },  { 4, -50, -1 },
        { 5, 0, 0.5 },        { 5, -INFINITY, 0 },         { 5, INFINITY, 1 },          { 5, -800, 0 },        { 5, 50, 1 },
        { 6, -INFINITY, 0 },  { 6, INFINITY, INFINITY },   { 6, -800, 0 },              { 6, 800, 800 },       { 6, 20.5, 20.5 },
        { 7, 0, 0 },          { 7, -0.0, -0.0 },           { 7, INFINITY, INFINITY },   { 7, 50, 50 },         { 7, -50, -0.0 },
        { 8, 0, 0 },          { 8, -1, NAN },              { 8, INFINITY, INFINITY },   { 8, 1e300, INFINITY },
        { 9, 0, INFINITY },   { 9, -0.0, -INFINITY },      { 9, -INFINITY, -0.0 },      { 9, -4, -0.25 },
        { 10, -2, -8 },       { 10, -0.0, -0.0 },          { 10, -INFINITY, -INFINITY }, { 10, 1e-200, 0 },     { 10, 3, 27 },
    };
    for (int d = 0; d < 2; d++) {
        ct_tape *tape = ct_tape_new();
        for (int f = 0; f < FUNCTIONS; f++) {
            ct_tensor *x = tensor_of(dtypes[d], 1, (double[]){ NAN });
            cr_expect(isnan(ct_tensor_at(functions[f].apply(tape, x), 0)), "%s(NaN)", functions[f].name);
            ct_tensor_release(x);
        }
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            const struct function *of = &functions[cases[i].function];
            ct_tensor *x = tensor_of(dtypes[d], 1, &cases[i].x);
            const double y = ct_tensor_at(of->apply(tape, x), 0), wanted = cases[i].y;
            cr_expect(isnan(wanted) ? isnan(y) : y == wanted && !signbit(y) == !signbit(wanted), "%s(%g) of %s is %g, not %g", of->name,
                      cases[i].x, ct_dtype_name(dtypes[d]), y, wanted);
            ct_tensor_release(x);
        }
        ct_tape_free(tape);
    }
}

/* Numbers of every size, infinities and NaN among them; half of them of everyday sizes. */
static ct_tensor *numbers(ct_dtype dtype)
{
    ct_random random = { .seed = 11 };
    ct_tensor *values = ct_tensor_empty(CT_F64, CT_SHAPE(COUNT)), *exponents = ct_tensor_empty(CT_F64, CT_SHAPE(COUNT));
    ct_uniform(values, -12, 12, &random);
    ct_uniform(exponents, -1100, 1100, &random);
    double *v = ct_tensor_data_mutable(values);
    for (int64_t i = 0; i < COUNT; i += 2)
        v[i] = copysign(exp2(ct_tensor_at(exponents, i) / (i % 4 ? 1 : 7)), v[i]);
    const double special[] = { 0, -0.0, INFINITY, -INFINITY, NAN, FLT_MIN, -FLT_MAX, 1e-45, 1, -1, 88.72284, -103.97, 0.75, 5.75 };
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        v[100 + 37 * i] = special[i];
    ct_tensor *x = tensor_of(dtype, COUNT, v);
    ct_tensor_release(values), ct_tensor_release(exponents);
    return x;
}

/* The first element whose bits differ, NaN being one value; or −1. */
static int64_t difference(const ct_tensor *a, const ct_tensor *b, int64_t from)
{
    for (int64_t i = 0; i < ct_tensor_count(b); i++) {
        const double p = ct_tensor_at(a, from + i), q = ct_tensor_at(b, i);
        if (memcmp(&p, &q, sizeof p) != 0 && !(isnan(p) && isnan(q)))
            return i;
    }
    return -1;
}

Test(elementary, have_the_same_bits_for_every_instruction_set)
{
    for (int d = 0; d < 2; d++)
        for (int f = 0; f < FUNCTIONS; f++) {
            ct_tape *tape = ct_tape_new();
            ct_tensor *x = numbers(dtypes[d]), *first = NULL;
            for (int i = 0; ct_vectors_built[i]; i++) {
                if (!ct_vectors_run_here(ct_vectors_built[i]))
                    continue;
                ct_vectors_use(ct_vectors_built[i]);
                ct_tensor *y = functions[f].apply(tape, x);
                first = first ? first : y;
                const int64_t at = difference(first, y, 0);
                cr_expect_lt(at, 0, "%s(%.17g) is %a, with %s %a", functions[f].name, ct_tensor_at(x, at), ct_tensor_at(first, at),
                             ct_vectors_built[i]->name, ct_tensor_at(y, at));
            }
            ct_vectors_use(NULL);
            ct_tape_free(tape);
            ct_tensor_release(x);
        }
}

Test(elementary, have_the_same_bits_at_every_place)
{
    for (int d = 0; d < 2; d++)
        for (int f = 0; f < FUNCTIONS; f++) {
            ct_tape *tape = ct_tape_new();
            ct_tensor *x = numbers(dtypes[d]), *whole = functions[f].apply(tape, x);
            for (int64_t from = 3, count = 1; count < 600; from += count, count += 1 + count / 3) {
                ct_tensor *part = functions[f].apply(tape, ct_slice(tape, x, 0, from, from + count, 1));
                cr_expect_lt(difference(whole, part, from), 0, "%s: %lld from %lld", functions[f].name, (long long)count, (long long)from);
            }
            ct_tape_free(tape);
            ct_tensor_release(x);
        }
}

/* ---- derivatives that are one pass, and softmax -------------------------------------------- */

APPLY(square, ct_square(t, x))
APPLY(sqrt, ct_sqrt(t, x))
APPLY(leaky_relu, ct_leaky_relu(t, x, 0.2))
APPLY(elu_half, ct_elu(t, x, 0.5))
APPLY(softplus_3, ct_softplus(t, x, 3, 2))
APPLY(softmax_rows, ct_softmax(t, ct_reshape(t, x, CT_SHAPE(31, 700)), 1))
APPLY(log_softmax_rows, ct_log_softmax(t, ct_reshape(t, x, CT_SHAPE(31, 700)), -1))
APPLY(softmax_columns, ct_softmax(t, ct_reshape(t, x, CT_SHAPE(5, 14, 310)), 1))
APPLY(log_softmax_columns, ct_log_softmax(t, ct_reshape(t, x, CT_SHAPE(7, 100, 31)), 1))
/* Each value is an input, and the target of another. */
#define PAIRS(name, of, loss) APPLY(name, loss(t, of, ct_flip(t, of, CT_AXES(0)), CT_REDUCTION_NONE))
#define smooth_l1(t, x, y, reduction) ct_smooth_l1_loss(t, x, y, 0.7, reduction)
PAIRS(mse, x, ct_mse_loss)
PAIRS(l1, x, ct_l1_loss)
PAIRS(smooth, x, smooth_l1)
PAIRS(bce, ct_add_scalar(t, ct_scale(t, x, 0.125), 0.5), ct_bce_loss)
PAIRS(bce_with_logits, x, ct_bce_with_logits_loss)

static const struct rule {
    const char *name;
    ct_tensor *(*apply)(ct_tape *tape, ct_tensor *x);
    double bound; /* on the difference of the two derivatives, in units of roundoff; 0: the same bits */
} rules[] = {
    { "square", apply_square, 0 },
    { "sqrt", apply_sqrt, 0 },
    { "leaky_relu", apply_leaky_relu, 0 },
    { "elu", apply_elu_half, 0 },
    { "sigmoid", apply_sigmoid, 0 },
    { "tanh", apply_tanh, 0 },
    { "softplus", apply_softplus_3, 0 },
    { "gelu", apply_gelu, 8 },
    { "softmax of rows", apply_softmax_rows, 16 },
    { "log_softmax of rows", apply_log_softmax_rows, 16 },
    { "softmax of columns", apply_softmax_columns, 16 },
    { "log_softmax of columns", apply_log_softmax_columns, 16 },
    { "mse_loss", apply_mse, 0 },
    { "l1_loss", apply_l1, 0 },
    { "smooth_l1_loss", apply_smooth, 0 },
    { "bce_loss", apply_bce, 16 },
    { "bce_with_logits_loss", apply_bce_with_logits, 0 },
};

enum { RULES = sizeof rules / sizeof *rules, VALUES = 31 * 700 };

static ct_tensor *uniform(ct_dtype dtype, uint64_t seed)
{
    ct_tensor *x = ct_tensor_empty(dtype, CT_SHAPE(VALUES));
    ct_uniform(x, -4, 4, &(ct_random){ .seed = seed });
    ct_requires_grad(x, true);
    return x;
}

static ct_tensor *gradient_of(const struct rule *rule, ct_tape *tape, ct_tensor *x, ct_tensor *g, unsigned flags)
{
    ct_tensor *y = rule->apply(tape, x), *shaped = ct_reshape(tape, g, ct_tensor_shape(y)), *dx = NULL;
    cr_assert_eq(ct_grad(tape, 1, &y, &shaped, 1, &x, &dx, flags), CT_OK, "%s: %s", rule->name, ct_tape_message(tape));
    return dx;
}

Test(elementary, derivatives_in_one_pass_are_the_taped_ones)
{
    for (int d = 0; d < 2; d++)
        for (int r = 0; r < RULES; r++) {
            ct_tape *tape = ct_tape_new();
            ct_tensor *x = uniform(dtypes[d], 3), *g = uniform(dtypes[d], 4);
            ct_tensor *fused = gradient_of(&rules[r], tape, x, g, 0), *taped = gradient_of(&rules[r], tape, x, g, CT_CREATE_GRAPH);
            const double bound = rules[r].bound * 4 * (dtypes[d] == CT_F32 ? FLT_EPSILON : DBL_EPSILON);
            double worst = 0;
            for (int64_t i = 0; i < VALUES; i++) {
                const double p = ct_tensor_at(fused, i), q = ct_tensor_at(taped, i);
                worst = fmax(worst, isnan(p) && isnan(q) ? 0 : isnan(p) || isnan(q) ? INFINITY : fabs(p - q));
            }
            cr_expect(worst <= bound, "%s of %s: %g apart", rules[r].name, ct_dtype_name(dtypes[d]), worst);
            ct_tape_free(tape);
            ct_tensor_release(x), ct_tensor_release(g);
        }
}

Test(elementary, rules_have_the_same_bits_for_every_instruction_set)
{
    for (int d = 0; d < 2; d++)
        for (int r = 0; r < RULES; r++) {
            ct_tape *tape = ct_tape_new();
            ct_tensor *x = uniform(dtypes[d], 5), *g = uniform(dtypes[d], 6), *first[2] = { NULL };
            for (int i = 0; ct_vectors_built[i]; i++) {
                if (!ct_vectors_run_here(ct_vectors_built[i]))
                    continue;
                ct_vectors_use(ct_vectors_built[i]);
                ct_tensor *got[] = { rules[r].apply(tape, x), gradient_of(&rules[r], tape, x, g, CT_RETAIN_GRAPH) };
                for (int k = 0; k < 2; k++) {
                    first[k] = first[k] ? first[k] : got[k];
                    cr_expect_lt(difference(first[k], got[k], 0), 0, "%s, %s of %s, with %s", k ? "derivative" : "value",
                                 rules[r].name, ct_dtype_name(dtypes[d]), ct_vectors_built[i]->name);
                }
            }
            ct_vectors_use(NULL);
            ct_tape_free(tape);
            ct_tensor_release(x), ct_tensor_release(g);
        }
}
