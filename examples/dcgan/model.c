/* The two networks, to the letter of PyTorch's DCGAN example, and the critic that WGAN-GP wants. */
#include <stdlib.h>
#include <string.h>

#include "dcgan.h"

#define MOST_LAYERS 32

static const int64_t whole[] = { 4, 4 }; /* the smallest map is 4 × 4, and one kernel covers it */

/* The layers between: a kernel of any size at stride 2, padded so that each doubles the side, or halves it. */
struct between {
    int64_t kernel[2];
    ct_conv_options up, down;
};

static struct between between(const struct dcgan_shape *shape)
{
    int64_t k = shape->kernel > 0 ? shape->kernel : 4, padding = (k - 1) / 2;
    return (struct between){ .kernel = { k, k },
                             .up = { .stride = { 2, 2 }, .padding = { padding, padding }, .output_padding = { k % 2, k % 2 } },
                             .down = { .stride = { 2, 2 }, .padding = { padding, padding } } };
}

/* Layers gathered one by one; the first failure frees them all. */
struct stack {
    ct_module *layer[MOST_LAYERS];
    int count;
};

static void push(struct stack *stack, ct_module *layer)
{
    stack->layer[stack->count++] = layer;
}

static int stages(int size)
{
    int count = 0;
    while (size > 4 << count)
        count++;
    return count;
}

static bool shape_good(const struct dcgan_shape *shape, ct_error *error)
{
    bool good = shape->size >= 16 && shape->size <= 128 && (shape->size & (shape->size - 1)) == 0 && shape->nz > 0 &&
                shape->ngf > 0 && shape->ndf > 0 && shape->kernel >= 0 && shape->kernel != 1 && shape->kernel <= 15 &&
                (shape->channels == 1 || shape->channels == 3);
    if (!good)
        ct_error_set(
            error, CT_BAD_ARGUMENT,
            "size %d, nz %d, ngf %d, ndf %d, %d channels, kernel %d: size is 16, 32, 64 or 128 (4 doubled), channels 1 or 3, "
            "kernel 2 to 15, the others at least 1",
            shape->size, shape->nz, shape->ngf, shape->ndf, shape->channels, shape->kernel);
    return good;
}

/* Of layers that double the width of the one before at every stage, from `width` on. */
static int64_t weights_between(const struct dcgan_shape *shape, int64_t width)
{
    const struct between layer = between(shape);
    int64_t count = shape->channels * width;
    for (int stage = 1; stage < stages(shape->size); stage++, width *= 2)
        count += width * 2 * width;
    return count * layer.kernel[0] * layer.kernel[1];
}

/* The narrow end, 4 × 4, has `ends` channels. */
static int64_t weights(const struct dcgan_shape *shape, int64_t width, int64_t ends)
{
    return weights_between(shape, width) + (width << (stages(shape->size) - 1)) * ends * whole[0] * whole[1];
}

int64_t dcgan_generator_weights(const struct dcgan_shape *shape) { return weights(shape, shape->ngf, shape->nz); }

int64_t dcgan_discriminator_weights(const struct dcgan_shape *shape) { return weights(shape, shape->ndf, 1); }

/* DCGAN's initialisation: convolutions N(0, 0.02); batch norms γ N(1, 0.02), β 0. Only convolutions have a weight of rank 4. */
static ct_module *initialise(ct_module *module, ct_random *random)
{
    for (int i = 0; module != NULL && i < ct_module_tensor_count(module); i++) {
        ct_named_tensor named = ct_module_tensor(module, i);
        size_t length = strlen(named.name);
        if (length >= 6 && strcmp(named.name + length - 6, "weight") == 0)
            ct_normal(named.tensor, ct_tensor_rank(named.tensor) == 4 ? 0 : 1, 0.02, random);
    }
    return module;
}

ct_conv_options dcgan_generator_options(const struct dcgan_shape *shape, int layer, int64_t kernel[2])
{
    const struct between later = between(shape);
    memcpy(kernel, layer == 0 ? whole : later.kernel, sizeof whole);
    return layer == 0 ? (ct_conv_options){ .stride = { 1, 1 } } : later.up;
}

ct_module *dcgan_generator_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error)
{
    if (!shape_good(shape, error))
        return NULL;
    struct stack stack = { .count = 0 };
    int64_t in = shape->nz, kernel[2];
    ct_conv_options options;
    for (int stage = stages(shape->size); stage > 0; stage--) {
        int64_t out = (int64_t)shape->ngf << (stage - 1);
        options = dcgan_generator_options(shape, stack.count, kernel);
        push(&stack, ct_conv_transpose_new(shape->dtype, 2, in, out, kernel, &options, false, random, error));
        push(&stack, ct_batch_norm_new(shape->dtype, out, error));
        push(&stack, ct_relu_new(error));
        in = out;
    }
    options = dcgan_generator_options(shape, stack.count, kernel);
    push(&stack, ct_conv_transpose_new(shape->dtype, 2, in, shape->channels, kernel, &options, false, random, error));
    push(&stack, ct_tanh_new(error));
    return initialise(ct_sequential_new(stack.count, stack.layer, error), random);
}

/* A convolution, a norm but for the first layer, a leaky ReLU; twice as wide and half as large each time; at last one number. */
static struct stack opponent(const struct dcgan_shape *shape, ct_module *(*norm)(ct_dtype, int64_t, ct_error *),
                             ct_random *random, ct_error *error)
{
    const struct between earlier = between(shape);
    struct stack stack = { .count = 0 };
    int64_t in = shape->channels;
    for (int stage = 0; stage < stages(shape->size); stage++) {
        int64_t out = (int64_t)shape->ndf << stage;
        push(&stack, ct_conv_new(shape->dtype, 2, in, out, earlier.kernel, &earlier.down, false, random, error));
        if (stage > 0)
            push(&stack, norm(shape->dtype, out, error));
        push(&stack, ct_leaky_relu_new(0.2, error));
        in = out;
    }
    push(&stack, ct_conv_new(shape->dtype, 2, in, 1, whole, NULL, false, random, error));
    return stack;
}

ct_module *dcgan_discriminator_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error)
{
    if (!shape_good(shape, error))
        return NULL;
    struct stack stack = opponent(shape, ct_batch_norm_new, random, error);
    push(&stack, ct_sigmoid_new(error));
    return initialise(ct_sequential_new(stack.count, stack.layer, error), random);
}

/* The gradient penalty holds the critic's gradient at each picture alone, so its norm may not mix the pictures of a batch. */
static ct_module *layer_norm(ct_dtype dtype, int64_t channels, ct_error *error)
{
    return ct_group_norm_new(dtype, 1, channels, error);
}

ct_module *dcgan_critic_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error)
{
    if (!shape_good(shape, error))
        return NULL;
    struct stack stack = opponent(shape, layer_norm, random, error);
    return initialise(ct_sequential_new(stack.count, stack.layer, error), random);
}

enum { AT_ONCE = 8 }; /* pictures in a pass */

/* images[begin …] ← the pictures of noise[begin …], AT_ONCE of them or what is left. The pass is always of AT_ONCE, with zeros for
 * what is missing: the choice of an algorithm, and so the rounding, may depend on the batch's size. */
static bool sample_pass(ct_module *generator, ct_tape *tape, ct_tensor *noise, ct_tensor *batch, ct_tensor *images, int64_t begin)
{
    const int64_t left = ct_tensor_size(noise, 0) - begin, count = left < AT_ONCE ? left : AT_ONCE;
    const size_t element = ct_dtype_size(ct_tensor_dtype(noise));
    const size_t from = (size_t)(ct_tensor_count(noise) / ct_tensor_size(noise, 0)) * element;
    const size_t to = (size_t)(ct_tensor_count(images) / ct_tensor_size(images, 0)) * element;
    ct_tape_reset(tape);
    ct_tensor_fill(batch, 0);
    memcpy(ct_tensor_data_mutable(batch), (const char *)ct_tensor_data(noise) + (size_t)begin * from, (size_t)count * from);
    ct_tensor *made = ct_module_forward(generator, tape, batch);
    if (made != NULL)
        memcpy((char *)ct_tensor_data_mutable(images) + (size_t)begin * to, ct_tensor_data(made), (size_t)count * to);
    return made != NULL;
}

ct_tensor *dcgan_sample(ct_module *generator, const struct dcgan_shape *shape, ct_tape *tape, ct_tensor *noise, ct_error *error)
{
    const int64_t count = ct_tensor_size(noise, 0);
    ct_tensor *images = ct_tensor_empty(shape->dtype, CT_SHAPE(count, shape->channels, shape->size, shape->size));
    ct_tensor *batch = ct_tensor_empty(shape->dtype, CT_SHAPE(AT_ONCE, shape->nz, 1, 1));
    bool good = images != NULL && batch != NULL;
    if (!good)
        ct_error_set(error, CT_NO_MEMORY, "out of memory for %lld pictures", (long long)count);
    ct_module_train(generator, false);
    ct_no_grad_begin(tape);
    for (int64_t begin = 0; begin < count && good; begin += AT_ONCE)
        if (!(good = sample_pass(generator, tape, noise, batch, images, begin)))
            ct_error_set(error, ct_tape_status(tape), "%s", ct_tape_message(tape));
    ct_no_grad_end(tape);
    ct_module_train(generator, true);
    ct_tape_reset(tape);
    ct_tensor_release(batch);
    if (good)
        return images;
    ct_tensor_release(images);
    return NULL;
}
