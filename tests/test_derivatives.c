/* vjp, jvp, Jacobians, Hessians, nested; matrices and transposes of linear functions: against derivatives by hand. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <cotangent/cotangent.h>

static void expect(const ct_tensor *got, int64_t count, const double wanted[])
{
    cr_assert_not_null(got);
    cr_assert_eq(ct_tensor_count(got), count);
    for (int64_t i = 0; i < count; i++)
        cr_assert_eq(ct_tensor_at(got, i), wanted[i], "%.17g, not %.17g", ct_tensor_at(got, i), wanted[i]);
}

static ct_tensor *vector(int64_t count, const double values[]) { return ct_tensor_from(CT_F64, CT_SHAPE(count), values); }

/* (x0² x1, sin-free: x0 + 3 x1, x1³): J = [2 x0 x1, x0²; 1, 3; 0, 3 x1²]. */
static ct_tensor *three(ct_tape *t, ct_tensor *const in[], void *context)
{
    (void)context;
    ct_tensor *a = ct_slice(t, in[0], 0, 0, 1, 1), *b = ct_slice(t, in[0], 0, 1, 2, 1);
    ct_tensor *parts[] = { ct_mul(t, ct_square(t, a), b), ct_add(t, a, ct_scale(t, b, 3)), ct_pow(t, b, 3) };
    return ct_concat(t, 3, parts, 0);
}

/* x0³ x1 + x1²: gradient (3 x0² x1, x0³ + 2 x1), Hessian [6 x0 x1, 3 x0²; 3 x0², 2]. */
static ct_tensor *scalar(ct_tape *t, ct_tensor *const in[], void *context)
{
    (void)context;
    ct_tensor *a = ct_slice(t, in[0], 0, 0, 1, 1), *b = ct_slice(t, in[0], 0, 1, 2, 1);
    return ct_add(t, ct_mul(t, ct_pow(t, a, 3), b), ct_square(t, b));
}

Test(derivatives, by_hand)
{
    ct_tape *tape = ct_tape_new();
    const double at[] = { 2, 5 };
    ct_tensor *x = vector(2, at), *v = vector(3, (double[]){ 1, 10, 100 }), *u = vector(2, (double[]){ 1, -1 }), *g, *d;
    ct_function f = { three, NULL, 1 }, s = { scalar, NULL, 1 };

    cr_assert_not_null(ct_vjp(tape, &f, &x, v, &g), "%s", ct_tape_message(tape));
    expect(g, 2, (double[]){ 30, 4 + 30 + 7500 });
    ct_tensor *y = ct_jvp(tape, &f, &x, &u, &d);
    expect(y, 3, (double[]){ 20, 17, 125 });
    expect(d, 3, (double[]){ 20 - 4, 1 - 3, -75 });
    expect(ct_jacobian(tape, &f, &x), 6, (double[]){ 20, 4, 1, 3, 0, 75 });
    expect(ct_jacobian(tape, &s, &x), 2, (double[]){ 60, 18 });
    expect(ct_hessian(tape, &s, &x), 4, (double[]){ 60, 12, 12, 2 });
    y = ct_hvp(tape, &s, &x, &u, &g);
    expect(y, 1, (double[]){ 65 });
    expect(g, 2, (double[]){ 48, 10 });
    cr_expect(!(ct_tensor_requires_grad(y)));
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(v), ct_tensor_release(u);
}

static ct_tensor *cube(ct_tape *t, ct_tensor *const in[], void *context) { return (void)context, ct_pow(t, in[0], 3); }
static ct_tensor *first(ct_tape *t, ct_tensor *const in[], void *context)
{
    ct_tensor *gradient;
    return ct_vjp(t, context, in, NULL, &gradient) ? gradient : NULL;
}

/* x³ differentiated by nesting: 3x², 6x, 6, 0. */
Test(derivatives, nest)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_scalar(CT_F64, 2);
    ct_function f[5] = { { cube, NULL, 1 } };
    const double wanted[] = { 8, 12, 12, 6, 0 };
    for (int order = 0; order < 5; order++) {
        if (order)
            f[order] = (ct_function){ first, &f[order - 1], 1 };
        ct_tensor *y = f[order].apply(tape, &x, f[order].context);
        cr_assert_not_null(y, "%s", ct_tape_message(tape));
        cr_expect(fabs(ct_tensor_item(y) - wanted[order]) <= 1e-13, "order %d", order);
    }
    ct_tape_free(tape);
    ct_tensor_release(x);
}

/* d/dx [ x · d/dy (x + y)|_{y = x} ] = 1: the inner derivative must not see the outer's x. */
static ct_tensor *plus(ct_tape *t, ct_tensor *const in[], void *context) { return ct_add(t, context, in[0]); }
static ct_tensor *confused(ct_tape *t, ct_tensor *const in[], void *context)
{
    (void)context;
    ct_function inner = { plus, in[0], 1 };
    ct_tensor *slope;
    ct_vjp(t, &inner, in, NULL, &slope);
    return ct_mul(t, in[0], slope);
}

Test(derivatives, no_perturbation_confusion)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_scalar(CT_F64, 3), *g;
    cr_assert_not_null(ct_vjp(tape, &(ct_function){ confused, NULL, 1 }, &x, NULL, &g), "%s", ct_tape_message(tape));
    cr_expect(ct_tensor_item(g) == 1);
    ct_tape_free(tape);
    ct_tensor_release(x);
}

/* The modes inside each other, three deep and in every order: (x⁴)''' = 24 x; and each inside each is not confused. */
struct mode {
    const ct_function *f;
    bool forth;
};

static ct_tensor *slope(ct_tape *t, ct_tensor *const in[], void *context)
{
    const struct mode *mode = context;
    ct_tensor *result, *one = ct_tape_tensor(t, CT_F64, CT_SHAPE());
    ct_tensor_fill(one, 1);
    return (mode->forth ? ct_jvp(t, mode->f, in, &one, &result) : ct_vjp(t, mode->f, in, NULL, &result)) ? result : NULL;
}
static ct_tensor *fourth_power(ct_tape *t, ct_tensor *const in[], void *context) { return (void)context, ct_square(t, ct_square(t, in[0])); }
static ct_tensor *confused_by(ct_tape *t, ct_tensor *const in[], void *context)
{
    ct_function added = { plus, in[0], 1 };
    return ct_mul(t, in[0], slope(t, in, &(struct mode){ &added, context != NULL }));
}

Test(derivatives, modes_nest)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_scalar(CT_F64, 3);
    const ct_function f = { fourth_power, NULL, 1 };
    for (int modes = 0; modes < 8; modes++) {
        struct mode first_mode = { &f, modes & 1 };
        const ct_function one = { slope, &first_mode, 1 };
        struct mode second_mode = { &one, modes & 2 };
        const ct_function two = { slope, &second_mode, 1 };
        ct_tensor *y = slope(tape, &x, &(struct mode){ &two, modes & 4 });
        cr_assert_not_null(y, "%d: %s", modes, ct_tape_message(tape));
        cr_expect_eq(ct_tensor_item(y), 72, "modes %d: %g", modes, ct_tensor_item(y));
        const ct_function inside = { confused_by, modes & 1 ? tape : NULL, 1 };
        y = slope(tape, &x, &(struct mode){ &inside, modes & 2 });
        cr_assert_not_null(y, "%d: %s", modes, ct_tape_message(tape));
        cr_expect_eq(ct_tensor_item(y), 1, "modes %d: %g", modes, ct_tensor_item(y));
        ct_tape_reset(tape);
    }
    ct_tape_free(tape);
    ct_tensor_release(x);
}

/* A gradient penalty: the derivative by a captured parameter of a norm of the derivative by the input. |∂(w x²)/∂x|² = 4 w² x². */
static ct_tensor *weighted_square(ct_tape *t, ct_tensor *const in[], void *context)
{
    return ct_mul(t, context, ct_square(t, in[0]));
}

Test(derivatives, captured_parameter)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_scalar(CT_F64, 3), *w = ct_tensor_scalar(CT_F64, 5), *g;
    ct_requires_grad(w, true);
    ct_function f = { weighted_square, w, 1 };
    cr_assert_not_null(ct_vjp(tape, &f, &x, NULL, &g), "%s", ct_tape_message(tape));
    cr_expect(ct_tensor_item(g) == 30);
    cr_assert(ct_backward(tape, ct_square(tape, g)) == CT_OK, "%s", ct_tape_message(tape));
    cr_expect(ct_tensor_item(ct_gradient(w)) == 8 * 5 * 9);
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(w);
}

/* What does not depend has the derivative zero; what has no rule is an error. */
static ct_tensor *ignores(ct_tape *t, ct_tensor *const in[], void *context) { return (void)context, ct_square(t, in[1]); }

static bool copy_forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    return ct_tensor_assign(call->out, call->in[0]) == CT_OK;
}
static bool same_shape(ct_tape *tape, const ct_call *call, ct_shape *out) { return (void)tape, *out = ct_tensor_shape(call->in[0]), true; }
static const ct_op no_rule = { .name = "opaque", .arity = 1, .shape = same_shape, .forward = copy_forward };
static ct_tensor *opaque(ct_tape *t, ct_tensor *const in[], void *context) { return (void)context, ct_apply(t, &no_rule, 1, in, NULL, 0); }

Test(derivatives, zero_and_missing)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x[] = { ct_tensor_scalar(CT_F64, 3), ct_tensor_scalar(CT_F64, 5) }, *g[2];
    cr_assert_not_null(ct_vjp(tape, &(ct_function){ ignores, NULL, 2 }, x, NULL, g));
    cr_expect(ct_tensor_item(g[0]) == 0);
    cr_expect(ct_tensor_item(g[1]) == 10);
    cr_expect(ct_vjp(tape, &(ct_function){ opaque, NULL, 1 }, x, NULL, g) == NULL);
    cr_expect(ct_tape_status(tape) == CT_NO_DERIVATIVE, "%s", ct_tape_message(tape));
    ct_tape_free(tape);
    ct_tensor_release(x[0]), ct_tensor_release(x[1]);
}

/* Lists that are NULL are answered, not followed. */
Test(derivatives, lists_that_are_not_there)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_scalar(CT_F64, 3), *g[2];
    const ct_function f = { ignores, NULL, 2 };
    ct_tensor *const in[] = { x, x };
#define NAMES(text, call)                                                                                    \
    cr_expect((call) == NULL && ct_tape_status(tape) == CT_BAD_ARGUMENT);                                    \
    cr_expect_str_eq(ct_tape_message(tape), text);                                                           \
    ct_tape_clear_status(tape)
    NAMES("vjp: in is NULL", ct_vjp(tape, &f, NULL, NULL, g));
    NAMES("vjp: gradient is NULL", ct_vjp(tape, &f, in, NULL, NULL));
    NAMES("jvp: tangent is NULL", ct_jvp(tape, &f, in, NULL, g));
    NAMES("jvp: result is NULL", ct_jvp(tape, &f, in, in, NULL));
    NAMES("hvp: direction is NULL", ct_hvp(tape, &f, in, NULL, g));
    NAMES("hvp: product is NULL", ct_hvp(tape, &f, in, in, NULL));
    NAMES("jacobian: in is NULL", ct_jacobian(tape, &f, NULL));
    NAMES("hessian: in is NULL", ct_hessian(tape, &f, NULL));
    NAMES("hessian: needs a function of 1 to 16 inputs, not 0", ct_hessian(tape, NULL, in));
    ct_tape_free(tape);
    ct_tensor_release(x);
}

/* A Jacobian takes the fewer sweeps, and where an op has no rule for these, the others. */
static int pulled, pushed_forward;
static ct_tensor *twice_back(ct_tape *t, const ct_call *call, int operand, ct_tensor *g) { return (void)call, (void)operand, pulled++, ct_scale(t, g, 2); }
static ct_tensor *twice_forth(ct_tape *t, const ct_call *call, int operand, ct_tensor *g) { return (void)call, (void)operand, pushed_forward++, ct_scale(t, g, 2); }
static bool double_forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    for (int64_t i = 0; i < ct_tensor_count(call->out); i++)
        ((double *)ct_tensor_data_mutable(call->out))[i] = 2 * ct_tensor_at(call->in[0], i);
    return true;
}
#define DOUBLING(...) { .name = "doubling", .arity = 1, .shape = same_shape, .forward = double_forward, __VA_ARGS__ }
static const ct_op both_ways = DOUBLING(.vjp = twice_back, .jvp = twice_forth), back_alone = DOUBLING(.vjp = twice_back), forth_alone = DOUBLING(.jvp = twice_forth);
static ct_tensor *summed(ct_tape *t, ct_tensor *const in[], void *op) { return ct_sum(t, ct_apply(t, op, 1, in, NULL, 0)); }
static ct_tensor *spread(ct_tape *t, ct_tensor *const in[], void *op) { return ct_expand(t, ct_apply(t, op, 1, in, NULL, 0), CT_SHAPE(5)); }

Test(derivatives, jacobian_by_the_cheaper_way)
{
    static const struct {
        const ct_op *op;
        int tall, pulls, pushes;
    } cases[] = { { &both_ways, 0, 1, 0 }, { &both_ways, 1, 0, 1 }, { &back_alone, 0, 1, 0 }, { &back_alone, 1, 5, 0 },
                  { &forth_alone, 0, 0, 5 }, { &forth_alone, 1, 0, 1 } };
    ct_tape *tape = ct_tape_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_tensor *x = ct_tensor_ones(CT_F64, CT_SHAPE(cases[i].tall ? 1 : 5));
        ct_function f = { cases[i].tall ? spread : summed, (void *)(uintptr_t)cases[i].op, 1 };
        pulled = pushed_forward = 0;
        expect(ct_jacobian(tape, &f, &x), 5, (double[]){ 2, 2, 2, 2, 2 });
        cr_expect(pulled == cases[i].pulls && pushed_forward == cases[i].pushes, "case %zu: %d back, %d forth", i, pulled, pushed_forward);
        ct_tape_reset(tape);
        ct_tensor_release(x);
    }
    ct_tensor *x = ct_tensor_ones(CT_F64, CT_SHAPE(2));
    cr_expect_null(ct_jacobian(tape, &(ct_function){ opaque, NULL, 1 }, &x));
    cr_expect_eq(ct_tape_status(tape), CT_NO_DERIVATIVE);
    ct_tensor_release(x);
    ct_tape_free(tape);
}

/* ---- linear functions ---- */

struct conv_context {
    ct_tensor *w;
    ct_conv_options options;
};

static ct_tensor *conv(ct_tape *t, ct_tensor *const in[], void *context)
{
    struct conv_context *c = context;
    return ct_conv1d(t, in[0], c->w, NULL, &c->options);
}

static ct_tensor *transposed(ct_tape *t, ct_tensor *const in[], void *context)
{
    struct conv_context *c = context;
    return ct_conv_transpose1d(t, in[0], c->w, NULL, &c->options);
}

static ct_tensor *off_by_one(ct_tape *t, ct_tensor *const in[], void *context)
{
    struct conv_context *c = context;
    return ct_conv_transpose1d(t, in[0], ct_flip(t, c->w, CT_AXES(2)), NULL, &c->options);
}

/* The matrix of a convolution of 4 by (1, 2, 3), by hand, and three ways to its transpose. */
Test(derivatives, matrix_of_a_convolution)
{
    static const double c[] = { 1, 2, 3, 0, 0, 1, 2, 3 }, ct[] = { 1, 0, 2, 1, 3, 2, 0, 3 };
    ct_tape *tape = ct_tape_new();
    struct conv_context context = { ct_tensor_from(CT_F64, CT_SHAPE(1, 1, 3), (double[]){ 1, 2, 3 }), { .groups = 1 } };
    ct_function f = { conv, &context, 1 }, g = { transposed, &context, 1 }, wrong = { off_by_one, &context, 1 };
    expect(ct_matrix(tape, &f, CT_F64, CT_SHAPE(1, 1, 4)), 8, c);
    expect(ct_matrix(tape, &g, CT_F64, CT_SHAPE(1, 1, 2)), 8, ct);
    expect(ct_transpose_matrix(tape, &f, CT_F64, CT_SHAPE(1, 1, 4)), 8, ct);
    ct_tensor *y = ct_tensor_from(CT_F64, CT_SHAPE(1, 1, 2), (double[]){ 10, 1 });
    expect(ct_linear_transpose(tape, &f, CT_SHAPE(1, 1, 4), y), 4, (double[]){ 10, 21, 32, 3 });

    ct_adjoint_report report;
    cr_expect(ct_adjoint_check(&f, &g, CT_SHAPE(1, 1, 4), 1, &report), "%s", report.message);
    cr_expect(report.exact && report.by_matrix && report.comparisons > 8);
    cr_expect(!(ct_adjoint_check(&f, &wrong, CT_SHAPE(1, 1, 4), 1, &report)));
    cr_expect(report.row == 0 && report.column == 0 && report.left == 1 && report.right == 3, "%s", report.message);
    ct_tape_free(tape);
    ct_tensor_release(context.w), ct_tensor_release(y);
}

/* Beyond the size of a matrix, and with weights that round. */
Test(derivatives, adjoint_of_a_large_map)
{
    ct_random random = { .seed = 3 };
    struct conv_context context = { ct_tensor_zeros(CT_F64, CT_SHAPE(2, 3, 5)), { .stride = { 2 }, .padding = { 3 }, .output_padding = { 1 } } };
    ct_uniform(context.w, -1, 1, &random);
    ct_function f = { conv, &context, 1 }, g = { transposed, &context, 1 }, wrong = { off_by_one, &context, 1 };
    ct_adjoint_report report;
    context.options.output_padding[0] = 0;
    cr_expect(ct_adjoint_check(&f, &g, CT_SHAPE(1, 3, 201), 1, &report), "%s", report.message);
    cr_expect(!(report.exact) && !(report.by_matrix));
    cr_expect(!(ct_adjoint_check(&f, &wrong, CT_SHAPE(1, 3, 201), 1, &report)));
    cr_expect(!(ct_adjoint_check(&f, &f, CT_SHAPE(1, 3, 201), 1, &report)));
    cr_expect(report.status != CT_OK, "%s", report.message);
    ct_tensor_release(context.w);
}

static ct_tensor *affine(ct_tape *t, ct_tensor *const in[], void *context) { return (void)context, ct_add_scalar(t, in[0], 1); }
static ct_tensor *modulus(ct_tape *t, ct_tensor *const in[], void *context) { return (void)context, ct_abs(t, in[0]); }
static ct_tensor *identity(ct_tape *t, ct_tensor *const in[], void *context) { return (void)t, (void)context, in[0]; }

Test(derivatives, not_linear)
{
    ct_adjoint_report report;
    ct_function a = { affine, NULL, 1 }, m = { modulus, NULL, 1 }, i = { identity, NULL, 1 };
    cr_expect(!(ct_adjoint_check(&a, &i, CT_SHAPE(3), 1, &report)) && strstr(report.message, "not a linear"), "%s", report.message);
    cr_expect(!(ct_adjoint_check(&m, &i, CT_SHAPE(3), 1, &report)) && strstr(report.message, "not linear"), "%s", report.message);
    cr_expect(ct_adjoint_check(&i, &i, CT_SHAPE(3), 1, &report), "%s", report.message);
}

/* Half of x from the call number *context on: what is compared has the shape it had. */
static ct_tensor *shrinks(ct_tape *t, ct_tensor *const in[], void *context)
{
    return (*(int *)context)-- > 0 ? in[0] : ct_slice(t, in[0], 0, 0, ct_tensor_count(in[0]) / 2, 1);
}

Test(derivatives, shapes_that_change)
{
    ct_adjoint_report report;
    ct_function i = { identity, NULL, 1 };
    for (int64_t size = 4; size <= 400; size += 396) /* by matrices; by vectors alone */
        for (int first = 0; first < 2; first++)
            for (int calls = 0; calls < 9; calls++) {
                int left = calls;
                ct_function f = { shrinks, &left, 1 };
                cr_expect(!ct_adjoint_check(first ? &f : &i, first ? &i : &f, CT_SHAPE(size), 1, &report) || left >= 0);
                cr_expect(report.adjoint || report.status == CT_BAD_SHAPE || calls == 0, "%lld, %d calls: %s", (long long)size, calls, report.message);
            }
}

/* An op whose rule differentiates: a sweep inside a sweep leaves the outer one's marks alone. y = f(a, b) with f = a² b. */
static ct_tensor *square_times(ct_tape *t, ct_tensor *const in[], void *context) { return (void)context, ct_mul(t, ct_square(t, in[0]), in[1]); }
static const ct_function inner = { square_times, NULL, 2 };
static bool nested_forward(ct_tape *tape, ct_call *call)
{
    ct_no_grad_begin(tape);
    const ct_tensor *y = square_times(tape, call->in, NULL);
    ct_no_grad_end(tape);
    return y && ct_tensor_assign(call->out, y) == CT_OK;
}
static ct_tensor *nested_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    ct_tensor *gradient[2];
    return ct_vjp(tape, &inner, call->in, g, gradient) ? gradient[operand] : NULL;
}
static ct_tensor *nested_jvp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *tangent)
{
    ct_tensor *tangents[2] = { NULL }, *pushed;
    tangents[operand] = tangent;
    return ct_jvp(tape, &inner, call->in, tangents, &pushed) ? pushed : NULL;
}
static const ct_op nested_op = { .name = "nested", .arity = 2, .reads = CT_READS_ALL_IN, .shape = same_shape, .forward = nested_forward,
                                 .vjp = nested_vjp, .jvp = nested_jvp };
static ct_tensor *nested(ct_tape *t, ct_tensor *const in[], void *context)
{
    ct_tensor *twice[] = { in[0], ct_scale(t, in[1], 3) };
    return (void)context, ct_mul(t, ct_apply(t, &nested_op, 2, twice, NULL, 0), in[0]); /* 3 a³ b */
}

Test(derivatives, rules_may_differentiate)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *x[] = { ct_tensor_scalar(CT_F64, 2), ct_tensor_scalar(CT_F64, 5) }, *g[2], *one = ct_tensor_scalar(CT_F64, 1), *pushed;
    ct_function f = { nested, NULL, 2 };
    cr_assert_not_null(ct_vjp(tape, &f, x, NULL, g), "%s", ct_tape_message(tape));
    cr_expect_eq(ct_tensor_item(g[0]), 180);
    cr_expect_eq(ct_tensor_item(g[1]), 24);
    cr_assert_not_null(ct_jvp(tape, &f, x, (ct_tensor *[]){ one, one }, &pushed), "%s", ct_tape_message(tape));
    cr_expect_eq(ct_tensor_item(pushed), 204);
    expect(ct_hessian(tape, &f, x), 4, (double[]){ 180, 36, 36, 0 });
    ct_requires_grad(x[0], true), ct_requires_grad(x[1], true);
    cr_expect_eq(ct_backward(tape, nested(tape, x, NULL)), CT_OK, "%s", ct_tape_message(tape));
    cr_expect_eq(ct_tensor_item(ct_gradient(x[1])), 24);
    for (int order = 1; order <= 3; order++) {
        ct_gradcheck_report report;
        cr_expect_eq(ct_gradcheck(&f, x, &(ct_gradcheck_options){ .order = order }, &report), CT_RIGHT, "%s", report.message);
    }
    ct_tape_free(tape);
    ct_tensor_release(x[0]), ct_tensor_release(x[1]), ct_tensor_release(one);
}
