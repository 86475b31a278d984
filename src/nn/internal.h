/* A module, as the files of this folder see it. Not installed. */
#ifndef CT_NN_INTERNAL_H
#define CT_NN_INTERNAL_H

#include <cotangent/nn.h>

#include "../tensor/internal.h"

/* A Sequential runs a rectifier together with the layer before it where that layer can: forward_rectified is forward and then a
 * leaky ReLU of that slope. */
typedef struct ct_kind {
    const char *name;
    ct_tensor *(*forward)(ct_module *module, ct_tape *tape, ct_tensor *x);
    ct_tensor *(*forward_rectified)(ct_module *module, ct_tape *tape, ct_tensor *x, double slope);
    bool rectifier; /* a leaky ReLU of slope module->slope */
} ct_kind;

enum { CT_OWN_TENSORS = 5 }; /* of one layer: batch norm has the most */

/* One struct for every layer: each kind reads the fields it knows. */
struct ct_module {
    const ct_kind *kind;
    bool training;

    ct_tensor *weight, *bias, *running_mean, *running_var, *batches; /* NULL where a layer has none */
    int rank;                                                        /* axes: a conv's spatial ones, a layer norm's */
    ct_conv_options options;
    int64_t groups;
    double slope;
    ct_tensor *(*function)(ct_tape *, ct_tensor *, void *);
    void *context;

    int tensor_count;
    ct_named_tensor own[CT_OWN_TENSORS];

    /* A Sequential's: its layers, and the list of all their tensors with the names' text behind it in one block. */
    int layer_count;
    ct_module **layers;
    ct_named_tensor *list;
    size_t list_bytes;
};

CT_HIDDEN ct_module *ct_module_new(const ct_kind *kind, ct_error *error);

/* Makes one more own tensor, filled with `value`; NULL with `error` written. A parameter requires a gradient. */
CT_HIDDEN ct_tensor *ct_module_own(ct_module *module, const char *name, ct_dtype dtype, ct_shape shape, double value,
                                   bool buffer, ct_error *error);

#endif
