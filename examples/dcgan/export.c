/* dcgan export: a trained generator for other programs. */
#include <stdlib.h>
#include <string.h>

#include "dcgan.h"

struct export_options {
    struct common common;
    const char *model, *onnx, *safetensors;
};

enum { NAME_SIZE = 64 };

/* The layers' parameters in the file are named as in PyTorch; x0 … are the values between them. */
static void add_weight(ct_onnx *graph, const ct_module *generator, int layer, const char *what, char name[NAME_SIZE])
{
    char own[NAME_SIZE - 8];
    snprintf(own, sizeof own, "%d.%s", layer, what);
    snprintf(name, NAME_SIZE, "main.%s", own);
    ct_onnx_initializer(graph, name, ct_module_find(generator, own));
}

static void add_convolution(ct_onnx *graph, const ct_module *generator, const struct dcgan_shape *shape, int layer,
                            const char *in, const char *out)
{
    char weight[NAME_SIZE];
    int64_t kernel[2];
    const ct_conv_options options = dcgan_generator_options(shape, layer, kernel);
    const int64_t *padding = options.padding, *extra = options.output_padding;
    const int64_t strides[] = { options.stride[0], options.stride[1] },
                  pads[] = { padding[0], padding[1], padding[0], padding[1] };
    add_weight(graph, generator, layer, "weight", weight);
    ct_onnx_node(graph, "ConvTranspose", 2, (const char *[]){ in, weight }, out, 4,
                 (ct_onnx_attribute[]){ CT_ONNX_INTS("kernel_shape", 2, kernel), CT_ONNX_INTS("strides", 2, strides),
                                        CT_ONNX_INTS("pads", 4, pads), CT_ONNX_INTS("output_padding", 2, extra) });
}

static void add_norm(ct_onnx *graph, const ct_module *generator, int layer, const char *in, const char *out)
{
    char name[4][NAME_SIZE];
    add_weight(graph, generator, layer, "weight", name[0]);
    add_weight(graph, generator, layer, "bias", name[1]);
    add_weight(graph, generator, layer, "running_mean", name[2]);
    add_weight(graph, generator, layer, "running_var", name[3]);
    ct_onnx_node(graph, "BatchNormalization", 5, (const char *[]){ in, name[0], name[1], name[2], name[3] }, out, 1,
                 (ct_onnx_attribute[]){ CT_ONNX_FLOAT("epsilon", 1e-5) });
}

ct_status dcgan_export_onnx(const ct_module *generator, const struct dcgan_shape *shape, const char *path, ct_error *error)
{
    ct_onnx *graph = ct_onnx_new("dcgan_generator", error);
    if (graph == NULL)
        return error->status;
    const int layers = ct_module_layer_count(generator);
    ct_onnx_input(graph, "noise", shape->dtype, CT_SHAPE(-1, shape->nz, 1, 1));
    ct_onnx_output(graph, "images", shape->dtype, CT_SHAPE(-1, shape->channels, shape->size, shape->size));
    char in[NAME_SIZE] = "noise", out[NAME_SIZE];
    for (int i = 0; i < layers; i++) {
        const char *kind = ct_module_kind(ct_module_layer(generator, i));
        snprintf(out, sizeof out, i == layers - 1 ? "images" : "x%d", i);
        if (strcmp(kind, "ConvTranspose2d") == 0)
            add_convolution(graph, generator, shape, i, in, out);
        else if (strcmp(kind, "BatchNorm") == 0)
            add_norm(graph, generator, i, in, out);
        else
            ct_onnx_node(graph, strcmp(kind, "ReLU") == 0 ? "Relu" : kind, 1, (const char *[]){ in }, out, 0, NULL);
        memcpy(in, out, sizeof in);
    }
    ct_status status = ct_onnx_write(graph, path, error);
    ct_onnx_free(graph);
    return status;
}

static ct_status run(const void *given, ct_error *error)
{
    const struct export_options *options = given;
    struct dcgan_shape shape;
    if (options->model == NULL || (options->onnx == NULL && options->safetensors == NULL))
        return ct_error_set(error, CT_BAD_ARGUMENT, "needs --model FILE, and --onnx FILE or --safetensors FILE");
    ct_module *generator = dcgan_load_generator(options->model, &shape, error);
    if (generator == NULL)
        return CT_IO_ERROR;
    ct_status status = options->onnx != NULL ? dcgan_export_onnx(generator, &shape, options->onnx, error) : CT_OK;
    if (status == CT_OK && options->safetensors != NULL)
        status = dcgan_save(generator, options->safetensors, error);
    ct_module_free(generator);
    if (status == CT_OK && options->onnx != NULL)
        printf("%s\n", options->onnx);
    if (status == CT_OK && options->safetensors != NULL)
        printf("%s\n", options->safetensors);
    return status;
}

static const struct setting settings[] = {
    TEXT(struct export_options, model, "model", "FILE", NULL, "a generator.safetensors, or a checkpoint"),
    TEXT(struct export_options, onnx, "onnx", "FILE.onnx", NULL, "ONNX, opset 17: noise (batch, nz, 1, 1) to images in -1 ... 1"),
    TEXT(struct export_options, safetensors, "safetensors", "FILE", NULL, "the generator alone, under PyTorch's names"),
};

const struct verb verb_export = {
    "export", "write a generator for ONNX or PyTorch",
    "Batch norm is exported with its running statistics, as it samples. In PyTorch, with netG from its DCGAN example:\n"
    "netG.load_state_dict(safetensors.torch.load_file(\"generator.safetensors\")).\n\n"
    "Examples\n"
    "  dcgan export --model out/demo/generator.safetensors --onnx letters.onnx\n"
    "  dcgan export --model out/demo/checkpoint-latest.safetensors --safetensors generator.safetensors\n",
    SETTINGS_OF(settings), sizeof(struct export_options), run
};
