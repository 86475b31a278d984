/* Networks in and out, under the names that PyTorch's state_dict gives them. */
#include <stdlib.h>
#include <string.h>

#include "dcgan.h"

#define NAME_SIZE 64
enum { LARGEST = 5, MOST = 1 << 24 }; /* doublings of a side, of 128; numbers of noise, and a layer's width */

ct_status dcgan_save(const ct_module *module, const char *path, ct_error *error)
{
    int count = ct_module_tensor_count(module);
    char(*text)[NAME_SIZE] = calloc((size_t)count, sizeof *text);
    const char **name = calloc((size_t)count, sizeof *name);
    ct_tensor **tensor = calloc((size_t)count, sizeof(ct_tensor *));
    ct_status status;
    if (text == NULL || name == NULL || tensor == NULL) {
        status = ct_error_set(error, CT_NO_MEMORY, "out of memory for %s", path);
    } else {
        for (int i = 0; i < count; i++) {
            ct_named_tensor named = ct_module_tensor(module, i);
            snprintf(text[i], NAME_SIZE, "main.%s", named.name);
            name[i] = text[i];
            tensor[i] = named.tensor;
        }
        status = ct_safetensors_write(path, count, name, tensor, error);
    }
    free(text);
    free(name);
    free(tensor);
    return status;
}

/* Where the generator's names begin: a checkpoint holds both networks. */
static const char *prefix_of(const ct_safetensors *file)
{
    return ct_safetensors_find(file, "main.0.weight") != NULL ? "main." : "generator.main.";
}

static ct_tensor *layer_weight(const ct_safetensors *file, int layer, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%s%d.weight", prefix_of(file), layer);
    return ct_safetensors_find(file, name);
}

static bool is_kernel(const ct_tensor *weight)
{
    return weight != NULL && ct_tensor_rank(weight) == 4 && ct_tensor_count(weight) > 0 && ct_tensor_size(weight, 0) <= MOST;
}

/* The sizes follow from the first and the last weight. The others are looked at before anything is made, so that what is made is no
 * larger than the file. */
static ct_status measure(const ct_safetensors *file, const char *path, struct dcgan_shape *shape, ct_error *error)
{
    char name[NAME_SIZE];
    const ct_tensor *first = layer_weight(file, 0, name), *last = NULL;
    int stages = 0;
    for (int i = 1; i <= LARGEST; i++) {
        const ct_tensor *weight = layer_weight(file, 3 * i, name);
        if (weight != NULL)
            last = weight, stages = i;
    }
    if (!is_kernel(first) || !is_kernel(last))
        return ct_error_set(error, CT_BAD_FORMAT, "%.300s does not hold a DCGAN generator (main.0.weight, main.3.weight, …)",
                            path);
    *shape = (struct dcgan_shape){ .dtype = ct_tensor_dtype(first), .size = 4 << stages, .nz = (int)ct_tensor_size(first, 0),
                                   .ngf = (int)ct_tensor_size(last, 0), .ndf = 1, .channels = (int)ct_tensor_size(last, 1),
                                   .kernel = (int)ct_tensor_size(last, 2) };
    for (int i = 0; i <= stages; i++) {
        const ct_tensor *weight = layer_weight(file, 3 * i, name);
        const int64_t in = i == 0 ? shape->nz : (int64_t)shape->ngf << (stages - i);
        const int64_t out = i == stages ? shape->channels : (int64_t)shape->ngf << (stages - 1 - i);
        const int64_t side = i == 0 ? 4 : shape->kernel;
        if (weight == NULL || !ct_shape_equal(ct_tensor_shape(weight), CT_SHAPE(in, out, side, side)))
            return ct_error_set(error, CT_BAD_FORMAT, "%.300s: %s is missing or of another shape", path, name);
    }
    return CT_OK;
}

ct_module *dcgan_load_generator(const char *path, struct dcgan_shape *shape, ct_error *error)
{
    ct_safetensors *file = ct_safetensors_read(path, error);
    if (file == NULL)
        return NULL;
    ct_module *module = NULL;
    if (measure(file, path, shape, error) == CT_OK && (module = dcgan_generator_new(shape, &(ct_random){ 0 }, error)) == NULL &&
        error->status == CT_BAD_ARGUMENT) {
        const ct_error why = *error;
        ct_error_set(error, CT_BAD_FORMAT, "%.300s does not hold a DCGAN generator: %s", path, why.message);
    }
    for (int i = 0; module != NULL && i < ct_module_tensor_count(module); i++) {
        ct_named_tensor named = ct_module_tensor(module, i);
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "%s%s", prefix_of(file), named.name);
        ct_tensor *stored = ct_safetensors_find(file, name);
        if (stored == NULL || ct_tensor_assign(named.tensor, stored) != CT_OK) {
            ct_error_set(error, CT_BAD_FORMAT, "%.300s: %s is missing or of another shape", path, name);
            ct_module_free(module);
            module = NULL;
        }
    }
    ct_safetensors_free(file);
    return module;
}
