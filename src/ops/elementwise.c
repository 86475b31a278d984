/* Elementwise ops. A diagonal Jacobian is its own transpose, so vjp and jvp of a one-operand op are one function: direction · f'(x). */
#include <math.h>

#include "elementwise.h"
#include "kernels/elementwise.h"

enum { GRAIN = 1 << 14 };

struct parameters {
    double a, b;
};

/* ---- one operand -------------------------------------------------------------------- */

struct unary_job {
    const ct_call *call;
    enum ct_unary f;
    struct parameters p;
};

static void unary_range(void *context, int64_t begin, int64_t end)
{
    const struct unary_job *job = context;
    const ct_call *call = job->call;
    CT_KERNEL_OF(call->out->dtype, ct_unary)(job->f, CT_IN(call, 0), CT_OUT(call), job->p.a, job->p.b, begin, end);
}

static bool run_unary(ct_call *call, enum ct_unary f)
{
    const struct parameters *p = call->attributes;
    struct unary_job job = { call, f, p != NULL ? *p : (struct parameters){ 0 } };
    ct_parallel_for(call->out->count, GRAIN, unary_range, &job);
    return true;
}

#define A(call) (((const struct parameters *)(call)->attributes)->a)
#define B(call) (((const struct parameters *)(call)->attributes)->b)

/* UNARY(name, FUNCTION, reads, derivative): the row ct_op_name, whose vjp and jvp are `derivative`, an expression of the tape t,
 * the operand x, the output y, the direction g and the parameters. */
#define UNARY_ROW(name_, function_, reads_, derivative_, ...)                                     \
    static bool name_##_forward(ct_tape *tape, ct_call *call)                                     \
    {                                                                                             \
        (void)tape;                                                                               \
        return run_unary(call, function_);                                                        \
    }                                                                                             \
    const ct_op ct_op_##name_ = {                                                                 \
        .name = #name_, .arity = 1, .reads = reads_, .shape = ct_shape_same,                      \
        .forward = name_##_forward, .vjp = derivative_, .jvp = derivative_, __VA_ARGS__           \
    };

#define UNARY(name_, function_, reads_, derivative_, ...)                                         \
    static ct_tensor *name_##_derivative(ct_tape *t, const ct_call *call, int operand, ct_tensor *g) \
    {                                                                                             \
        (void)operand;                                                                            \
        ct_tensor *const x = call->in[0], *const y = call->out;                                   \
        (void)t, (void)x, (void)y, (void)g;                                                           \
        return derivative_;                                                                       \
    }                                                                                             \
    UNARY_ROW(name_, function_, reads_, name_##_derivative, __VA_ARGS__)

#define X_ CT_READS_IN
#define Y_ CT_READS_OUT

/* e^(−x²/2)/√(2π) and Φ(x), for gelu. */
static ct_tensor *normal_density(ct_tape *t, ct_tensor *x)
{
    return ct_scale(t, ct_exp(t, ct_scale(t, ct_square(t, x), -0.5)), 0.39894228040143267794);
}

static ct_tensor *normal_distribution(ct_tape *t, ct_tensor *x)
{
    return ct_scale(t, ct_add_scalar(t, ct_erf(t, ct_scale(t, x, 0.70710678118654752440)), 1), 0.5);
}

/* alpha eˣ where x ≤ 0, and finite above: elu's slope, which y + alpha would round away far below. */
static ct_tensor *exp_below(ct_tape *t, ct_tensor *x, double alpha)
{
    return ct_scale(t, ct_exp(t, ct_clamp(t, x, -INFINITY, 0)), alpha);
}

/* s + (1 − s)·other: 1 where the mask s is 1. */
static ct_tensor *one_or(ct_tape *t, ct_tensor *s, ct_tensor *other)
{
    return ct_add(t, s, ct_mul(t, ct_add_scalar(t, ct_neg(t, s), 1), other));
}

/* One pass over the operands, where the taped definition takes several. */
struct unary_vjp_job {
    const ct_call *call;
    enum ct_unary f;
    const ct_tensor *cotangent;
    ct_tensor *gradient;
};

static void unary_vjp_range(void *context, int64_t begin, int64_t end)
{
    const struct unary_vjp_job *job = context;
    const ct_call *call = job->call;
    const struct parameters *p = call->attributes;
    CT_KERNEL_OF(job->cotangent->dtype, ct_unary_vjp)
    (job->f, call->op->reads & X_ ? CT_IN(call, 0) : NULL, call->op->reads & Y_ ? CT_OUT(call) : NULL, ct_data(job->cotangent),
     ct_data(job->gradient), p->a, p->b, begin, end);
}

static bool run_unary_vjp(enum ct_unary f, ct_tape *tape, const ct_call *call, ct_tensor *cotangent, const bool wanted[],
                          ct_tensor *gradient[])
{
    if (!wanted[0])
        return true;
    gradient[0] = ct_gradient_in_place(tape, call, cotangent);
    if (gradient[0] == NULL)
        return false;
    ct_parallel_for(cotangent->count, GRAIN, unary_vjp_range, &(struct unary_vjp_job){ call, f, cotangent, gradient[0] });
    return true;
}

/* UNARY whose derivative is a loop of ct_unary_vjp too. */
#define UNARY_FUSED(name_, function_, reads_, derivative_)                                                   \
    static bool name_##_fused(ct_tape *tape, const ct_call *call, ct_tensor *g, const bool wanted[], ct_tensor *gradient[]) \
    {                                                                                                        \
        return run_unary_vjp(function_, tape, call, g, wanted, gradient);                                    \
    }                                                                                                        \
    UNARY(name_, function_, reads_, derivative_, .fused_vjp = name_##_fused)

UNARY(neg, CT_UNARY_NEG, 0, ct_neg(t, g))
UNARY(scale, CT_UNARY_SCALE, 0, ct_scale(t, g, A(call)))
UNARY(add_scalar, CT_UNARY_ADD_SCALAR, 0, g)
UNARY(pow, CT_UNARY_POW, X_, A(call) == 0 ? NULL : ct_mul(t, g, ct_scale(t, ct_pow(t, x, A(call) - 1), A(call))))
UNARY_FUSED(square, CT_UNARY_SQUARE, X_, ct_mul(t, g, ct_scale(t, x, 2)))
UNARY_FUSED(sqrt, CT_UNARY_SQRT, Y_, ct_div(t, g, ct_scale(t, y, 2)))
UNARY(exp, CT_UNARY_EXP, Y_, ct_mul(t, g, y))
UNARY(log, CT_UNARY_LOG, X_, ct_div(t, g, x))
UNARY(abs, CT_UNARY_ABS, X_, ct_mul(t, g, ct_sign(t, x)))
UNARY(erf, CT_UNARY_ERF, X_, ct_mul(t, g, ct_scale(t, ct_exp(t, ct_neg(t, ct_square(t, x))), 1.12837916709551257390)))
UNARY(clamp, CT_UNARY_CLAMP, X_, ct_mul(t, g, ct_inside(t, x, A(call), B(call))))
UNARY(relu, CT_UNARY_RELU, Y_, ct_masked(t, g, y))
UNARY_FUSED(leaky_relu, CT_UNARY_LEAKY_RELU, Y_, ct_mul(t, g, ct_leaky_step(t, y, A(call)))) /* slope ≥ 0 */
UNARY_FUSED(elu, CT_UNARY_ELU, X_, ct_mul(t, g, one_or(t, ct_leaky_step(t, x, 0), exp_below(t, x, A(call)))))
UNARY_FUSED(gelu, CT_UNARY_GELU, X_, ct_mul(t, g, ct_add(t, normal_distribution(t, x), ct_mul(t, x, normal_density(t, x)))))
UNARY_FUSED(sigmoid, CT_UNARY_SIGMOID, Y_, ct_mul(t, g, ct_mul(t, y, ct_add_scalar(t, ct_neg(t, y), 1))))
UNARY_FUSED(tanh, CT_UNARY_TANH, Y_, ct_mul(t, g, ct_add_scalar(t, ct_neg(t, ct_square(t, y)), 1)))
UNARY_FUSED(softplus, CT_UNARY_SOFTPLUS, X_,
      ct_mul(t, g, one_or(t, ct_above(t, x, A(call), B(call)), ct_sigmoid(t, ct_scale(t, x, A(call))))))
UNARY_ROW(sign, CT_UNARY_SIGN, 0, ct_zero_derivative)
UNARY_ROW(leaky_step, CT_UNARY_LEAKY_STEP, 0, ct_zero_derivative)
UNARY_ROW(inside, CT_UNARY_INSIDE, 0, ct_zero_derivative)
UNARY_ROW(above, CT_UNARY_ABOVE, 0, ct_zero_derivative)

static ct_tensor *apply1(ct_tape *tape, const ct_op *op, ct_tensor *x, double a, double b)
{
    const struct parameters p = { a, b };
    return ct_apply(tape, op, 1, &x, &p, sizeof p);
}

#define PUBLIC0(name) ct_tensor *ct_##name(ct_tape *tape, ct_tensor *x) { return apply1(tape, &ct_op_##name, x, 0, 0); }
#define PUBLIC1(name) ct_tensor *ct_##name(ct_tape *tape, ct_tensor *x, double a) { return apply1(tape, &ct_op_##name, x, a, 0); }
#define PUBLIC2(name) \
    ct_tensor *ct_##name(ct_tape *tape, ct_tensor *x, double a, double b) { return apply1(tape, &ct_op_##name, x, a, b); }

PUBLIC0(neg)
PUBLIC0(square)
PUBLIC0(sqrt)
PUBLIC0(exp)
PUBLIC0(log)
PUBLIC0(abs)
PUBLIC0(sign)
PUBLIC0(erf)
PUBLIC0(relu)
PUBLIC0(gelu)
PUBLIC0(sigmoid)
PUBLIC0(tanh)
PUBLIC1(scale)
PUBLIC1(add_scalar)
PUBLIC1(pow)
PUBLIC1(elu)
PUBLIC1(leaky_step)
PUBLIC2(inside)
PUBLIC2(above)

/* A negative slope folds the line, so that the output no longer tells the operand's sign. */
ct_tensor *ct_leaky_relu(ct_tape *tape, ct_tensor *x, double slope)
{
    return slope < 0 ? ct_mul(tape, x, ct_leaky_step(tape, x, slope)) : apply1(tape, &ct_op_leaky_relu, x, slope, 0);
}

ct_tensor *ct_clamp(ct_tape *tape, ct_tensor *x, double low, double high)
{
    if (!(low <= high))
        return ct_fail(tape, CT_BAD_ARGUMENT, "clamp: low %g must be <= high %g", low, high);
    return apply1(tape, &ct_op_clamp, x, low, high);
}

ct_tensor *ct_softplus(ct_tape *tape, ct_tensor *x, double beta, double threshold)
{
    if (!(beta > 0))
        return ct_fail(tape, CT_BAD_ARGUMENT, "softplus: beta must be > 0, not %g", beta);
    return apply1(tape, &ct_op_softplus, x, beta, threshold);
}

/* ---- two operands, broadcast -------------------------------------------------------- */

/* The output's axes folded into an odometer of rows: operands whose adjacent axes are all broadcast or all walked are one axis. */
struct broadcast {
    int axes;
    int64_t extent[CT_MAX_RANK], stride[2][CT_MAX_RANK]; /* in elements; the last axis is the row, with stride 0 or 1 */
};

static struct broadcast plan_broadcast(const ct_tensor *result, const ct_tensor *const in[2])
{
    const ct_shape out = result->shape;
    if (in[0]->count == result->count && in[1]->count == result->count) /* nothing is broadcast: one row */
        return (struct broadcast){ .axes = 1, .extent = { result->count }, .stride = { { 1 }, { 1 } } };
    int64_t stride[2][CT_MAX_RANK];
    for (int o = 0; o < 2; o++) {
        int64_t step = 1;
        for (int axis = out.rank - 1, mine = in[o]->shape.rank - 1; axis >= 0; axis--, mine--) {
            const int64_t extent = mine >= 0 ? in[o]->shape.extent[mine] : 1;
            stride[o][axis] = extent == 1 ? 0 : step;
            step *= extent;
        }
    }
    struct broadcast plan = { 0 };
    for (int axis = 0; axis < out.rank; axis++) {
        if (out.extent[axis] == 1)
            continue;
        const int last = plan.axes - 1;
        bool joined = last >= 0;
        for (int o = 0; joined && o < 2; o++)
            joined = plan.stride[o][last] == stride[o][axis] * out.extent[axis];
        const int place = joined ? last : plan.axes++;
        plan.extent[place] = joined ? plan.extent[place] * out.extent[axis] : out.extent[axis];
        for (int o = 0; o < 2; o++)
            plan.stride[o][place] = stride[o][axis];
    }
    if (plan.axes == 0)
        plan = (struct broadcast){ .axes = 1, .extent = { 1 } };
    return plan;
}

struct binary_job {
    const ct_call *call;
    enum ct_binary f;
    struct broadcast plan;
    int operand[2]; /* of the call: 0, 1, or 0 twice */
};

static void binary_range(void *context, int64_t begin, int64_t end)
{
    const struct binary_job *job = context;
    const ct_call *call = job->call;
    const struct broadcast *plan = &job->plan;
    const size_t size = ct_dtype_size(call->out->dtype);
    const int row = plan->axes - 1;
    const char *data[2] = { CT_IN(call, job->operand[0]), CT_IN(call, job->operand[1]) };

    for (int64_t at = begin; at < end;) {
        int64_t rest = at / plan->extent[row], column = at % plan->extent[row];
        int64_t offset[2] = { column * plan->stride[0][row], column * plan->stride[1][row] };
        for (int axis = row - 1; axis >= 0; axis--) {
            const int64_t i = rest % plan->extent[axis];
            rest /= plan->extent[axis];
            offset[0] += i * plan->stride[0][axis];
            offset[1] += i * plan->stride[1][axis];
        }
        const int64_t left = plan->extent[row] - column, count = left < end - at ? left : end - at;
        CT_KERNEL_OF(call->out->dtype, ct_binary)(job->f, data[0] + offset[0] * (int64_t)size, plan->stride[0][row],
                                                  data[1] + offset[1] * (int64_t)size, plan->stride[1][row],
                                                  (char *)CT_OUT(call) + at * (int64_t)size, count);
        at += count;
    }
}

static bool run_binary(ct_call *call, enum ct_binary f)
{
    struct binary_job job = { call, f, plan_broadcast(call->out, (const ct_tensor *const[]){ call->in[0], call->in[1] }),
                              { 0, 1 } };
    ct_parallel_for(call->out->count, GRAIN, binary_range, &job);
    return true;
}

static bool broadcast_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    if (ct_shape_broadcast(call->in[0]->shape, call->in[1]->shape, out))
        return true;
    ct_fail(tape, CT_BAD_SHAPE, "%s: shapes %s and %s do not broadcast: aligned from the right, extents must be equal or 1",
            call->op->name, CT_TEXT(call->in[0]->shape), CT_TEXT(call->in[1]->shape));
    return false;
}

/* BINARY(name, FUNCTION, reads, da, db): the direction g times the derivative by each operand, before broadcasting is undone. */
#define BINARY_ROW(name_, function_, reads_, vjp_, jvp_)                                                             \
    static bool name_##_forward(ct_tape *tape, ct_call *call)                                                        \
    {                                                                                                                \
        (void)tape;                                                                                                  \
        return run_binary(call, function_);                                                                          \
    }                                                                                                                \
    const ct_op ct_op_##name_ = {                                                                                    \
        .name = #name_, .arity = 2, .reads = reads_, .shape = broadcast_shape, .forward = name_##_forward,           \
        .vjp = vjp_, .jvp = jvp_,                                                                                    \
    };                                                                                                               \
    ct_tensor *ct_##name_(ct_tape *tape, ct_tensor *a, ct_tensor *b)                                                 \
    {                                                                                                                \
        return ct_apply(tape, &ct_op_##name_, 2, (ct_tensor *[]){ a, b }, NULL, 0);                                  \
    }

#define BINARY(name_, function_, reads_, da_, db_)                                                                   \
    static ct_tensor *name_##_partial(ct_tape *t, const ct_call *call, int operand, ct_tensor *g)                    \
    {                                                                                                                \
        ct_tensor *const a = call->in[0], *const b = call->in[1], *const y = call->out;                              \
        (void)t, (void)a, (void)b, (void)y;                                                                          \
        return operand == 0 ? (da_) : (db_);                                                                         \
    }                                                                                                                \
    static ct_tensor *name_##_vjp(ct_tape *t, const ct_call *call, int operand, ct_tensor *g)                        \
    {                                                                                                                \
        ct_tensor *partial = name_##_partial(t, call, operand, g);                                                   \
        return partial == NULL ? NULL : ct_sum_to(t, partial, call->in[operand]->shape);                             \
    }                                                                                                                \
    static ct_tensor *name_##_jvp(ct_tape *t, const ct_call *call, int operand, ct_tensor *g)                        \
    {                                                                                                                \
        ct_tensor *partial = name_##_partial(t, call, operand, g);                                                   \
        return partial == NULL ? NULL : ct_expand(t, partial, call->out->shape);                                     \
    }                                                                                                                \
    BINARY_ROW(name_, function_, reads_, name_##_vjp, name_##_jvp)

#define AB_ (CT_READS_IN | CT_READS_IN << 1)

BINARY_ROW(greater, CT_BINARY_GREATER, 0, ct_zero_derivative, ct_zero_derivative)
BINARY_ROW(equal, CT_BINARY_EQUAL, 0, ct_zero_derivative, ct_zero_derivative)

/* 1 where p > q, ½ where they are equal, 0 where less: the first's share of max(p, q). */
static ct_tensor *share(ct_tape *t, ct_tensor *p, ct_tensor *q)
{
    return ct_add(t, ct_greater(t, p, q), ct_scale(t, ct_equal(t, p, q), 0.5));
}

BINARY(add, CT_BINARY_ADD, 0, g, g)
BINARY(sub, CT_BINARY_SUB, 0, g, ct_neg(t, g))
BINARY(mul, CT_BINARY_MUL, AB_, ct_mul(t, g, b), ct_mul(t, g, a))
BINARY(div, CT_BINARY_DIV, AB_ | CT_READS_OUT, ct_div(t, g, b), ct_neg(t, ct_mul(t, g, ct_div(t, y, b))))
BINARY(masked, CT_BINARY_MASKED, CT_READS_IN << 1, ct_masked(t, g, b), NULL)
BINARY(maximum, CT_BINARY_MAXIMUM, AB_, ct_mul(t, g, share(t, a, b)), ct_mul(t, g, share(t, b, a)))
BINARY(minimum, CT_BINARY_MINIMUM, AB_, ct_mul(t, g, share(t, b, a)), ct_mul(t, g, share(t, a, b)))

/* ---- broadcasting itself ------------------------------------------------------------ */

static bool expand_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    const ct_shape *wish = call->attributes;
    if (ct_shape_broadcast(call->in[0]->shape, *wish, out) && ct_shape_equal(*out, *wish))
        return true;
    ct_fail(tape, CT_BAD_SHAPE, "expand: shape %s does not broadcast to %s: aligned from the right, extents must be equal or 1",
            CT_TEXT(call->in[0]->shape), CT_TEXT(*wish));
    return false;
}

static bool expand_forward(ct_tape *tape, ct_call *call)
{
    (void)tape;
    struct binary_job job = { call, CT_BINARY_FIRST,
                              plan_broadcast(call->out, (const ct_tensor *const[]){ call->in[0], call->in[0] }), { 0, 0 } };
    ct_parallel_for(call->out->count, GRAIN, binary_range, &job);
    return true;
}

static ct_tensor *expand_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *cotangent)
{
    return ct_sum_to(tape, cotangent, call->in[operand]->shape);
}

const ct_op ct_op_expand = {
    .name = "expand", .arity = 1, .reads = 0, .shape = expand_shape, .forward = expand_forward,
    .vjp = expand_vjp, .jvp = ct_multilinear_jvp,
};

ct_tensor *ct_expand(ct_tape *tape, ct_tensor *x, ct_shape shape)
{
    if (!ct_rank_allowed(tape, "expand", shape))
        return NULL;
    if (x != NULL && ct_shape_equal(x->shape, shape))
        return x;
    return ct_apply(tape, &ct_op_expand, 1, &x, &shape, sizeof shape);
}

/* ---- no derivative ------------------------------------------------------------------ */

ct_tensor *ct_detach(ct_tape *tape, ct_tensor *x)
{
    if (x == NULL)
        return ct_fail(tape, CT_BAD_ARGUMENT, "detach: the operand is NULL");
    ct_no_grad_begin(tape);
    ct_tensor *values = ct_reshape(tape, x, x->shape);
    ct_no_grad_end(tape);
    return values;
}
