/* A convolution as the command line describes it, and the transposed one as a direct one. */
#include <string.h>

#include "tool.h"

#define MOST_ELEMENTS ((int64_t)1 << 27)

int64_t reach(const struct convolution *conv, int axis) { return conv->dilation[axis] * (conv->kernel[axis] - 1) + 1; }

bool is_symmetric(const struct convolution *conv)
{
    return memcmp(conv->begin, conv->end, (size_t)conv->rank * sizeof conv->begin[0]) == 0;
}

static ct_shape shape_of(int rank, int64_t a, int64_t b, const int64_t extent[])
{
    ct_shape shape = { rank + 2, { a, b } };
    memcpy(shape.extent + 2, extent, (size_t)rank * sizeof extent[0]);
    return shape;
}

ct_shape x_shape(const struct convolution *conv, int64_t batch) { return shape_of(conv->rank, batch, conv->x_channels, conv->x); }

ct_shape w_shape(const struct convolution *conv)
{
    return shape_of(conv->rank, conv->y_channels, conv->x_channels / conv->groups, conv->kernel);
}

ct_shape y_shape(const struct convolution *conv, int64_t batch) { return shape_of(conv->rank, batch, conv->y_channels, conv->y); }

ct_conv_options options_of(const struct convolution *conv, bool transposed)
{
    ct_conv_options options = { .groups = conv->groups, .padding_mode = conv->mode };
    for (int a = 0; a < conv->rank; a++) {
        options.stride[a] = conv->stride[a];
        options.padding_begin[a] = conv->begin[a];
        options.padding_end[a] = conv->end[a];
        options.dilation[a] = conv->dilation[a];
        options.output_padding[a] = transposed ? conv->output_padding[a] : 0;
    }
    return options;
}

ct_tensor *convolve(ct_tape *tape, const struct convolution *conv, bool transposed, ct_tensor *input, ct_tensor *weight)
{
    static ct_tensor *(*const op[2][CT_MAX_SPATIAL])(ct_tape *, ct_tensor *, ct_tensor *, ct_tensor *,
                                                     const ct_conv_options *) = {
        { ct_conv1d, ct_conv2d, ct_conv3d },
        { ct_conv_transpose1d, ct_conv_transpose2d, ct_conv_transpose3d },
    };
    ct_conv_options options = options_of(conv, transposed);
    return op[transposed][conv->rank - 1](tape, input, weight, NULL, &options);
}

static bool spread_sizes(const struct sizes *sizes, const int64_t from[], int rank, int64_t absent, int64_t value[])
{
    for (int a = 0; a < rank; a++)
        value[a] = sizes->count == 0 ? absent : from[sizes->count == 1 ? 0 : a];
    return sizes->count <= 1 || sizes->count == rank;
}

/* The extents on the other side, from the library: a batch of no samples has a shape and costs nothing. */
static int find_extents(const char *verb, bool transposed, struct convolution *conv)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *input = ct_tensor_zeros(CT_F64, transposed ? y_shape(conv, 0) : x_shape(conv, 0));
    ct_tensor *weight = ct_tensor_zeros(CT_F64, w_shape(conv));
    ct_tensor *output = convolve(tape, conv, transposed, input, weight);
    int code = 0;

    if (output == NULL)
        code = complain(FAILED, "%s: %s", verb, tape == NULL    ? "out of memory"
                                                : input == NULL ? "the input has more elements than can be counted"
                                                                : ct_tape_message(tape));
    for (int a = 0; output != NULL && a < conv->rank; a++) {
        int64_t extent = ct_tensor_size(output, a + 2);
        if (transposed)
            conv->x[a] = extent;
        else
            conv->y[a] = extent;
        /* Of the sizes with one y, x is this many above the least. */
        if (!transposed)
            conv->output_padding[a] = (conv->x[a] + conv->begin[a] + conv->end[a] - reach(conv, a)) % conv->stride[a];
    }
    ct_tensor_release(input);
    ct_tensor_release(weight);
    ct_tape_free(tape);
    return code;
}

int resolve(const char *verb, const struct request *request, struct convolution *conv)
{
    static const char *const modes[] = { "zeros", "reflect", "replicate", "circular", NULL };
    bool transposed = request->transposed;

    if (request->in.count == 0 || request->kernel.count == 0)
        return complain(MISUSED, "%s: needs --in and --kernel, as in --in 5 --kernel 3, or --in 5x6 --kernel 3", verb);
    *conv = (struct convolution){ .rank = request->in.count, .groups = request->groups };
    const struct {
        const char *name;
        const struct sizes *sizes;
        const int64_t *from;
        int64_t absent, *to;
    } given[] = {
        { "in", &request->in, request->in.value, 0, transposed ? conv->y : conv->x },
        { "kernel", &request->kernel, request->kernel.value, 1, conv->kernel },
        { "stride", &request->stride, request->stride.value, 1, conv->stride },
        { "padding", &request->padding, request->padding.value, 0, conv->begin },
        { "padding", &request->padding, request->padding.end, 0, conv->end },
        { "dilation", &request->dilation, request->dilation.value, 1, conv->dilation },
        { "output-padding", &request->output_padding, request->output_padding.value, 0, conv->output_padding },
    };
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
        if (!spread_sizes(given[i].sizes, given[i].from, conv->rank, given[i].absent, given[i].to))
            return complain(MISUSED, "%s: --%s has %d axes, the input has %d", verb, given[i].name, given[i].sizes->count, conv->rank);

    int64_t in = request->channels ? request->channels : conv->groups,
            out = request->out_channels ? request->out_channels : conv->groups;
    conv->x_channels = transposed ? out : in;
    conv->y_channels = transposed ? in : out;
    if (in % conv->groups || out % conv->groups)
        return complain(MISUSED, "%s: --groups %lld must divide --channels %lld and --out-channels %lld", verb,
                        (long long)conv->groups, (long long)in, (long long)out);
    double weights = (double)in * (double)out;
    for (int a = 0; a < conv->rank; a++)
        weights *= (double)conv->kernel[a];
    if (weights > (double)MOST_ELEMENTS)
        return complain(FAILED, "%s: a weight of %.0f numbers is too large to be looked at", verb, weights);

    const char *mode = request->padding_mode ? request->padding_mode : modes[0];
    int known = 0;
    while (modes[known] != NULL && strcmp(mode, modes[known]) != 0)
        known++;
    if (modes[known] == NULL)
        return complain(MISUSED, "%s: no --padding-mode %s; the nearest is %s", verb, mode, nearest_name(mode, modes));
    conv->mode = (ct_padding_mode)known;
    int code = find_extents(verb, transposed, conv);
    if (code != 0 || transposed || request->output_padding.count == 0)
        return code;
    /* There, and back with an output_padding of choice. */
    spread_sizes(&request->output_padding, request->output_padding.value, conv->rank, 0, conv->output_padding);
    return find_extents(verb, true, conv);
}

/* ---- the corresponding direct convolution ---- */

/* Copies the elements of `from` to `to`, both (n, extents…): index i of an axis goes to first + i·step. */
static void place(const double *from, const int64_t extent[], double *to, const int64_t wide[], int rank, const int64_t first[],
                  const int64_t step[])
{
    int64_t below_from = 1, below_to = 1;
    if (rank == 0) {
        *to = *from;
        return;
    }
    for (int a = 1; a < rank; a++)
        below_from *= extent[a], below_to *= wide[a];
    for (int64_t i = 0; i < extent[0]; i++)
        place(from + i * below_from, extent + 1, to + (first[0] + i * step[0]) * below_to, wide + 1, rank - 1, first + 1,
              step + 1);
}

static ct_tensor *spread(ct_tape *tape, const struct convolution *conv, const ct_tensor *y)
{
    ct_shape from = ct_tensor_shape(y), to = from;
    int64_t first[CT_MAX_RANK] = { 0 }, step[CT_MAX_RANK] = { 1, 1 };
    for (int a = 0; a < conv->rank; a++) {
        to.extent[a + 2] = (from.extent[a + 2] - 1) * conv->stride[a] + 1;
        step[a + 2] = conv->stride[a];
    }
    ct_tensor *wide = ct_tape_tensor(tape, CT_F64, to);
    if (wide != NULL && ct_tensor_fill(wide, 0) == CT_OK)
        place(ct_tensor_data(y), from.extent, ct_tensor_data_mutable(wide), to.extent, from.rank, first, step);
    return wide;
}

/* (O, C/groups, k…) → (C, O/groups, k…) with every spatial axis reversed. */
static ct_tensor *flip(ct_tape *tape, const struct convolution *conv, const ct_tensor *weight)
{
    int64_t groups = conv->groups, in = conv->x_channels / groups, out = conv->y_channels / groups, taps = 1;
    for (int a = 0; a < conv->rank; a++)
        taps *= conv->kernel[a];
    ct_tensor *flipped = ct_tape_tensor(tape, CT_F64, shape_of(conv->rank, conv->x_channels, out, conv->kernel));
    if (flipped == NULL)
        return NULL;
    const double *from = ct_tensor_data(weight);
    double *to = ct_tensor_data_mutable(flipped);
    for (int64_t g = 0; g < groups; g++)
        for (int64_t c = 0; c < in; c++)
            for (int64_t o = 0; o < out; o++)
                for (int64_t k = 0; k < taps; k++) /* reversing all axes reverses the flat order */
                    to[((g * in + c) * out + o) * taps + k] = from[((g * out + o) * in + c) * taps + taps - 1 - k];
    return flipped;
}

ct_tensor *corresponding_direct(ct_tape *tape, const struct convolution *conv, ct_tensor *y, ct_tensor *weight)
{
    struct convolution direct = *conv;
    int64_t pad[2 * CT_MAX_SPATIAL];

    for (int a = 0; a < conv->rank; a++) {
        int last = conv->rank - 1 - a; /* ct_pad begins with the last axis */
        pad[2 * last] = reach(conv, a) - 1 - conv->begin[a];
        pad[2 * last + 1] = reach(conv, a) - 1 - conv->end[a] + conv->output_padding[a];
        direct.stride[a] = 1;
        direct.begin[a] = direct.end[a] = 0;
    }
    direct.x_channels = conv->y_channels;
    direct.y_channels = conv->x_channels;
    ct_tensor *padded = ct_pad(tape, spread(tape, conv, y), 2 * conv->rank, pad, CT_ZEROS);
    return convolve(tape, &direct, false, padded, flip(tape, conv, weight));
}
