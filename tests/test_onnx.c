/* ONNX: the bytes that the onnx package writes for the same graph, which its checker approved (tests/golden/make_golden_onnx.py). */
#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

#include "files.h"

TestSuite(onnx, .init = into_a_folder, .fini = remove_the_folder);

static void weight(ct_onnx *graph, const char *name, ct_shape shape)
{
    ct_tensor *tensor = ct_tensor_zeros(CT_F32, shape);
    float *value = ct_tensor_data_mutable(tensor);
    for (int64_t i = 0; i < ct_tensor_count(tensor); i++)
        value[i] = (float)i / 4;
    ct_onnx_initializer(graph, name, tensor);
    ct_tensor_release(tensor);
}

static void build(ct_onnx *graph)
{
    static const int64_t three[] = { 3, 3 }, two[] = { 2, 2 }, pads[] = { 0, 0, 1, 1 };
    const char *const normal[] = { "a", "scale", "bias", "mean", "variance" };
    ct_onnx_input(graph, "z", CT_F32, CT_SHAPE(-1, 3, 2, 2));
    ct_onnx_output(graph, "x", CT_F32, CT_SHAPE(-1, 1, 3, 3));
    ct_onnx_node(graph, "ConvTranspose", 2, (const char *[]){ "z", "w0" }, "a", 2,
                 (ct_onnx_attribute[]){ CT_ONNX_INTS("kernel_shape", 2, three), CT_ONNX_INTS("strides", 2, two) });
    ct_onnx_node(graph, "BatchNormalization", 5, normal, "b", 2,
                 (ct_onnx_attribute[]){ CT_ONNX_FLOAT("epsilon", 1e-5), CT_ONNX_FLOAT("momentum", 0.9) });
    ct_onnx_node(graph, "Relu", 1, (const char *[]){ "b" }, "c", 0, NULL);
    ct_onnx_node(graph, "Conv", 2, (const char *[]){ "c", "w1" }, "d", 4,
                 (ct_onnx_attribute[]){ CT_ONNX_INT("group", 1), CT_ONNX_INTS("kernel_shape", 2, two), CT_ONNX_INTS("pads", 4, pads),
                                        CT_ONNX_INTS("strides", 2, two) });
    ct_onnx_node(graph, "LeakyRelu", 1, (const char *[]){ "d" }, "e", 1, (ct_onnx_attribute[]){ CT_ONNX_FLOAT("alpha", 0.2) });
    ct_onnx_node(graph, "Tanh", 1, (const char *[]){ "e" }, "f", 0, NULL);
    ct_onnx_node(graph, "Sigmoid", 1, (const char *[]){ "f" }, "x", 0, NULL);
    weight(graph, "w0", CT_SHAPE(3, 2, 3, 3));
    weight(graph, "scale", CT_SHAPE(2)), weight(graph, "bias", CT_SHAPE(2));
    weight(graph, "mean", CT_SHAPE(2)), weight(graph, "variance", CT_SHAPE(2));
    weight(graph, "w1", CT_SHAPE(1, 2, 2, 2));
}

/* Read before the test goes to a folder of its own. */
static uint8_t *golden;
static size_t golden_size;

static void read_golden_and_go(void)
{
    golden = read_bytes("tests/golden/tiny.onnx", &golden_size);
    into_a_folder();
}

Test(onnx_golden, bytes_are_those_of_the_onnx_package, .init = read_golden_and_go, .fini = remove_the_folder)
{
    ct_error error = { CT_OK, "" };
    ct_onnx *graph = ct_onnx_new("tiny", &error);
    build(graph);
    cr_assert_eq(ct_onnx_write(graph, "tiny.onnx", &error), CT_OK, "%s", error.message);
    size_t size;
    uint8_t *bytes = read_bytes("tiny.onnx", &size);
    cr_expect_eq(size, golden_size);
    for (size_t i = 0; i < size && i < golden_size; i++)
        cr_assert(bytes[i] == golden[i], "byte %zu is %02x, not %02x", i, bytes[i], golden[i]);
    free(bytes), free(golden);
    ct_onnx_free(graph);
}

Test(onnx, keeps_the_first_error)
{
    ct_error error = { CT_OK, "" };
    ct_onnx *graph = ct_onnx_new("g", NULL);
    ct_onnx_initializer(graph, "w", NULL);
    ct_onnx_node(graph, NULL, 0, NULL, "x", 0, NULL);
    cr_expect_eq(ct_onnx_write(graph, "g.onnx", &error), CT_BAD_ARGUMENT);
    cr_expect_str_eq(error.message, "onnx: an initializer needs a name and a tensor");
    cr_expect(access("g.onnx", F_OK) != 0);
    ct_onnx_free(graph);

    graph = ct_onnx_new("g", NULL);
    ct_onnx_input(graph, "z", CT_F32, CT_SHAPE(-2));
    cr_expect_eq(ct_onnx_write(graph, "g.onnx", NULL), CT_BAD_ARGUMENT);
    ct_onnx_free(graph);
    graph = ct_onnx_new("g", NULL);
    ct_onnx_node(graph, "Conv", 1, (const char *[]){ NULL }, "x", 0, NULL);
    cr_expect_eq(ct_onnx_write(graph, "g.onnx", NULL), CT_BAD_ARGUMENT);
    ct_onnx_free(graph);
    static const int64_t one = 1;
    const char *const z[] = { "z" };
    static const struct {
        int inputs, attributes;
        const char *const *input;
        const char *output;
        ct_onnx_attribute attribute;
        bool attributes_null;
    } bad[] = {
        { .inputs = -1, .output = "x" }, { .inputs = 1, .output = "x" }, { .output = NULL }, { .attributes = -1, .output = "x" },
        { .attributes = 1, .output = "x", .attributes_null = true }, { .attributes = 1, .output = "x", .attribute = { .type = CT_ONNX_TYPE_INT } },
        { .attributes = 1, .output = "x", .attribute = { .name = "pads", .type = CT_ONNX_TYPE_INTS, .count = 1 } },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        graph = ct_onnx_new("g", NULL);
        ct_onnx_node(graph, "Conv", bad[i].inputs, bad[i].input, bad[i].output, bad[i].attributes,
                     bad[i].attributes_null ? NULL : &bad[i].attribute);
        cr_expect_eq(ct_onnx_write(graph, "g.onnx", &error), CT_BAD_ARGUMENT, "accepted node %zu", i);
        cr_expect_str_eq(error.message, "onnx: a node needs a type, inputs, an output, and attributes with names and values");
        ct_onnx_free(graph);
    }
    for (int i = 0; i < 3; i++) {
        static const ct_shape shapes[] = { { .rank = -1 }, { .rank = CT_MAX_RANK + 1 }, { .rank = 1, .extent = { 2 } } };
        graph = ct_onnx_new("g", NULL);
        ct_onnx_output(graph, i == 2 ? NULL : "x", CT_F32, shapes[i]);
        cr_expect_eq(ct_onnx_write(graph, "g.onnx", NULL), CT_BAD_ARGUMENT);
        ct_onnx_free(graph);
    }
    /* What is right after something wrong changes nothing; NULL is passed over; an empty name and a list of nothing are right. */
    ct_tensor *w = ct_tensor_ones(CT_F64, CT_SHAPE(1));
    graph = ct_onnx_new("", NULL);
    ct_onnx_node(graph, "Sum", 1, z, "x", 2, (ct_onnx_attribute[]){ { .name = "a", .type = CT_ONNX_TYPE_INTS },
                                                                   { .name = "b", .type = CT_ONNX_TYPE_INTS, .count = 1, .ints = &one } });
    ct_onnx_node(graph, "Sum", 1, z, "y", 1, &(ct_onnx_attribute){ .name = "c", .type = CT_ONNX_TYPE_INT, .i = 3, .count = 1 });
    ct_onnx_initializer(graph, "w", w);
    cr_expect_eq(ct_onnx_write(graph, NULL, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_onnx_write(graph, "right.onnx", &error), CT_OK, "%s", error.message);
    ct_onnx_initializer(graph, NULL, w);
    ct_onnx_initializer(graph, "w", w);
    ct_onnx_input(graph, "z", CT_F32, CT_SHAPE(1));
    cr_expect_eq(ct_onnx_write(graph, "g.onnx", NULL), CT_BAD_ARGUMENT);
    ct_onnx_free(graph), ct_tensor_release(w);
    ct_onnx_input(NULL, "z", CT_F32, CT_SHAPE(1)), ct_onnx_output(NULL, "z", CT_F32, CT_SHAPE(1)), ct_onnx_initializer(NULL, "w", NULL);
    cr_expect_null(ct_onnx_new(NULL, NULL));
    cr_expect_eq(ct_onnx_write(NULL, "g.onnx", NULL), CT_BAD_ARGUMENT);
    ct_onnx_free(NULL);
}
