/* Layers: parameters with names, their initialisation, and a forward pass.
 *
 * A module owns its parameters (leaves that require a gradient) and buffers (running statistics). Their names are those of
 * PyTorch's state_dict: "weight", "bias", "running_mean"; inside a Sequential "0.weight", …
 */
#ifndef COTANGENT_NN_H
#define COTANGENT_NN_H

#include <cotangent/conv.h>

typedef struct ct_module ct_module;

/* ---- initialisation ----------------------------------------------------------------- */

/* For a weight (a, b, k…): a conv's or linear's is (out, in/groups, k…), a transposed conv's (in, out/groups, k…). fan_in is
 * what one output sums over (for a transposed conv at stride 1), fan_out what one input spreads to. PyTorch differs: it reads a
 * transposed conv's weight as if it were a conv's, so swaps the two, and ignores groups in fan_out; transposed = false
 * and groups = 1 give its numbers. */
CT_API ct_status ct_init_fans(const ct_tensor *weight, bool transposed, int64_t groups, int64_t *fan_in, int64_t *fan_out);

typedef enum ct_fan { CT_FAN_IN = 0, CT_FAN_OUT } ct_fan;

CT_API ct_status ct_init_xavier_uniform(ct_tensor *weight, double gain, int64_t fan_in, int64_t fan_out, ct_random *random);
CT_API ct_status ct_init_xavier_normal(ct_tensor *weight, double gain, int64_t fan_in, int64_t fan_out, ct_random *random);
/* gain² = 2 / (1 + a²), the leaky_relu gain; fan is fan_in or fan_out. bound = gain √(3/fan); deviation = gain/√fan. */
CT_API ct_status ct_init_kaiming_uniform(ct_tensor *weight, double a, int64_t fan, ct_random *random);
CT_API ct_status ct_init_kaiming_normal(ct_tensor *weight, double a, int64_t fan, ct_random *random);

/* ---- layers ------------------------------------------------------------------------- */

/* Makers return the caller's module (ct_module_free), or NULL with `error` written. They initialise as PyTorch does by default: weight
 * and bias of linear and conv uniform within ±1/√fan_in (kaiming_uniform, a = √5), norms 1 and 0. A transposed conv uses its own
 * fan_in, not PyTorch's (see ct_init_fans). C leaves the order of calls inside braces open: to draw the same
 * numbers with every compiler, make layers in statements of their own. */
CT_API ct_module *ct_linear_new(ct_dtype dtype, int64_t in_features, int64_t out_features, bool bias, ct_random *random,
                                ct_error *error);
/* rank 1 … 3 spatial axes; kernel one entry an axis; options as ct_conv2d's. */
CT_API ct_module *ct_conv_new(ct_dtype dtype, int rank, int64_t in_channels, int64_t out_channels, const int64_t kernel[],
                              const ct_conv_options *options, bool bias, ct_random *random, ct_error *error);
CT_API ct_module *ct_conv_transpose_new(ct_dtype dtype, int rank, int64_t in_channels, int64_t out_channels,
                                        const int64_t kernel[], const ct_conv_options *options, bool bias, ct_random *random,
                                        ct_error *error);
/* Affine, with running statistics, momentum 0.1, eps 1e-5; also holds PyTorch's num_batches_tracked. */
CT_API ct_module *ct_batch_norm_new(ct_dtype dtype, int64_t channels, ct_error *error);
CT_API ct_module *ct_layer_norm_new(ct_dtype dtype, ct_shape normalized_shape, ct_error *error);
CT_API ct_module *ct_instance_norm_new(ct_dtype dtype, int64_t channels, bool affine, ct_error *error);
CT_API ct_module *ct_group_norm_new(ct_dtype dtype, int64_t groups, int64_t channels, ct_error *error);

/* Layers without parameters. */
CT_API ct_module *ct_relu_new(ct_error *error);
CT_API ct_module *ct_leaky_relu_new(double negative_slope, ct_error *error);
CT_API ct_module *ct_tanh_new(ct_error *error);
CT_API ct_module *ct_sigmoid_new(ct_error *error);
CT_API ct_module *ct_flatten_new(ct_error *error); /* from axis 1 on */

/* Any function of one tensor. `context` is the caller's and outlives the module. */
CT_API ct_module *ct_function_new(ct_tensor *(*forward)(ct_tape *, ct_tensor *, void *), void *context, ct_error *error);

/* Layers one after another; takes the layers over, each of them once. A NULL layer frees the others and returns NULL, and leaves
 * `error` as its maker wrote it, so makers nest. */
CT_API ct_module *ct_sequential_new(int count, ct_module *const layers[], ct_error *error);

CT_API void ct_module_free(ct_module *module);

/* The output for x; the result is the tape's. Inner results are dropped (ct_tape_drop). */
CT_API ct_tensor *ct_module_forward(ct_module *module, ct_tape *tape, ct_tensor *x);

/* Training (the default) or evaluation mode, of all layers. */
CT_API void ct_module_train(ct_module *module, bool training);

/* ct_requires_grad for all parameters. */
CT_API void ct_module_requires_grad(ct_module *module, bool required);
CT_API void ct_module_zero_gradients(ct_module *module);

/* The named tensors, parameters and buffers, in PyTorch's state_dict order. The name is valid while the module lives;
 * tensors stay the module's. position 0 … count − 1. */
typedef struct ct_named_tensor {
    const char *name;
    ct_tensor *tensor;
    bool buffer; /* not a parameter: no gradient */
} ct_named_tensor;

CT_API int ct_module_tensor_count(const ct_module *module);
CT_API ct_named_tensor ct_module_tensor(const ct_module *module, int position);
CT_API ct_tensor *ct_module_find(const ct_module *module, const char *name); /* NULL if there is none */
CT_API int ct_module_layer_count(const ct_module *module);                   /* of a Sequential; else 0 */
CT_API ct_module *ct_module_layer(const ct_module *module, int position);
CT_API const char *ct_module_kind(const ct_module *module);                  /* "Conv2d", "BatchNorm", … */

#endif
