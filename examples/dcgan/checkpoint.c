/* Checkpoints: networks, optimizers and random numbers in one safetensors file, so that a run goes on as if it had never stopped. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dcgan.h"

enum { NAME_SIZE = 80 };

/* Every tensor of the run under its name in the file. */
struct list {
    int count, room;
    char (*text)[NAME_SIZE];
    const char **name;
    ct_tensor **tensor;
};

static void add(struct list *list, const char *prefix, ct_named_tensor named)
{
    snprintf(list->text[list->count], NAME_SIZE, "%s%s", prefix, named.name);
    list->name[list->count] = list->text[list->count];
    list->tensor[list->count++] = named.tensor;
}

static void add_module(struct list *list, const char *prefix, const ct_module *module)
{
    for (int i = 0; i < ct_module_tensor_count(module); i++)
        add(list, prefix, ct_module_tensor(module, i));
}

static void add_optimizer(struct list *list, const char *prefix, const ct_optimizer *optimizer)
{
    for (int i = 0; i < ct_optimizer_tensor_count(optimizer); i++)
        add(list, prefix, ct_optimizer_tensor(optimizer, i));
}

static void list_close(struct list *list)
{
    free(list->text);
    free(list->name);
    free(list->tensor);
}

static ct_status list_open(struct list *list, const struct dcgan *gan, ct_error *error)
{
    const size_t room = (size_t)(ct_module_tensor_count(gan->generator) + ct_module_tensor_count(gan->discriminator) +
                                 ct_optimizer_tensor_count(gan->generator_optimizer) +
                                 ct_optimizer_tensor_count(gan->discriminator_optimizer));
    *list = (struct list){ .text = calloc(room, NAME_SIZE), .name = calloc(room, sizeof(char *)),
                           .tensor = calloc(room, sizeof(ct_tensor *)) };
    if (list->text == NULL || list->name == NULL || list->tensor == NULL) {
        list_close(list);
        return ct_error_set(error, CT_NO_MEMORY, "out of memory for a checkpoint");
    }
    add_module(list, "generator.main.", gan->generator);
    add_module(list, "discriminator.main.", gan->discriminator);
    add_optimizer(list, "generator_optimizer.", gan->generator_optimizer);
    add_optimizer(list, "discriminator_optimizer.", gan->discriminator_optimizer);
    return CT_OK;
}

/* A run whose weights are not numbers is not worth keeping, and would push out one that is. */
static ct_status check_finite(const struct list *list, ct_error *error)
{
    for (int i = 0; i < list->count; i++)
        for (int64_t j = 0; j < ct_tensor_count(list->tensor[i]); j++)
            if (!isfinite(ct_tensor_at(list->tensor[i], j)))
                return ct_error_set(error, CT_NOT_FINITE, "%s is not finite (%g at %lld)", list->name[i],
                                    ct_tensor_at(list->tensor[i], j), (long long)j);
    return CT_OK;
}

/* ---- numbers as texts ---- */

static void write_random(char text[NAME_SIZE], const ct_random *random)
{
    snprintf(text, NAME_SIZE, "%" PRIu64 " %" PRIu32 " %" PRIu32 " %" PRIu32, random->seed, random->stream, random->epoch,
             random->step);
}

static bool read_random(const char *text, ct_random *random)
{
    return text != NULL && sscanf(text, "%" SCNu64 " %" SCNu32 " %" SCNu32 " %" SCNu32, &random->seed, &random->stream,
                                  &random->epoch, &random->step) == 4;
}

static void write_position(char text[NAME_SIZE], ct_loader_position position)
{
    snprintf(text, NAME_SIZE, "%" PRIu32 " %" PRId64, position.epoch, position.index);
}

static bool read_position(const char *text, ct_loader_position *position)
{
    return text != NULL && sscanf(text, "%" SCNu32 " %" SCNd64, &position->epoch, &position->index) == 2 && position->index >= 0;
}

static bool read_whole(const char *text, int64_t *number)
{
    return text != NULL && sscanf(text, "%" SCNd64, number) == 1 && *number >= 0;
}

ct_status dcgan_checkpoint_save(const struct dcgan *gan, const struct dcgan_state *state, const char *path, ct_error *error)
{
    struct list list;
    char step[NAME_SIZE], data[NAME_SIZE], pictures[NAME_SIZE], noise[NAME_SIZE], mix[NAME_SIZE];
    snprintf(step, sizeof step, "%lld", (long long)state->step);
    snprintf(pictures, sizeof pictures, "%lld", (long long)state->pictures);
    write_position(data, state->data);
    write_random(noise, &state->noise);
    write_random(mix, &state->mix);
    const char *metadata[] = { "format",       "cotangent dcgan checkpoint 1",
                               "loss",         gan->loss->name,
                               "step",         step,
                               "data",         data,
                               "pictures",     pictures,
                               "random.noise", noise,
                               "random.mix",   mix };
    ct_status status = list_open(&list, gan, error);
    if (status != CT_OK)
        return status;
    status = check_finite(&list, error);
    if (status == CT_OK)
        status = ct_safetensors_write_with(path, list.count, list.name, list.tensor, sizeof metadata / sizeof *metadata / 2,
                                           metadata, error);
    list_close(&list);
    return status;
}

static void set_steps(ct_optimizer *optimizer, int64_t steps)
{
    for (int i = 0; ct_optimizer_set_steps(optimizer, i, steps) == CT_OK; i++)
        continue;
}

static ct_status load_from(const ct_safetensors *file, struct dcgan *gan, struct dcgan_state *state, const char *path,
                           ct_error *error)
{
    const char *loss = ct_safetensors_metadata(file, "loss");
    const uint64_t seed = state->noise.seed;
    if (loss == NULL || !read_whole(ct_safetensors_metadata(file, "step"), &state->step) ||
        !read_position(ct_safetensors_metadata(file, "data"), &state->data) ||
        !read_random(ct_safetensors_metadata(file, "random.noise"), &state->noise) ||
        !read_random(ct_safetensors_metadata(file, "random.mix"), &state->mix))
        return ct_error_set(error, CT_BAD_FORMAT, "%.300s is no checkpoint of dcgan: loss, step, data or random is missing",
                            path);
    read_whole(ct_safetensors_metadata(file, "pictures"), &state->pictures); /* older ones do not say */
    if (strcmp(loss, gan->loss->name) != 0)
        return ct_error_set(error, CT_BAD_ARGUMENT, "%.300s was trained with --loss %.40s, not %s", path, loss, gan->loss->name);
    if (state->noise.seed != seed)
        return ct_error_set(error, CT_BAD_ARGUMENT, "%.300s was trained with --seed %llu, not %llu", path,
                            (unsigned long long)state->noise.seed, (unsigned long long)seed);
    struct list list;
    ct_status status = list_open(&list, gan, error);
    if (status != CT_OK)
        return status;
    for (int i = 0; i < list.count && status == CT_OK; i++) {
        ct_tensor *stored = ct_safetensors_find(file, list.name[i]);
        if (stored == NULL || ct_tensor_assign(list.tensor[i], stored) != CT_OK)
            status = ct_error_set(error, CT_BAD_FORMAT, "%.300s: %s is %s", path, list.name[i],
                                  stored == NULL ? "missing" : "of another shape: the networks' sizes were others");
    }
    if (status == CT_OK && list.count != ct_safetensors_count(file))
        status = ct_error_set(error, CT_BAD_FORMAT, "%.300s holds %d tensors; this network and its optimizers have %d", path,
                              ct_safetensors_count(file), list.count);
    list_close(&list);
    /* Every step updates every parameter, so that one number stands for all. */
    set_steps(gan->generator_optimizer, state->step);
    set_steps(gan->discriminator_optimizer, state->step * gan->loss->d_steps);
    return status;
}

ct_status dcgan_checkpoint_load(struct dcgan *gan, struct dcgan_state *state, const char *path, ct_error *error)
{
    ct_safetensors *file = ct_safetensors_read(path, error);
    if (file == NULL)
        return CT_IO_ERROR;
    ct_status status = load_from(file, gan, state, path, error);
    ct_safetensors_free(file);
    return status;
}
