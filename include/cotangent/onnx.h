/* ONNX files, written: a graph of nodes, its weights, its inputs and outputs. Opset 17, IR version 8. https://onnx.ai/onnx/repo-docs/IR.html */
#ifndef COTANGENT_ONNX_H
#define COTANGENT_ONNX_H

#include <cotangent/tensor.h>

/* A graph that grows by the calls below; a wrong argument or a lack of memory is kept, and ct_onnx_write returns it. */
typedef struct ct_onnx ct_onnx;
CT_API ct_onnx *ct_onnx_new(const char *name, ct_error *error);
CT_API void ct_onnx_free(ct_onnx *graph);

/* Values that come in and go out. An extent of −1 is any size, under the name "batch". */
CT_API void ct_onnx_input(ct_onnx *graph, const char *name, ct_dtype dtype, ct_shape shape);
CT_API void ct_onnx_output(ct_onnx *graph, const char *name, ct_dtype dtype, ct_shape shape);

/* A constant, copied. */
CT_API void ct_onnx_initializer(ct_onnx *graph, const char *name, const ct_tensor *tensor);

/* One attribute of a node: CT_ONNX_INT("group", 1), CT_ONNX_FLOAT("alpha", 0.2), CT_ONNX_INTS("pads", 4, pads). */
typedef struct ct_onnx_attribute {
    const char *name;
    enum { CT_ONNX_TYPE_FLOAT = 1, CT_ONNX_TYPE_INT = 2, CT_ONNX_TYPE_INTS = 7 } type;
    float f;
    int64_t i;
    int count; /* of ints */
    const int64_t *ints;
} ct_onnx_attribute;
#define CT_ONNX_INT(name_, value) ((ct_onnx_attribute){ .name = (name_), .type = CT_ONNX_TYPE_INT, .i = (value) })
#define CT_ONNX_FLOAT(name_, value) ((ct_onnx_attribute){ .name = (name_), .type = CT_ONNX_TYPE_FLOAT, .f = (float)(value) })
#define CT_ONNX_INTS(name_, count_, values) \
    ((ct_onnx_attribute){ .name = (name_), .type = CT_ONNX_TYPE_INTS, .count = (count_), .ints = (values) })

/* A node of one output, in an order in which they can be computed. Weights are laid out as PyTorch's; "pads" holds all begins, then
 * all ends; BatchNormalization takes (x, scale, bias, mean, variance), and its momentum is 1 minus PyTorch's. */
CT_API void ct_onnx_node(ct_onnx *graph, const char *type, int inputs, const char *const input[], const char *output, int attributes,
                         const ct_onnx_attribute attribute[]);

/* The file, replaced whole; the graph may go on. */
CT_API ct_status ct_onnx_write(ct_onnx *graph, const char *path, ct_error *error);

#endif
