/* ONNX's messages. https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
#include <string.h>

#include <cotangent/onnx.h>

#include "protobuf.h"

enum { IR_VERSION = 8, OPSET = 17 };

/* Fields of the messages. */
enum { MODEL_IR_VERSION = 1, MODEL_PRODUCER = 2, MODEL_GRAPH = 7, MODEL_OPSET = 8, OPSET_VERSION = 2 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_TYPE = 4, NODE_ATTRIBUTE = 5 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_FLOAT = 2, ATTRIBUTE_INT = 3, ATTRIBUTE_INTS = 8, ATTRIBUTE_TYPE = 20 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum { VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_ELEMENT = 1, TENSOR_SHAPE = 2, SHAPE_DIM = 1, DIM_VALUE = 1, DIM_PARAM = 2 };

struct ct_onnx {
    ct_error error; /* the first */
    struct ct_proto head, nodes, initializers, inputs, outputs; /* the graph's fields, by number */
};

static int element_type(ct_dtype dtype) { return dtype == CT_F64 ? 11 : 1; } /* TensorProto.DOUBLE, FLOAT */

static bool good(ct_onnx *graph, bool condition, const char *what)
{
    if (graph == NULL)
        return false;
    if (!condition && graph->error.status == CT_OK)
        ct_error_set(&graph->error, CT_BAD_ARGUMENT, "onnx: %s", what);
    return condition && graph->error.status == CT_OK;
}

ct_onnx *ct_onnx_new(const char *name, ct_error *error)
{
    ct_onnx *graph = name != NULL ? ct_allocate_zeroed(sizeof *graph) : NULL;
    if (graph == NULL)
        ct_error_set(error, name == NULL ? CT_BAD_ARGUMENT : CT_NO_MEMORY, name == NULL ? "onnx: a graph needs a name" : "onnx: out of memory");
    else
        ct_proto_text(&graph->head, GRAPH_NAME, name);
    return graph;
}

void ct_onnx_free(ct_onnx *graph)
{
    if (graph == NULL)
        return;
    ct_proto_clear(&graph->head);
    ct_proto_clear(&graph->nodes);
    ct_proto_clear(&graph->initializers);
    ct_proto_clear(&graph->inputs);
    ct_proto_clear(&graph->outputs);
    ct_release(graph, sizeof *graph);
}

static bool shape_good(ct_shape shape)
{
    bool right = shape.rank >= 0 && shape.rank <= CT_MAX_RANK;
    for (int axis = 0; right && axis < shape.rank; axis++)
        right = shape.extent[axis] >= -1;
    return right;
}

static void add_value(ct_onnx *graph, struct ct_proto *to, int field, const char *name, ct_dtype dtype, ct_shape shape)
{
    if (!good(graph, name != NULL && shape_good(shape), "an input or output needs a name and extents of at least -1"))
        return;
    size_t value = ct_proto_open(to, field);
    ct_proto_text(to, VALUE_NAME, name);
    size_t type = ct_proto_open(to, VALUE_TYPE), tensor = ct_proto_open(to, TYPE_TENSOR);
    ct_proto_integer(to, TENSOR_ELEMENT, element_type(dtype));
    size_t extents = ct_proto_open(to, TENSOR_SHAPE);
    for (int axis = 0; axis < shape.rank; axis++) {
        size_t dim = ct_proto_open(to, SHAPE_DIM);
        if (shape.extent[axis] < 0)
            ct_proto_text(to, DIM_PARAM, "batch");
        else
            ct_proto_integer(to, DIM_VALUE, shape.extent[axis]);
        ct_proto_close(to, dim);
    }
    ct_proto_close(to, extents);
    ct_proto_close(to, tensor);
    ct_proto_close(to, type);
    ct_proto_close(to, value);
}

void ct_onnx_input(ct_onnx *graph, const char *name, ct_dtype dtype, ct_shape shape)
{
    if (graph != NULL)
        add_value(graph, &graph->inputs, GRAPH_INPUT, name, dtype, shape);
}

void ct_onnx_output(ct_onnx *graph, const char *name, ct_dtype dtype, ct_shape shape)
{
    if (graph != NULL)
        add_value(graph, &graph->outputs, GRAPH_OUTPUT, name, dtype, shape);
}

void ct_onnx_initializer(ct_onnx *graph, const char *name, const ct_tensor *tensor)
{
    if (!good(graph, name != NULL && tensor != NULL, "an initializer needs a name and a tensor"))
        return;
    struct ct_proto *to = &graph->initializers;
    ct_shape shape = ct_tensor_shape(tensor);
    size_t opened = ct_proto_open(to, GRAPH_INITIALIZER);
    for (int axis = 0; axis < shape.rank; axis++)
        ct_proto_integer(to, TENSOR_DIMS, shape.extent[axis]);
    ct_proto_integer(to, TENSOR_TYPE, element_type(ct_tensor_dtype(tensor)));
    ct_proto_text(to, TENSOR_NAME, name);
    ct_proto_bytes(to, TENSOR_RAW, ct_tensor_data(tensor), (size_t)ct_tensor_count(tensor) * ct_dtype_size(ct_tensor_dtype(tensor)));
    ct_proto_close(to, opened);
}

static void add_attribute(struct ct_proto *to, const ct_onnx_attribute *attribute)
{
    size_t opened = ct_proto_open(to, NODE_ATTRIBUTE);
    ct_proto_text(to, ATTRIBUTE_NAME, attribute->name);
    if (attribute->type == CT_ONNX_TYPE_FLOAT)
        ct_proto_float(to, ATTRIBUTE_FLOAT, attribute->f);
    if (attribute->type == CT_ONNX_TYPE_INT)
        ct_proto_integer(to, ATTRIBUTE_INT, attribute->i);
    for (int i = 0; i < attribute->count && attribute->type == CT_ONNX_TYPE_INTS; i++)
        ct_proto_integer(to, ATTRIBUTE_INTS, attribute->ints[i]);
    ct_proto_integer(to, ATTRIBUTE_TYPE, attribute->type);
    ct_proto_close(to, opened);
}

void ct_onnx_node(ct_onnx *graph, const char *type, int inputs, const char *const input[], const char *output, int attributes,
                  const ct_onnx_attribute attribute[])
{
    bool right = type != NULL && output != NULL && inputs >= 0 && (inputs == 0 || input != NULL) && attributes >= 0 &&
                 (attributes == 0 || attribute != NULL);
    for (int i = 0; right && i < inputs; i++)
        right = input[i] != NULL;
    for (int i = 0; right && i < attributes; i++)
        right = attribute[i].name != NULL && (attribute[i].type != CT_ONNX_TYPE_INTS || attribute[i].count == 0 || attribute[i].ints != NULL);
    if (!good(graph, right, "a node needs a type, inputs, an output, and attributes with names and values"))
        return;
    struct ct_proto *to = &graph->nodes;
    size_t opened = ct_proto_open(to, GRAPH_NODE);
    for (int i = 0; i < inputs; i++)
        ct_proto_text(to, NODE_INPUT, input[i]);
    ct_proto_text(to, NODE_OUTPUT, output);
    ct_proto_text(to, NODE_NAME, output);
    ct_proto_text(to, NODE_TYPE, type);
    for (int i = 0; i < attributes; i++)
        add_attribute(to, &attribute[i]);
    ct_proto_close(to, opened);
}

ct_status ct_onnx_write(ct_onnx *graph, const char *path, ct_error *error)
{
    if (graph == NULL || path == NULL)
        return ct_error_set(error, CT_BAD_ARGUMENT, "onnx: no graph or no path");
    if (graph->error.status != CT_OK)
        return ct_error_set(error, graph->error.status, "%s", graph->error.message);
    const struct ct_proto *part[] = { &graph->nodes, &graph->head, &graph->initializers, &graph->inputs, &graph->outputs };
    struct ct_proto model = { .size = 0 }, opset = { .size = 0 };
    struct ct_piece piece[7];
    bool failed = false;
    size_t size = 0;
    for (int i = 0; i < 5; i++) {
        piece[i + 1] = (struct ct_piece){ part[i]->data, part[i]->size };
        failed |= part[i]->failed;
        size += part[i]->size;
    }
    /* The graph's length, then its fields as they lie: they are not copied together. */
    ct_proto_integer(&model, MODEL_IR_VERSION, IR_VERSION);
    ct_proto_text(&model, MODEL_PRODUCER, "cotangent");
    ct_proto_length(&model, MODEL_GRAPH, size);
    size_t opened = ct_proto_open(&opset, MODEL_OPSET);
    ct_proto_integer(&opset, OPSET_VERSION, OPSET);
    ct_proto_close(&opset, opened);
    piece[0] = (struct ct_piece){ model.data, model.size };
    piece[6] = (struct ct_piece){ opset.data, opset.size };
    ct_status status = failed || model.failed || opset.failed ? ct_error_set(error, CT_NO_MEMORY, "onnx: out of memory for %s", path)
                                                              : ct_file_replace(path, 7, piece, error);
    ct_proto_clear(&model);
    ct_proto_clear(&opset);
    return status;
}
