/* What all modules share: memory, modes, the list of tensors. And the Sequential, the one module made of modules. */
#include <string.h>

#include "internal.h"

ct_module *ct_module_new(const ct_kind *kind, ct_error *error)
{
    ct_module *module = ct_allocate_zeroed(sizeof *module);
    if (!module) {
        ct_error_set(error, CT_NO_MEMORY, "%s: no memory for the module", kind->name);
        return NULL;
    }
    module->kind = kind;
    module->training = true;
    return module;
}

ct_tensor *ct_module_own(ct_module *module, const char *name, ct_dtype dtype, ct_shape shape, double value, bool buffer,
                         ct_error *error)
{
    int64_t count;
    size_t bytes;
    if (!ct_shape_measure(shape, dtype, &count, &bytes)) {
        ct_error_set(error, CT_BAD_SHAPE, "%s: a %s with such extents would be too large", module->kind->name, name);
        return NULL;
    }
    ct_tensor *tensor = ct_tensor_full(dtype, shape, value);
    if (!tensor || (!buffer && ct_requires_grad(tensor, true) != CT_OK)) {
        ct_tensor_release(tensor);
        ct_error_set(error, CT_NO_MEMORY, "%s: no memory for %s, %zu bytes", module->kind->name, name, bytes);
        return NULL;
    }
    module->own[module->tensor_count++] = (ct_named_tensor){ .name = name, .tensor = tensor, .buffer = buffer };
    return tensor;
}

void ct_module_free(ct_module *module)
{
    if (!module)
        return;
    for (int i = 0; !module->layers && i < module->tensor_count; i++)
        ct_tensor_release(module->own[i].tensor);
    for (int i = 0; module->layers && i < module->layer_count; i++)
        ct_module_free(module->layers[i]);
    ct_release(module->layers, (size_t)module->layer_count * sizeof *module->layers);
    ct_release(module->list, module->list_bytes);
    ct_release(module, sizeof *module);
}

ct_tensor *ct_module_forward(ct_module *module, ct_tape *tape, ct_tensor *x)
{
    if (!module)
        return ct_fail(tape, CT_BAD_ARGUMENT, "module_forward: the module is NULL");
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "module_forward: x is NULL");
    return module->kind->forward(module, tape, x);
}

void ct_module_train(ct_module *module, bool training)
{
    if (!module)
        return;
    module->training = training;
    for (int i = 0; i < module->layer_count; i++)
        ct_module_train(module->layers[i], training);
}

/* ---- the list of tensors ---- */

int ct_module_tensor_count(const ct_module *module)
{
    return module ? module->tensor_count : 0;
}

ct_named_tensor ct_module_tensor(const ct_module *module, int position)
{
    if (position < 0 || position >= ct_module_tensor_count(module))
        return (ct_named_tensor){ 0 };
    return module->list ? module->list[position] : module->own[position];
}

ct_tensor *ct_module_find(const ct_module *module, const char *name)
{
    for (int i = 0; name && i < ct_module_tensor_count(module); i++)
        if (!strcmp(ct_module_tensor(module, i).name, name))
            return ct_module_tensor(module, i).tensor;
    return NULL;
}

void ct_module_requires_grad(ct_module *module, bool required)
{
    for (int i = 0; i < ct_module_tensor_count(module); i++)
        if (!ct_module_tensor(module, i).buffer)
            ct_requires_grad(ct_module_tensor(module, i).tensor, required);
}

void ct_module_zero_gradients(ct_module *module)
{
    for (int i = 0; i < ct_module_tensor_count(module); i++)
        if (!ct_module_tensor(module, i).buffer)
            ct_zero_gradient(ct_module_tensor(module, i).tensor);
}

const char *ct_module_kind(const ct_module *module)
{
    return module ? module->kind->name : "";
}

int ct_module_layer_count(const ct_module *module)
{
    return module ? module->layer_count : 0;
}

ct_module *ct_module_layer(const ct_module *module, int position)
{
    return position >= 0 && position < ct_module_layer_count(module) ? module->layers[position] : NULL;
}

/* ---- Sequential ---- */

static ct_tensor *forward_sequential(ct_module *module, ct_tape *tape, ct_tensor *x)
{
    ct_tensor *y = x;
    for (int i = 0; y && i < module->layer_count; i++) {
        ct_module *layer = module->layers[i], *after = i + 1 < module->layer_count ? module->layers[i + 1] : NULL;
        const bool both = layer->kind->forward_rectified && after && after->kind->rectifier; /* NOLINT: no layer is NULL */
        ct_tensor *next = both ? layer->kind->forward_rectified(layer, tape, y, after->slope) : ct_module_forward(layer, tape, y);
        i += both;
        if (y != x && next != y && next)
            ct_tape_drop(tape, y);
        y = next;
    }
    return y;
}

static const ct_kind sequential = { .name = "Sequential", .forward = forward_sequential };

/* Lists all layers' tensors as "<layer>.<name>". */
static bool list_tensors(ct_module *module)
{
    int count = 0;
    size_t text = 0;
    for (int i = 0; i < module->layer_count; i++)
        for (int j = 0; j < module->layers[i]->tensor_count; j++, count++) /* NOLINT: no layer is NULL */
            text += (size_t)snprintf(NULL, 0, "%d.%s", i, ct_module_tensor(module->layers[i], j).name) + 1;
    if (!count)
        return true;

    module->list_bytes = (size_t)count * sizeof *module->list + text;
    module->list = ct_allocate(module->list_bytes);
    if (!module->list)
        return false;
    char *name = (char *)(module->list + count), *end = name + text;
    for (int i = 0; i < module->layer_count; i++) {
        for (int j = 0; j < module->layers[i]->tensor_count; j++) {
            ct_named_tensor *entry = &module->list[module->tensor_count++];
            *entry = ct_module_tensor(module->layers[i], j);
            int length = snprintf(name, (size_t)(end - name), "%d.%s", i, entry->name);
            entry->name = name;
            name += length + 1;
        }
    }
    return true;
}

ct_module *ct_sequential_new(int count, ct_module *const layers[], ct_error *error)
{
    bool whole = count >= 0 && (count == 0 || layers);
    if (!whole)
        ct_error_set(error, CT_BAD_ARGUMENT, "Sequential: %d layers, given as %p", count, (const void *)layers);
    for (int i = 0; whole && i < count; i++)
        whole = layers[i] != NULL; /* the maker of a NULL layer has said why in `error` */

    ct_module *module = whole ? ct_module_new(&sequential, error) : NULL;
    if (module && count)
        module->layers = ct_allocate_array((size_t)count, sizeof *layers);
    if (module && module->layers) {
        memcpy(module->layers, layers, (size_t)count * sizeof *layers);
        module->layer_count = count;
    }
    if (module && (module->layer_count != count || !list_tensors(module))) {
        ct_error_set(error, CT_NO_MEMORY, "Sequential: no memory for a list of %d layers", count);
        count = module->layer_count ? 0 : count; /* those it holds go with it */
        ct_module_free(module);
        module = NULL;
    }
    for (int i = 0; !module && layers && i < count; i++)
        ct_module_free(layers[i]);
    return module;
}
