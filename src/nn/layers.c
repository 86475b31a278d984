/* The layers: for each a row of its kind, and a maker with PyTorch's defaults. */
#include <math.h>

#include "internal.h"

#define MOMENTUM 0.1
#define EPS 1e-5

/* ---- forward ---- */

static ct_tensor *linear(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    return ct_linear(tape, x, m->weight, m->bias);
}

typedef ct_tensor *conv_op(ct_tape *, ct_tensor *, ct_tensor *, ct_tensor *, const ct_conv_options *);

static ct_tensor *conv(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    static conv_op *const op[] = { ct_conv1d, ct_conv2d, ct_conv3d };
    return op[m->rank - 1](tape, x, m->weight, m->bias, &m->options);
}

static ct_tensor *conv_transpose(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    static conv_op *const op[] = { ct_conv_transpose1d, ct_conv_transpose2d, ct_conv_transpose3d };
    return op[m->rank - 1](tape, x, m->weight, m->bias, &m->options);
}

static ct_tensor *batch_norm_rectified(ct_module *m, ct_tape *tape, ct_tensor *x, double slope)
{
    ct_tensor *y = ct_batch_norm_leaky_relu(tape, x, m->running_mean, m->running_var, m->weight, m->bias, m->training, MOMENTUM,
                                            EPS, slope);
    if (y && m->training)
        *(double *)ct_tensor_data_mutable(m->batches) += 1;
    return y;
}

static ct_tensor *batch_norm(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    return batch_norm_rectified(m, tape, x, 1);
}

static ct_tensor *layer_norm(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    return ct_layer_norm(tape, x, m->rank, m->weight, m->bias, EPS);
}

static ct_tensor *instance_norm(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    return ct_instance_norm(tape, x, m->weight, m->bias, EPS);
}

static ct_tensor *group_norm(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    return ct_group_norm(tape, x, m->groups, m->weight, m->bias, EPS);
}

static ct_tensor *relu(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    (void)m;
    return ct_relu(tape, x);
}

static ct_tensor *leaky_relu(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    return ct_leaky_relu(tape, x, m->slope);
}

static ct_tensor *hyperbolic(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    (void)m;
    return ct_tanh(tape, x);
}

static ct_tensor *sigmoid(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    (void)m;
    return ct_sigmoid(tape, x);
}

static ct_tensor *flatten(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    (void)m;
    return ct_flatten(tape, x, 1, -1);
}

static ct_tensor *function(ct_module *m, ct_tape *tape, ct_tensor *x)
{
    return m->function(tape, x, m->context);
}

enum { LINEAR, CONV, CONV_TRANSPOSE = CONV + 3, BATCH_NORM = CONV_TRANSPOSE + 3, LAYER_NORM, INSTANCE_NORM, GROUP_NORM, RELU,
       LEAKY_RELU, TANH, SIGMOID, FLATTEN, FUNCTION };

static const ct_kind kinds[] = {
    [LINEAR] = { .name = "Linear", .forward = linear },
    [CONV] = { .name = "Conv1d", .forward = conv },
    [CONV + 1] = { .name = "Conv2d", .forward = conv },
    [CONV + 2] = { .name = "Conv3d", .forward = conv },
    [CONV_TRANSPOSE] = { .name = "ConvTranspose1d", .forward = conv_transpose },
    [CONV_TRANSPOSE + 1] = { .name = "ConvTranspose2d", .forward = conv_transpose },
    [CONV_TRANSPOSE + 2] = { .name = "ConvTranspose3d", .forward = conv_transpose },
    [BATCH_NORM] = { .name = "BatchNorm", .forward = batch_norm, .forward_rectified = batch_norm_rectified },
    [LAYER_NORM] = { .name = "LayerNorm", .forward = layer_norm },
    [INSTANCE_NORM] = { .name = "InstanceNorm", .forward = instance_norm },
    [GROUP_NORM] = { .name = "GroupNorm", .forward = group_norm },
    [RELU] = { .name = "ReLU", .forward = relu, .rectifier = true },
    [LEAKY_RELU] = { .name = "LeakyReLU", .forward = leaky_relu, .rectifier = true },
    [TANH] = { .name = "Tanh", .forward = hyperbolic },
    [SIGMOID] = { .name = "Sigmoid", .forward = sigmoid },
    [FLATTEN] = { .name = "Flatten", .forward = flatten },
    [FUNCTION] = { .name = "Function", .forward = function },
};

/* ---- linear and convolutions ---- */

/* Weight and bias, both uniform within ±1/√fan_in: kaiming_uniform with a = √5, PyTorch's default. */
static ct_module *weighted(const ct_kind *kind, ct_dtype dtype, ct_shape shape, bool transposed, int64_t groups,
                           int64_t outputs, bool bias, ct_random *random, ct_error *error)
{
    if (!random) {
        ct_error_set(error, CT_BAD_ARGUMENT, "%s: random is NULL", kind->name);
        return NULL;
    }
    ct_module *m = ct_module_new(kind, error);
    if (!m)
        return NULL;
    m->weight = ct_module_own(m, "weight", dtype, shape, 0, false, error);
    if (m->weight && bias)
        m->bias = ct_module_own(m, "bias", dtype, CT_SHAPE(outputs), 0, false, error);
    if (!m->weight || (bias && !m->bias)) {
        ct_module_free(m);
        return NULL;
    }

    int64_t fan_in, fan_out;
    ct_status status = ct_init_fans(m->weight, transposed, groups, &fan_in, &fan_out);
    if (status == CT_OK)
        status = ct_init_kaiming_uniform(m->weight, sqrt(5), fan_in, random);
    if (status == CT_OK && bias)
        status = ct_init_kaiming_uniform(m->bias, sqrt(5), fan_in, random);
    if (status != CT_OK) {
        ct_error_set(error, status, "%s: initialisation failed", kind->name);
        ct_module_free(m);
        return NULL;
    }
    return m;
}

ct_module *ct_linear_new(ct_dtype dtype, int64_t in_features, int64_t out_features, bool bias, ct_random *random,
                         ct_error *error)
{
    if (in_features < 1 || out_features < 1) {
        ct_error_set(error, CT_BAD_ARGUMENT, "Linear: in_features %lld and out_features %lld must be at least 1",
                     (long long)in_features, (long long)out_features);
        return NULL;
    }
    return weighted(&kinds[LINEAR], dtype, CT_SHAPE(out_features, in_features), false, 1, out_features, bias, random, error);
}

static ct_module *conv_new(bool transposed, ct_dtype dtype, int rank, int64_t in, int64_t out, const int64_t kernel[],
                           const ct_conv_options *options, bool bias, ct_random *random, ct_error *error)
{
    if (rank < 1 || rank > CT_MAX_SPATIAL || !kernel) {
        ct_error_set(error, CT_BAD_ARGUMENT, "conv: rank %d must be 1 to 3, and the kernel's extents given", rank);
        return NULL;
    }
    const ct_kind *kind = &kinds[(transposed ? CONV_TRANSPOSE : CONV) + rank - 1];
    int64_t groups = options && options->groups ? options->groups : 1;
    if (in < 1 || out < 1 || groups < 1 || in % groups || out % groups) {
        ct_error_set(error, CT_BAD_ARGUMENT, "%s: groups %lld must divide in_channels %lld and out_channels %lld, all positive",
                     kind->name, (long long)groups, (long long)in, (long long)out);
        return NULL;
    }
    ct_shape shape = { .rank = rank + 2, .extent = { transposed ? in : out, (transposed ? out : in) / groups } };
    for (int i = 0; i < rank; i++) {
        if (kernel[i] < 1) {
            ct_error_set(error, CT_BAD_ARGUMENT, "%s: the kernel's extent %lld of axis %d must be at least 1", kind->name,
                         (long long)kernel[i], i);
            return NULL;
        }
        shape.extent[2 + i] = kernel[i];
    }
    ct_module *m = weighted(kind, dtype, shape, transposed, groups, out, bias, random, error);
    if (m) {
        m->rank = rank;
        m->options = options ? *options : (ct_conv_options){ 0 };
    }
    return m;
}

ct_module *ct_conv_new(ct_dtype dtype, int rank, int64_t in_channels, int64_t out_channels, const int64_t kernel[],
                       const ct_conv_options *options, bool bias, ct_random *random, ct_error *error)
{
    return conv_new(false, dtype, rank, in_channels, out_channels, kernel, options, bias, random, error);
}

ct_module *ct_conv_transpose_new(ct_dtype dtype, int rank, int64_t in_channels, int64_t out_channels, const int64_t kernel[],
                                 const ct_conv_options *options, bool bias, ct_random *random, ct_error *error)
{
    return conv_new(true, dtype, rank, in_channels, out_channels, kernel, options, bias, random, error);
}

/* ---- normalisation: weight 1, bias 0 ---- */

static ct_module *norm_new(const ct_kind *kind, ct_dtype dtype, ct_shape shape, bool affine, bool statistics, ct_error *error)
{
    if (shape.rank < 1 || shape.rank > CT_MAX_RANK) {
        ct_error_set(error, CT_BAD_ARGUMENT, "%s: a shape of rank %d must have 1 to %d axes", kind->name, shape.rank,
                     CT_MAX_RANK);
        return NULL;
    }
    for (int i = 0; i < shape.rank; i++)
        if (shape.extent[i] < 1) {
            ct_error_set(error, CT_BAD_ARGUMENT, "%s: extent %lld must be at least 1", kind->name, (long long)shape.extent[i]);
            return NULL;
        }
    ct_module *m = ct_module_new(kind, error);
    if (!m)
        return NULL;
    m->rank = shape.rank;
    bool made = true;
    if (affine)
        made = (m->weight = ct_module_own(m, "weight", dtype, shape, 1, false, error)) &&
               (m->bias = ct_module_own(m, "bias", dtype, shape, 0, false, error));
    if (made && statistics)
        made = (m->running_mean = ct_module_own(m, "running_mean", dtype, shape, 0, true, error)) &&
               (m->running_var = ct_module_own(m, "running_var", dtype, shape, 1, true, error)) &&
               (m->batches = ct_module_own(m, "num_batches_tracked", CT_F64, CT_SCALAR, 0, true, error));
    if (!made) {
        ct_module_free(m);
        return NULL;
    }
    return m;
}

ct_module *ct_batch_norm_new(ct_dtype dtype, int64_t channels, ct_error *error)
{
    return norm_new(&kinds[BATCH_NORM], dtype, CT_SHAPE(channels), true, true, error);
}

ct_module *ct_layer_norm_new(ct_dtype dtype, ct_shape normalized_shape, ct_error *error)
{
    return norm_new(&kinds[LAYER_NORM], dtype, normalized_shape, true, false, error);
}

ct_module *ct_instance_norm_new(ct_dtype dtype, int64_t channels, bool affine, ct_error *error)
{
    return norm_new(&kinds[INSTANCE_NORM], dtype, CT_SHAPE(channels), affine, false, error);
}

ct_module *ct_group_norm_new(ct_dtype dtype, int64_t groups, int64_t channels, ct_error *error)
{
    if (groups < 1 || channels % groups) {
        ct_error_set(error, CT_BAD_ARGUMENT, "GroupNorm: groups %lld must divide channels %lld", (long long)groups,
                     (long long)channels);
        return NULL;
    }
    ct_module *m = norm_new(&kinds[GROUP_NORM], dtype, CT_SHAPE(channels), true, false, error);
    if (m)
        m->groups = groups;
    return m;
}

/* ---- without parameters ---- */

ct_module *ct_relu_new(ct_error *error)
{
    return ct_module_new(&kinds[RELU], error);
}

ct_module *ct_leaky_relu_new(double negative_slope, ct_error *error)
{
    ct_module *m = ct_module_new(&kinds[LEAKY_RELU], error);
    if (m)
        m->slope = negative_slope;
    return m;
}

ct_module *ct_tanh_new(ct_error *error)
{
    return ct_module_new(&kinds[TANH], error);
}

ct_module *ct_sigmoid_new(ct_error *error)
{
    return ct_module_new(&kinds[SIGMOID], error);
}

ct_module *ct_flatten_new(ct_error *error)
{
    return ct_module_new(&kinds[FLATTEN], error);
}

ct_module *ct_function_new(ct_tensor *(*forward)(ct_tape *, ct_tensor *, void *), void *context, ct_error *error)
{
    if (!forward) {
        ct_error_set(error, CT_BAD_ARGUMENT, "Function: forward is NULL");
        return NULL;
    }
    ct_module *m = ct_module_new(&kinds[FUNCTION], error);
    if (m) {
        m->function = forward;
        m->context = context;
    }
    return m;
}
