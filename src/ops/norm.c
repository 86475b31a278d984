/* Layer, instance and group normalisation with their affine part: one row, which sees x as (N, G, C, S), normalises each of the N · G
 * sets over C and S, and has a weight and a bias for each of G · C. */
#include "norm.h"

#include "kernels/norm.h"

#include <math.h>

typedef struct normalize_attributes {
    double eps;
} normalize_attributes;

enum { SETS = 2, BLOCKS = 16 }; /* rank of (N, G); parts of a sum over N */

static ct_norm_work work_of(const ct_call *call)
{
    const normalize_attributes *a = call->attributes;
    const int64_t *extent = call->in[0]->shape.extent;
    return (ct_norm_work){
        .n = extent[0], .groups = extent[1], .channels = extent[2], .s = extent[3],
        .eps = a->eps,
        .x = CT_IN(call, 0), .weight = CT_IN(call, 1), .bias = CT_IN(call, 2), .moments = (double(*)[3])ct_data(call->aux),
    };
}

static bool normalize_forward(ct_tape *tape, ct_call *call)
{
    const int64_t sets = ct_shape_product(call->in[0]->shape, 0, SETS);
    call->aux = ct_tensor_new(ct_tape_pool(tape), CT_F64, CT_SHAPE(sets, 3));
    if (!call->aux) {
        ct_fail(tape, CT_NO_MEMORY, "normalize: no memory for the moments of %lld sets", (long long)sets);
        return false;
    }
    ct_norm_work work = work_of(call);
    work.y = CT_OUT(call);
    CT_KERNEL_OF(call->out->dtype, ct_norm_forward)(&work);
    return true;
}

static ct_normed normal_of(ct_tape *tape, const ct_call *call)
{
    const normalize_attributes *a = call->attributes;
    return ct_normed_of(tape, call->in[0], CT_AXES(2, 3), a->eps);
}

static ct_tensor *normalize_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    if (operand == 2)
        return ct_sum_axes(tape, g, CT_AXES(0, 3), true);
    const ct_normed normal = normal_of(tape, call);
    if (operand == 1)
        return ct_sum_axes(tape, ct_mul(tape, g, normal.x), CT_AXES(0, 3), true);
    return ct_normed_project(tape, &normal, ct_mul(tape, g, call->in[1]));
}

static ct_tensor *normalize_jvp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *tangent)
{
    if (operand == 2)
        return ct_expand(tape, tangent, call->in[0]->shape);
    const ct_normed normal = normal_of(tape, call);
    return operand == 1 ? ct_mul(tape, normal.x, tangent)
                        : ct_mul(tape, ct_normed_project(tape, &normal, tangent), call->in[1]);
}

static bool normalize_fused_vjp(ct_tape *tape, const ct_call *call, ct_tensor *g, const bool wanted[], ct_tensor *gradient[])
{
    ct_norm_work work = work_of(call);
    const int64_t parameters = work.groups * work.channels;
    ct_tensor *sums = NULL;
    void *into[3];

    if (!ct_norm_gradients(tape, call, g, wanted, gradient, into))
        return false;
    work.blocks = work.n < BLOCKS ? work.n : BLOCKS;
    if (into[1] || into[2]) {
        sums = ct_tape_tensor(tape, CT_F64, CT_SHAPE(2, work.blocks, parameters));
        if (!sums)
            return false;
        work.dweight = ct_data(sums), work.dbias = work.dweight + work.blocks * parameters;
    }
    work.g = ct_data(g), work.dx = into[0];
    CT_KERNEL_OF(g->dtype, ct_norm_backward)(&work);
    if (into[1])
        CT_KERNEL_OF(g->dtype, ct_norm_join)(work.blocks, parameters, work.dweight, into[1]);
    if (into[2])
        CT_KERNEL_OF(g->dtype, ct_norm_join)(work.blocks, parameters, work.dbias, into[2]);
    ct_tape_drop(tape, sums);
    return true;
}

const ct_op ct_op_normalize = {
    .name = "normalize",
    .arity = 3,
    .reads = CT_READS_IN | CT_READS_IN << 1,
    .shape = ct_shape_same,
    .forward = normalize_forward,
    .vjp = normalize_vjp,
    .jvp = normalize_jvp,
    .fused_vjp = normalize_fused_vjp,
};

/* x seen as (n, groups, channels, the rest), weight and bias as (1, groups, channels, 1); keeps x's shape. */
static ct_tensor *normalize(ct_tape *tape, ct_tensor *x, int64_t n, int64_t groups, int64_t channels, ct_tensor *weight, ct_tensor *bias,
                            double eps)
{
    const int64_t sets = n * groups * channels, s = sets > 0 ? x->count / sets : 0;
    const ct_shape parameters = CT_SHAPE(1, groups, channels, 1);
    const normalize_attributes attributes = { eps };
    ct_tensor *in[] = {
        ct_reshape(tape, x, CT_SHAPE(n, groups, channels, s)),
        weight ? ct_reshape(tape, weight, parameters) : ct_norm_constant(tape, x->dtype, parameters, 1),
        bias ? ct_reshape(tape, bias, parameters) : ct_norm_constant(tape, x->dtype, parameters, 0),
    };
    ct_tensor *y = ct_apply(tape, &ct_op_normalize, 3, in, &attributes, sizeof attributes);
    return y ? ct_reshape(tape, y, x->shape) : NULL;
}

/* ---- what the normalisations share -------------------------------------------------------- */

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

ct_tensor *ct_norm_constant(ct_tape *tape, ct_dtype dtype, ct_shape shape, double value)
{
    ct_tensor *tensor = ct_tape_tensor(tape, dtype, shape);
    ct_tensor_fill(tensor, value);
    return tensor;
}

ct_normed ct_normed_of(ct_tape *tape, ct_tensor *x, ct_axes axes, double eps)
{
    ct_tensor *r = ct_pow(tape, ct_add_scalar(tape, ct_var_axes(tape, x, axes, 0, true), eps), -0.5);
    return (ct_normed){ axes, r, ct_mul(tape, ct_sub(tape, x, ct_mean_axes(tape, x, axes, true)), r) };
}

ct_tensor *ct_normed_project(ct_tape *tape, const ct_normed *normal, ct_tensor *d)
{
    ct_tensor *slope = ct_mean_axes(tape, ct_mul(tape, d, normal->x), normal->axes, true);
    ct_tensor *centred = ct_sub(tape, d, ct_mean_axes(tape, d, normal->axes, true));
    return ct_mul(tape, normal->r, ct_sub(tape, centred, ct_mul(tape, normal->x, slope)));
}

bool ct_norm_gradients(ct_tape *tape, const ct_call *call, ct_tensor *g, const bool wanted[], ct_tensor *gradient[], void *into[3])
{
    for (int i = 0; i < 3; i++) {
        into[i] = NULL;
        if (!wanted[i])
            continue;
        gradient[i] = i == 0 ? ct_gradient_in_place(tape, call, g) : ct_tape_tensor(tape, g->dtype, call->in[i]->shape);
        if (!gradient[i])
            return false;
        into[i] = ct_data(gradient[i]);
    }
    return true;
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
    return normalize(tape, x, rows, 1, ct_shape_product(last, 0, axes), weight, bias, eps);
}

static ct_tensor *normalize_groups(ct_tape *tape, const char *op, ct_tensor *x, int64_t groups, int64_t channels_each,
                                   ct_tensor *weight, ct_tensor *bias, double eps)
{
    const ct_shape channels = CT_SHAPE(x->shape.extent[1]);
    if (!ct_norm_eps_allowed(tape, op, eps) || !ct_norm_fits(tape, op, "weight", x, weight, channels) ||
        !ct_norm_fits(tape, op, "bias", x, bias, channels))
        return NULL;
    return normalize(tape, x, x->shape.extent[0], groups, channels_each, weight, bias, eps);
}

ct_tensor *ct_instance_norm(ct_tape *tape, ct_tensor *x, ct_tensor *weight, ct_tensor *bias, double eps)
{
    if (!ct_norm_has_channels(tape, "instance_norm", x))
        return NULL;
    if (x->shape.rank < 3 || ct_shape_product(x->shape, 2, x->shape.rank) == 1)
        return ct_fail(tape, CT_BAD_SHAPE, "instance_norm: x %s needs more than 1 spatial value per channel", CT_TEXT(x->shape));
    return normalize_groups(tape, "instance_norm", x, x->shape.extent[1], 1, weight, bias, eps);
}

ct_tensor *ct_group_norm(ct_tape *tape, ct_tensor *x, int64_t groups, ct_tensor *weight, ct_tensor *bias, double eps)
{
    if (!ct_norm_has_channels(tape, "group_norm", x))
        return NULL;
    if (groups < 1 || x->shape.extent[1] % groups)
        return ct_fail(tape, CT_BAD_ARGUMENT, "group_norm: groups %lld must divide the %lld channels of x %s", (long long)groups,
                       (long long)x->shape.extent[1], CT_TEXT(x->shape));
    return normalize_groups(tape, "group_norm", x, groups, x->shape.extent[1] / groups, weight, bias, eps);
}
