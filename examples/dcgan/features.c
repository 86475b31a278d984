/* The classifier whose features evaluation compares: three convolutions, their mean over the picture, four answers. */
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"

enum { BATCH = 64, TURNS = 4 };

struct classifier {
    struct dcgan_shape shape;
    ct_tape *tape;
    ct_module *body, *head;
    ct_optimizer *optimizer;
    ct_tensor *images, *turned, *turn;
};

static ct_module *body_new(const struct dcgan_shape *shape, ct_random *random, ct_error *error)
{
    static const ct_conv_options halve = { .stride = { 2, 2 }, .padding = { 1, 1 } };
    static const int64_t kernel[] = { 4, 4 }, width[] = { FEATURES / 4, FEATURES / 2, FEATURES };
    ct_module *layer[9];
    int count = 0;
    int64_t in = shape->channels;
    for (int i = 0; i < 3; i++) {
        layer[count++] = ct_conv_new(CT_F32, 2, in, width[i], kernel, &halve, false, random, error);
        layer[count++] = ct_batch_norm_new(CT_F32, width[i], error);
        layer[count++] = ct_leaky_relu_new(0.2, error);
        in = width[i];
    }
    return ct_sequential_new(count, layer, error);
}

/* turned ← images, picture i by i quarter turns. */
static void rotate(const ct_tensor *images, ct_tensor *turned)
{
    const int64_t side = ct_tensor_size(images, 2), planes = ct_tensor_size(images, 0) * ct_tensor_size(images, 1);
    const float *from = ct_tensor_data(images);
    float *to = ct_tensor_data_mutable(turned);
    for (int64_t p = 0; p < planes; p++)
        for (int64_t y = 0; y < side; y++)
            for (int64_t x = 0; x < side; x++) {
                const int64_t turn = p / ct_tensor_size(images, 1) % TURNS, v = side - 1 - y, u = side - 1 - x;
                const int64_t source = turn == 0   ? y * side + x
                                       : turn == 1 ? x * side + v
                                       : turn == 2 ? v * side + u
                                                   : u * side + y;
                to[(p * side + y) * side + x] = from[p * side * side + source];
            }
}

/* The features, (n, FEATURES), the tape's. */
static ct_tensor *look(struct classifier *classifier, ct_tensor *images)
{
    return ct_mean_axes(classifier->tape, ct_module_forward(classifier->body, classifier->tape, images), CT_AXES(2, 3), false);
}

static ct_status step(struct classifier *classifier, struct data *data, ct_error *error)
{
    ct_tape *tape = classifier->tape;
    ct_status status = data_next(data, classifier->images, error);
    if (status != CT_OK)
        return status;
    rotate(classifier->images, classifier->turned);
    ct_tape_reset(tape);
    ct_optimizer_zero_grad(classifier->optimizer);
    ct_tensor *answer = ct_module_forward(classifier->head, tape, look(classifier, classifier->turned));
    ct_backward(tape, ct_cross_entropy_loss(tape, answer, classifier->turn, NULL, CT_REDUCTION_MEAN));
    if (ct_tape_status(tape) != CT_OK)
        return ct_error_set(error, ct_tape_status(tape), "%s", ct_tape_message(tape));
    status = ct_optimizer_step(classifier->optimizer);
    return status == CT_OK ? CT_OK : ct_error_set(error, status, "the classifier cannot learn: %s", ct_status_string(status));
}

static bool build(struct classifier *classifier, const struct dcgan_shape *shape, uint64_t seed, ct_error *error)
{
    ct_random random = { .seed = seed, .stream = 7 };
    ct_optim_settings settings = ct_optim_defaults(CT_ADAM);
    const ct_shape pictures = CT_SHAPE(BATCH, shape->channels, shape->size, shape->size);
    float turn[BATCH];
    for (int i = 0; i < BATCH; i++)
        turn[i] = (float)(i % TURNS);
    settings.lr = 0.002;
    classifier->shape = *shape;
    return (classifier->tape = ct_tape_new()) != NULL && (classifier->body = body_new(shape, &random, error)) != NULL &&
           (classifier->head = ct_linear_new(CT_F32, FEATURES, TURNS, true, &random, error)) != NULL &&
           (classifier->optimizer = ct_optimizer_new(CT_ADAM)) != NULL &&
           ct_optimizer_add_module(classifier->optimizer, classifier->body, &settings, error) == CT_OK &&
           ct_optimizer_add_module(classifier->optimizer, classifier->head, &settings, error) == CT_OK &&
           (classifier->images = ct_tensor_zeros(CT_F32, pictures)) != NULL &&
           (classifier->turned = ct_tensor_zeros(CT_F32, pictures)) != NULL &&
           (classifier->turn = ct_tensor_from(CT_F32, CT_SHAPE(BATCH), turn)) != NULL;
}

struct classifier *classifier_train(const struct dcgan_shape *shape, struct data *data, int64_t steps, uint64_t seed,
                                    ct_error *error)
{
    struct classifier *classifier = calloc(1, sizeof *classifier);
    ct_error inner = { CT_NO_MEMORY, "out of memory for the classifier" };
    bool good = classifier != NULL && build(classifier, shape, seed, &inner);
    for (int64_t i = 0; i < steps && good; i++)
        good = step(classifier, data, &inner) == CT_OK;
    if (good) {
        ct_module_train(classifier->body, false);
        return classifier;
    }
    classifier_free(classifier);
    ct_error_set(error, inner.status, "%s", inner.message);
    return NULL;
}

void classifier_free(struct classifier *classifier)
{
    if (classifier == NULL)
        return;
    ct_tape_free(classifier->tape);
    ct_optimizer_free(classifier->optimizer);
    ct_module_free(classifier->body);
    ct_module_free(classifier->head);
    ct_tensor_release(classifier->images), ct_tensor_release(classifier->turned), ct_tensor_release(classifier->turn);
    free(classifier);
}

ct_status classifier_features(struct classifier *classifier, ct_tensor *images, double *features, ct_error *error)
{
    ct_tape *tape = classifier->tape;
    ct_tape_reset(tape);
    ct_no_grad_begin(tape);
    ct_tensor *seen = look(classifier, images);
    ct_no_grad_end(tape);
    if (seen == NULL)
        return ct_error_set(error, ct_tape_status(tape), "%s", ct_tape_message(tape));
    return ct_tensor_copy_out(seen, CT_F64, features, ct_tensor_count(seen));
}

ct_status classifier_accuracy(struct classifier *classifier, ct_tensor *images, double *accuracy, ct_error *error)
{
    ct_tape *tape = classifier->tape;
    ct_tensor *turned = ct_tensor_clone(images);
    int64_t right = 0, count = ct_tensor_size(images, 0);
    if (turned == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "out of memory for the classifier");
    rotate(images, turned);
    ct_tape_reset(tape);
    ct_no_grad_begin(tape);
    ct_tensor *answer = ct_module_forward(classifier->head, tape, look(classifier, turned));
    ct_no_grad_end(tape);
    for (int64_t i = 0; answer != NULL && i < count; i++) {
        int best = 0;
        for (int k = 1; k < TURNS; k++)
            if (ct_tensor_at(answer, i * TURNS + k) > ct_tensor_at(answer, i * TURNS + best))
                best = k;
        right += best == i % TURNS;
    }
    ct_tensor_release(turned);
    *accuracy = (double)right / (double)count;
    return answer != NULL ? CT_OK : ct_error_set(error, ct_tape_status(tape), "%s", ct_tape_message(tape));
}
