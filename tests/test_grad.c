/* The tape: gradients by hand, orders, forward against reverse mode, and the errors it promises. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include <cotangent/cotangent.h>

static ct_tensor *leaf(double value)
{
    ct_tensor *x = ct_tensor_scalar(CT_F64, value);
    ct_requires_grad(x, true);
    return x;
}

/* y = x³: y' = 3x², y'' = 6x, y''' = 6, exactly at x = 3. */
Test(grad, third_derivative_of_a_cube)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = leaf(3), *y = ct_pow(tape, x, 3);
    const double expected[] = { 27, 18, 6 };
    for (int order = 0; order < 3; order++) {
        ct_tensor *derivative;
        cr_assert(eq(int, ct_grad(tape, 1, &y, NULL, 1, &x, &derivative, CT_CREATE_GRAPH), CT_OK), "%s", ct_tape_message(tape));
        y = derivative;
        cr_expect(ieee_ulp_eq(dbl, ct_tensor_item(y), expected[order], 2));
    }
    ct_tensor_release(x);
    ct_tape_free(tape);
}

/* A leaf used twice, and gradients accumulated over two backwards. */
Test(grad, accumulates)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = leaf(5);
    for (int i = 1; i <= 2; i++) {
        cr_assert(eq(int, ct_backward(tape, ct_add(tape, ct_mul(tape, x, x), x)), CT_OK));
        cr_expect(eq(dbl, ct_tensor_item(ct_gradient(x)), 11.0 * i));
        ct_tape_reset(tape);
    }
    ct_zero_gradient(x);
    cr_expect(eq(ptr, ct_gradient(x), NULL));
    ct_tensor_release(x);
    ct_tape_free(tape);
}

/* Broadcasting is undone by sums: d/db Σ(a + b) counts the uses of b. */
Test(grad, broadcast)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *a = ct_tensor_ones(CT_F32, CT_SHAPE(2, 3, 4)), *b = ct_tensor_ones(CT_F32, CT_SHAPE(3, 1));
    ct_requires_grad(b, true);
    cr_assert(eq(int, ct_backward(tape, ct_sum(tape, ct_mul(tape, a, b))), CT_OK), "%s", ct_tape_message(tape));
    ct_tensor *g = ct_gradient(b);
    cr_assert(ct_shape_equal(ct_tensor_shape(g), CT_SHAPE(3, 1)));
    for (int i = 0; i < 3; i++)
        cr_expect(eq(dbl, ct_tensor_at(g, i), 8));
    ct_tensor_release(a), ct_tensor_release(b);
    ct_tape_free(tape);
}

Test(grad, second_backward_is_an_error)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = leaf(2), *y = ct_square(tape, x);
    cr_assert(eq(int, ct_backward(tape, y), CT_OK));
    cr_expect(eq(int, ct_backward(tape, y), CT_BAD_STATE));
    cr_expect(strstr(ct_tape_message(tape), "CT_RETAIN_GRAPH") != NULL);
    ct_tensor_release(x);
    ct_tape_free(tape);
}

Test(grad, retain_allows_it)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = leaf(2), *y = ct_square(tape, x);
    cr_assert(eq(int, ct_backward_from(tape, 1, &y, NULL, CT_RETAIN_GRAPH), CT_OK));
    cr_assert(eq(int, ct_backward(tape, y), CT_OK));
    cr_expect(eq(dbl, ct_tensor_item(ct_gradient(x)), 8));
    ct_tensor_release(x);
    ct_tape_free(tape);
}

/* A saved value changed in place is caught; one that no derivative reads may change. */
Test(grad, changed_in_place)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = leaf(2), *y = ct_square(tape, x);
    ct_tensor_fill(x, 3);
    cr_expect(eq(int, ct_backward(tape, y), CT_BAD_STATE));
    cr_expect(strstr(ct_tape_message(tape), "changed in place") != NULL, "%s", ct_tape_message(tape));
    ct_tape_reset(tape);
    ct_tensor *other = ct_tensor_scalar(CT_F64, 5);
    y = ct_square(tape, x);
    cr_assert(eq(int, ct_tensor_swap(x, other), CT_OK));
    cr_expect(eq(int, ct_backward(tape, y), CT_BAD_STATE));
    ct_tensor_release(other);
    ct_tape_reset(tape);
    y = ct_scale(tape, x, 7);
    ct_tensor_fill(x, 4);
    cr_expect(eq(int, ct_backward(tape, y), CT_OK));
    cr_expect(eq(dbl, ct_tensor_item(ct_gradient(x)), 7));
    ct_tensor_release(x);
    ct_tape_free(tape);
}

Test(grad, detach_and_no_grad)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = leaf(3);
    ct_tensor *y = ct_mul(tape, ct_detach(tape, ct_square(tape, x)), x); /* 9 x */
    cr_assert(eq(int, ct_backward(tape, y), CT_OK), "%s", ct_tape_message(tape));
    cr_expect(eq(dbl, ct_tensor_item(ct_gradient(x)), 9));
    ct_no_grad_begin(tape);
    ct_tensor *z = ct_square(tape, x);
    ct_no_grad_end(tape);
    cr_expect(not(ct_tensor_requires_grad(z)));
    cr_expect(eq(int, ct_backward(tape, z), CT_BAD_ARGUMENT));
    ct_tensor_release(x);
    ct_tape_free(tape);
}

Test(grad, unused_input)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = leaf(3), *unused = leaf(1), *y = ct_square(tape, x), *g[2];
    ct_tensor *const inputs[] = { x, unused };
    cr_expect(eq(int, ct_grad(tape, 1, &y, NULL, 2, inputs, g, CT_ALLOW_UNUSED | CT_RETAIN_GRAPH), CT_OK));
    cr_expect(eq(dbl, ct_tensor_item(g[0]), 6));
    cr_expect(eq(ptr, g[1], NULL));
    cr_expect(eq(int, ct_grad(tape, 1, &y, NULL, 2, inputs, g, 0), CT_BAD_ARGUMENT));
    ct_tensor_release(x), ct_tensor_release(unused);
    ct_tape_free(tape);
}

/* One NULL is one message; what follows stays quiet. */
Test(grad, sticky_error)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *a = ct_tensor_ones(CT_F64, CT_SHAPE(2, 3)), *b = ct_tensor_ones(CT_F64, CT_SHAPE(4)), *c = ct_tensor_ones(CT_F32, CT_SCALAR);
    cr_expect(eq(ptr, ct_exp(tape, ct_add(tape, a, b)), NULL));
    cr_expect(eq(int, ct_tape_status(tape), CT_BAD_SHAPE));
    cr_expect(strstr(ct_tape_message(tape), "(2, 3)") != NULL && strstr(ct_tape_message(tape), "(4,)") != NULL, "%s", ct_tape_message(tape));
    ct_tape_reset(tape);
    cr_expect(eq(ptr, ct_mul(tape, a, c), NULL));
    cr_expect(eq(int, ct_tape_status(tape), CT_BAD_DTYPE));
    ct_tensor_release(a), ct_tensor_release(b), ct_tensor_release(c);
    ct_tape_free(tape);
}

/* Every one-operand function: vjp against central differences, <g, jvp> = <vjp, dx>, and the second order. */
struct function {
    const char *name;
    ct_tensor *(*f)(ct_tape *, ct_tensor *);
    double at;
};

static ct_tensor *f_pow(ct_tape *t, ct_tensor *x) { return ct_pow(t, x, 2.5); }
static ct_tensor *f_leaky(ct_tape *t, ct_tensor *x) { return ct_leaky_relu(t, x, 0.2); }
static ct_tensor *f_elu(ct_tape *t, ct_tensor *x) { return ct_elu(t, x, 1.3); }
static ct_tensor *f_softplus(ct_tape *t, ct_tensor *x) { return ct_softplus(t, x, 1.5, 20); }
static ct_tensor *f_clamp(ct_tape *t, ct_tensor *x) { return ct_clamp(t, x, -1, 1); }
static ct_tensor *f_scale(ct_tape *t, ct_tensor *x) { return ct_scale(t, x, -3); }
static ct_tensor *f_max(ct_tape *t, ct_tensor *x) { return ct_maximum(t, x, ct_scale(t, x, 2)); }
static ct_tensor *f_div(ct_tape *t, ct_tensor *x) { return ct_div(t, ct_exp(t, x), x); }

static const struct function functions[] = {
    { "neg", ct_neg, 0.7 },      { "scale", f_scale, 0.7 },      { "pow", f_pow, 0.7 },      { "square", ct_square, -0.7 },
    { "sqrt", ct_sqrt, 0.7 },    { "exp", ct_exp, -0.7 },        { "log", ct_log, 0.7 },     { "abs", ct_abs, -0.7 },
    { "erf", ct_erf, 0.4 },      { "clamp", f_clamp, 0.5 },      { "clamp", f_clamp, 1.5 },  { "relu", ct_relu, 0.5 },
    { "relu", ct_relu, -0.5 },   { "leaky_relu", f_leaky, -0.5 }, { "elu", f_elu, -0.5 },    { "elu", f_elu, 0.5 },
    { "gelu", ct_gelu, -0.6 },   { "sigmoid", ct_sigmoid, 0.6 }, { "tanh", ct_tanh, 0.6 },   { "softplus", f_softplus, -0.6 },
    { "softplus", f_softplus, 15 }, { "maximum", f_max, 0.5 },   { "maximum", f_max, -0.5 }, { "div", f_div, 0.8 },
};

static double value_at(const struct function *f, ct_tape *tape, double at)
{
    ct_tensor *x = ct_tensor_scalar(CT_F64, at);
    const double value = ct_tensor_item(f->f(tape, x));
    ct_tensor_release(x);
    return value;
}

Test(grad, elementwise_by_differences)
{
    ct_tape *tape = ct_tape_new();
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const struct function *f = &functions[i];
        ct_tape_reset(tape);
        ct_tensor *x = leaf(f->at), *y = f->f(tape, x), *first = NULL, *second = NULL, *pushed = NULL, *one = ct_tensor_scalar(CT_F64, 1);
        cr_assert(eq(int, ct_push(tape, 1, &x, &one, 1, &y, &pushed, 0), CT_OK), "%s: %s", f->name, ct_tape_message(tape));
        cr_assert(eq(int, ct_grad(tape, 1, &y, NULL, 1, &x, &first, CT_CREATE_GRAPH), CT_OK), "%s: %s", f->name, ct_tape_message(tape));
        const double h = 1e-4, up = value_at(f, tape, f->at + h), down = value_at(f, tape, f->at - h), mid = value_at(f, tape, f->at);
        cr_expect(epsilon_eq(dbl, ct_tensor_item(first), (up - down) / (2 * h), 1e-7), "%s: first order", f->name);
        cr_expect(ieee_ulp_eq(dbl, ct_tensor_item(pushed), ct_tensor_item(first), 4), "%s: forward mode", f->name);
        if (ct_tensor_requires_grad(first)) {
            cr_assert(eq(int, ct_grad(tape, 1, &first, NULL, 1, &x, &second, CT_ALLOW_UNUSED), CT_OK), "%s: %s", f->name,
                      ct_tape_message(tape));
            const double expected = (up - 2 * mid + down) / (h * h);
            cr_expect(epsilon_eq(dbl, second == NULL ? 0 : ct_tensor_item(second), expected, 2e-6), "%s: second order", f->name);
        }
        ct_tensor_release(x), ct_tensor_release(one);
    }
    ct_tape_free(tape);
}

/* leaky_relu's fused derivative is the taped one, and a slope below 0 folds: its values and derivatives are still the definition's. */
Test(grad, leaky_relu_of_any_slope)
{
    static const double at[] = { -2, -0.5, 0, 0.5, 3 }, slopes[] = { 0.2, 0, 1.5, -0.3 };
    ct_tape *tape = ct_tape_new();
    for (int k = 0; k < 4; k++)
        for (unsigned flags = 0; flags <= CT_CREATE_GRAPH; flags += CT_CREATE_GRAPH) {
            ct_tape_reset(tape);
            ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(5), at), *g = ct_tensor_from(CT_F64, CT_SHAPE(5), at), *dx;
            ct_requires_grad(x, true);
            ct_tensor *y = ct_leaky_relu(tape, x, slopes[k]);
            cr_assert(eq(int, ct_grad(tape, 1, &y, &g, 1, &x, &dx, flags), CT_OK), "%s", ct_tape_message(tape));
            for (int i = 0; i < 5; i++) {
                const double slope = at[i] > 0 ? 1 : slopes[k];
                cr_expect(eq(dbl, ct_tensor_at(y, i), slope * at[i]));
                cr_expect(eq(dbl, ct_tensor_at(dx, i), slope * at[i]));
            }
            ct_tensor_release(x), ct_tensor_release(g);
        }
    ct_tape_free(tape);
}

/* relu(−∞) is 0 and not −∞ · 0, negative zeros do not print, NaN stays; the derivative passes any cotangent where x > 0 alone. */
Test(grad, relu_of_anything)
{
    ct_tape *tape = ct_tape_new();
    for (int dtype = CT_F32; dtype <= CT_F64; dtype++) {
        ct_tensor *wide = ct_tensor_from(CT_F64, CT_SHAPE(5), (double[]){ -INFINITY, -2, -0.0, 3, NAN }), *x = ct_tensor_cast(wide, dtype);
        ct_tensor *far = ct_tensor_full(dtype, CT_SHAPE(5), INFINITY), *g;
        ct_requires_grad(x, true);
        ct_tensor *y = ct_relu(tape, x);
        for (int i = 0; i < 3; i++)
            cr_expect(ct_tensor_at(y, i) == 0 && !signbit(ct_tensor_at(y, i)));
        cr_expect(ct_tensor_at(y, 3) == 3 && isnan(ct_tensor_at(y, 4)));
        cr_assert(ct_grad(tape, 1, &y, &far, 1, &x, &g, 0) == CT_OK);
        for (int i = 0; i < 4; i++)
            cr_expect(ct_tensor_at(g, i) == (i == 3 ? INFINITY : 0));
        ct_tensor_release(wide), ct_tensor_release(x), ct_tensor_release(far);
    }
    cr_expect(ct_relu(tape, NULL) == NULL && strstr(ct_tape_message(tape), "relu: ") == ct_tape_message(tape));
    ct_tape_free(tape);
}

/* alpha eˣ to its last digits far below 0, where elu itself is −alpha already; 1 up to ∞; fused and taped. */
Test(grad, elu_keeps_small_slopes)
{
    static const double at[] = { -80, -20, -0.0, 2, INFINITY };
    ct_tape *tape = ct_tape_new();
    for (int dtype = CT_F32; dtype <= CT_F64; dtype++)
        for (unsigned flags = 0; flags <= CT_CREATE_GRAPH; flags += CT_CREATE_GRAPH) {
            ct_tensor *wide = ct_tensor_from(CT_F64, CT_SHAPE(5), at), *x = ct_tensor_cast(wide, dtype);
            ct_tensor *g = ct_tensor_ones(dtype, CT_SHAPE(5)), *dx;
            ct_requires_grad(x, true);
            ct_tensor *y = ct_elu(tape, x, 0.75);
            cr_assert(ct_grad(tape, 1, &y, &g, 1, &x, &dx, flags) == CT_OK, "%s", ct_tape_message(tape));
            for (int i = 0; i < 5; i++) {
                const double slope = at[i] > 0 ? 1 : 0.75 * exp(at[i]), got = ct_tensor_at(dx, i);
                const double bound = (dtype == CT_F32 ? 1.2e-7 : 2.3e-16) * slope;
                cr_expect(fabs(got - slope) <= bound, "at %g: %g, not %g", at[i], got, slope);
            }
            ct_tensor_release(wide), ct_tensor_release(x), ct_tensor_release(g);
            ct_tape_reset(tape);
        }
    ct_tape_free(tape);
}

/* Reductions against sums by hand. */
Test(grad, reductions)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_arange(CT_F64, 24), *cube = ct_tensor_view(x, CT_SHAPE(2, 3, 4));
    ct_tensor *s = ct_sum_axes(tape, cube, CT_AXES(0, 2), false); /* Σ over i, k of 12 i + 4 j + k */
    for (int j = 0; j < 3; j++)
        cr_expect(eq(dbl, ct_tensor_at(s, j), 48 + 32.0 * j + 12));
    cr_expect(eq(dbl, ct_tensor_item(ct_mean(tape, cube)), 11.5));
    cr_expect(eq(dbl, ct_tensor_item(ct_max(tape, cube)), 23));
    cr_expect(epsilon_eq(dbl, ct_tensor_item(ct_var_axes(tape, x, CT_AXES(0), 1, false)), 50, 1e-12)); /* n(n+1)/12 */
    ct_tensor *m = ct_min_axes(tape, cube, CT_AXES(1), true);
    cr_expect(ct_shape_equal(ct_tensor_shape(m), CT_SHAPE(2, 1, 4)));
    cr_expect(eq(dbl, ct_tensor_at(m, 5), 13));
    ct_tensor_release(x), ct_tensor_release(cube);
    ct_tape_free(tape);
}

/* After the first steps a training loop asks the allocator for nothing. */
static size_t allocations;
static void *counting_allocate(void *context, size_t size) { return (void)context, allocations++, aligned_alloc(64, (size + 63) & ~(size_t)63); }
static void counting_release(void *context, void *memory, size_t size) { (void)context, (void)size, free(memory); }

Test(grad, steady_state_allocates_nothing)
{
    ct_set_allocator(&(ct_allocator){ counting_allocate, counting_release, NULL });
    ct_tape *tape = ct_tape_new();
    ct_tensor *w = ct_tensor_ones(CT_F32, CT_SHAPE(30, 50)), *x = ct_tensor_ones(CT_F32, CT_SHAPE(8, 1, 50));
    ct_requires_grad(w, true);
    size_t before = 0;
    for (int step = 0; step < 6; step++) {
        if (step == 3)
            before = allocations;
        ct_zero_gradient(w);
        ct_backward(tape, ct_mean(tape, ct_square(tape, ct_tanh(tape, ct_mul(tape, x, w)))));
        ct_tape_reset(tape);
    }
    cr_expect(eq(sz, allocations, before));
    ct_tensor_release(w), ct_tensor_release(x);
    ct_tape_free(tape);
}

/* A rule of another shape or dtype would be broadcast and added: it is an error that names the op. */
static bool copy_shape(ct_tape *tape, const ct_call *call, ct_shape *out) { return (void)tape, *out = ct_tensor_shape(call->in[0]), true; }
static bool copy_values(ct_tape *tape, ct_call *call) { return (void)tape, ct_tensor_assign(call->out, call->in[0]) == CT_OK; }
static ct_tensor *first_alone(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    return (void)call, (void)operand, ct_slice(tape, g, 0, 0, 1, 1);
}
static ct_tensor *single_precision(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    ct_tensor *half = ct_tape_tensor(tape, CT_F32, ct_tensor_shape(g));
    (void)call, (void)operand;
    return ct_tensor_fill(half, 1) == CT_OK ? half : NULL;
}

Test(grad, rules_keep_shape_and_dtype)
{
    static const struct {
        ct_op op;
        ct_status status;
        const char *says;
    } cases[] = {
        { { .name = "narrow", .arity = 1, .shape = copy_shape, .forward = copy_values, .vjp = first_alone, .jvp = first_alone }, CT_BAD_SHAPE,
          "of narrow (op 1 of the tape) by operand 0 is float64 (1,), not float64 (3,)" },
        { { .name = "coarse", .arity = 1, .shape = copy_shape, .forward = copy_values, .vjp = single_precision, .jvp = single_precision }, CT_BAD_DTYPE,
          "of coarse (op 1 of the tape) by operand 0 is float32 (3,), not float64 (3,)" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_tape *tape = ct_tape_new();
        ct_tensor *x = ct_tensor_ones(CT_F64, CT_SHAPE(3)), *pushed;
        ct_requires_grad(x, true);
        ct_tensor *in = ct_scale(tape, x, 2), *y = ct_sum(tape, ct_apply(tape, &cases[i].op, 1, &in, NULL, 0));
        cr_assert(eq(int, ct_push(tape, 1, &x, &x, 1, &y, &pushed, 0), cases[i].status));
        cr_expect(strstr(ct_tape_message(tape), cases[i].says) != NULL && strstr(ct_tape_message(tape), "forward") != NULL, "%s", ct_tape_message(tape));
        ct_tape_clear_status(tape);
        cr_assert(eq(int, ct_backward(tape, y), cases[i].status));
        cr_expect(strstr(ct_tape_message(tape), cases[i].says) != NULL, "%s", ct_tape_message(tape));
        ct_tape_free(tape);
        ct_tensor_release(x);
    }
}

/* Rows of every length, the extreme at every place of them; NaN wins, wherever it is. */
Test(reduce, extremes_of_rows)
{
    for (int64_t n = 1; n <= 150; n += n < 70 ? 1 : 20)
        for (int64_t at = 0; at < n; at++)
            for (int which = 0; which < 3; which++) {
                ct_tape *tape = ct_tape_new();
                ct_tensor *x = ct_tape_tensor(tape, CT_F32, CT_SHAPE(n));
                ct_tensor_fill(x, 1);
                ((float *)ct_tensor_data_mutable(x))[at] = which == 0 ? 2 : which == 1 ? -3 : NAN;
                const double max = ct_tensor_item(ct_max(tape, x)), min = ct_tensor_item(ct_min(tape, x));
                if (which == 2)
                    cr_expect(isnan(max) && isnan(min));
                else
                    cr_expect(max == (which == 0 ? 2 : n == 1 ? -3 : 1) && min == (which == 1 ? -3 : n == 1 ? 2 : 1));
                ct_tape_free(tape);
            }
}
