/* Layer, instance and group normalisation: one row, which sees x as (N, C, S) and normalises each of C over N and S. They take one N
 * and as many channels as they have sets of statistics. */
#include "norm.h"

#include "kernels/norm.h"

#include <math.h>

typedef struct normalize_attributes {
    double eps;
} normalize_attributes;

#define MOMENTS(tensor) ((double(*)[3])ct_data(tensor))

static bool normalize_forward(ct_tape *tape, ct_call *call)
{
    const normalize_attributes *a = call->attributes;
    const int64_t *extent = call->in[0]->shape.extent;
    call->aux = ct_tensor_new(ct_tape_pool(tape), CT_F64, CT_SHAPE(extent[1], 3));
    if (!call->aux) {
        ct_fail(tape, CT_NO_MEMORY, "normalize: no memory for the moments of %lld channels", (long long)extent[1]);
        return false;
    }
    CT_KERNEL_OF(call->out->dtype, ct_normalize)
    (extent[0], extent[1], extent[2], a->eps, CT_IN(call, 0), CT_OUT(call), MOMENTS(call->aux));
    return true;
}

/* With r = (var + eps)^−½ the Jacobian is r (I − 11ᵀ/n − yyᵀ/n): symmetric, so this is the jvp too. y is the output with its
 * history and r is built anew from x, so that higher orders see both. */
static ct_tensor *normalize_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    (void)operand;
    const normalize_attributes *a = call->attributes;
    const ct_axes axes = CT_AXES(0, 2);
    ct_tensor *y = call->out;
    ct_tensor *var = ct_var_axes(tape, call->in[0], axes, 0, true);
    ct_tensor *r = ct_pow(tape, ct_add_scalar(tape, var, a->eps), -0.5);
    ct_tensor *slope = ct_mean_axes(tape, ct_mul(tape, g, y), axes, true);
    ct_tensor *centred = ct_sub(tape, g, ct_mean_axes(tape, g, axes, true));
    return ct_mul(tape, r, ct_sub(tape, centred, ct_mul(tape, y, slope)));
}

static bool normalize_fused_vjp(ct_tape *tape, const ct_call *call, ct_tensor *g, const bool wanted[], ct_tensor *gradient[])
{
    if (!wanted[0])
        return true;
    const int64_t *extent = call->out->shape.extent;
    gradient[0] = ct_tape_tensor(tape, g->dtype, g->shape);
    if (!gradient[0])
        return false;
    CT_KERNEL_OF(g->dtype, ct_normalize_vjp)
    (extent[0], extent[1], extent[2], (const double(*)[3])MOMENTS(call->aux), CT_OUT(call), ct_data(g), ct_data(gradient[0]));
    return true;
}

const ct_op ct_op_normalize = {
    .name = "normalize",
    .arity = 1,
    .reads = CT_READS_OUT | CT_READS_IN << 0,
    .shape = ct_shape_same,
    .forward = normalize_forward,
    .vjp = normalize_vjp,
    .jvp = normalize_vjp,
    .fused_vjp = normalize_fused_vjp,
};

/* Normalises x seen as (n, c, the rest); keeps x's shape. */
static ct_tensor *normalize(ct_tape *tape, ct_tensor *x, int64_t n, int64_t c, normalize_attributes attributes)
{
    const int64_t s = n > 0 && c > 0 ? x->count / (n * c) : 0;
    ct_tensor *view = ct_reshape(tape, x, CT_SHAPE(n, c, s));
    ct_tensor *y = ct_apply(tape, &ct_op_normalize, 1, &view, &attributes, sizeof attributes);
    return y ? ct_reshape(tape, y, x->shape) : NULL;
}

/* ---- checks and the affine part -------------------------------------------------------- */

bool ct_norm_has_channels(ct_tape *tape, const char *op, const ct_tensor *x)
{
    if (!x)
        ct_fail(tape, CT_BAD_ARGUMENT, "%s: x is NULL", op);
    else if (x->shape.rank < 2)
        ct_fail(tape, CT_BAD_SHAPE, "%s: x %s needs rank 2 or more: (N, C, …)", op, CT_TEXT(x->shape));
    else
        return true;
    return false;
}

bool ct_norm_eps_allowed(ct_tape *tape, const char *op, double eps)
{
    if (isfinite(eps) && eps >= 0)
        return true;
    ct_fail(tape, CT_BAD_ARGUMENT, "%s: eps %g must be finite and not negative", op, eps);
    return false;
}

bool ct_norm_fits(ct_tape *tape, const char *op, const char *name, const ct_tensor *x, const ct_tensor *p, ct_shape shape)
{
    if (!p || (p->dtype == x->dtype && ct_shape_equal(p->shape, shape)))
        return true;
    if (p->dtype != x->dtype)
        ct_fail(tape, CT_BAD_DTYPE, "%s: %s is %s but x is %s", op, name, ct_dtype_name(p->dtype), ct_dtype_name(x->dtype));
    else
        ct_fail(tape, CT_BAD_SHAPE, "%s: %s %s must have shape %s for x %s", op, name, CT_TEXT(p->shape), CT_TEXT(shape),
                CT_TEXT(x->shape));
    return false;
}

ct_tensor *ct_norm_per_channel(ct_tape *tape, const ct_tensor *x, ct_tensor *p)
{
    ct_shape shape = { .rank = x->shape.rank };
    for (int i = 0; i < shape.rank; i++)
        shape.extent[i] = i == 1 ? x->shape.extent[1] : 1;
    return ct_reshape(tape, p, shape);
}

ct_tensor *ct_norm_affine(ct_tape *tape, ct_tensor *y, ct_tensor *weight, ct_tensor *bias)
{
    if (y && weight)
        y = ct_mul(tape, y, ct_norm_per_channel(tape, y, weight));
    if (y && bias)
        y = ct_add(tape, y, ct_norm_per_channel(tape, y, bias));
    return y;
}

/* ---- the public three ------------------------------------------------------------------- */

ct_tensor *ct_layer_norm(ct_tape *tape, ct_tensor *x, int axes, ct_tensor *weight, ct_tensor *bias, double eps)
{
    const char *op = "layer_norm";
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "layer_norm: x is NULL");
    const int rank = x->shape.rank;
    if (axes < 1 || axes > rank)
        return ct_fail(tape, CT_BAD_ARGUMENT, "layer_norm: axes %d must be 1 … %d, the rank of x", axes, rank);
    ct_shape last = { .rank = axes };
    for (int i = 0; i < axes; i++)
        last.extent[i] = x->shape.extent[rank - axes + i];
    if (!ct_norm_eps_allowed(tape, op, eps) || !ct_norm_fits(tape, op, "weight", x, weight, last) ||
        !ct_norm_fits(tape, op, "bias", x, bias, last))
        return NULL;
    const int64_t rows = ct_shape_product(x->shape, 0, rank - axes);
    ct_tensor *y = normalize(tape, x, 1, rows, (normalize_attributes){ .eps = eps });
    if (y && weight)
        y = ct_mul(tape, y, weight);
    return y && bias ? ct_add(tape, y, bias) : y;
}

static ct_tensor *normalize_groups(ct_tape *tape, const char *op, ct_tensor *x, int64_t groups, ct_tensor *weight,
                                   ct_tensor *bias, double eps)
{
    const ct_shape channels = CT_SHAPE(x->shape.extent[1]);
    if (!ct_norm_eps_allowed(tape, op, eps) || !ct_norm_fits(tape, op, "weight", x, weight, channels) ||
        !ct_norm_fits(tape, op, "bias", x, bias, channels))
        return NULL;
    ct_tensor *y = normalize(tape, x, 1, x->shape.extent[0] * groups, (normalize_attributes){ .eps = eps });
    return ct_norm_affine(tape, y, weight, bias);
}

ct_tensor *ct_instance_norm(ct_tape *tape, ct_tensor *x, ct_tensor *weight, ct_tensor *bias, double eps)
{
    if (!ct_norm_has_channels(tape, "instance_norm", x))
        return NULL;
    if (x->shape.rank < 3 || ct_shape_product(x->shape, 2, x->shape.rank) == 1)
        return ct_fail(tape, CT_BAD_SHAPE, "instance_norm: x %s needs more than 1 spatial value per channel", CT_TEXT(x->shape));
    return normalize_groups(tape, "instance_norm", x, x->shape.extent[1], weight, bias, eps);
}

ct_tensor *ct_group_norm(ct_tape *tape, ct_tensor *x, int64_t groups, ct_tensor *weight, ct_tensor *bias, double eps)
{
    if (!ct_norm_has_channels(tape, "group_norm", x))
        return NULL;
    if (groups < 1 || x->shape.extent[1] % groups)
        return ct_fail(tape, CT_BAD_ARGUMENT, "group_norm: groups %lld must divide the %lld channels of x %s", (long long)groups,
                       (long long)x->shape.extent[1], CT_TEXT(x->shape));
    return normalize_groups(tape, "group_norm", x, groups, weight, bias, eps);
}
