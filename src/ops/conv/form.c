/* Geometry: from options and shapes to the form. Every extent and option is at most 2^31 − 1, so that no sum below overflows. */
#include "conv.h"

#include <inttypes.h>

#define LIMIT INT32_MAX
#define D "%" PRId64

static const ct_conv_options defaults;

static ct_shape shape_of(int64_t a, int64_t b, int rank, const int64_t extent[])
{
    ct_shape shape = { rank + 2, { a, b } };
    for (int i = 0; i < rank; i++)
        shape.extent[2 + i] = extent[CT_MAX_SPATIAL - rank + i];
    return shape;
}

ct_shape ct_conv_x_shape(const ct_conv_form *form)
{
    return shape_of(form->batch, form->x_channels, form->rank, form->x);
}

ct_shape ct_conv_w_shape(const ct_conv_form *form)
{
    return shape_of(form->y_channels, form->x_channels / form->groups, form->rank, form->k);
}

ct_shape ct_conv_y_shape(const ct_conv_form *form)
{
    return shape_of(form->batch, form->y_channels, form->rank, form->y);
}

/* One named option of one axis: 0 … limit. */
static bool in_range(ct_tape *tape, const char *op, const char *name, int axis, int64_t value)
{
    if (value >= 0 && value <= LIMIT)
        return true;
    ct_fail(tape, CT_BAD_ARGUMENT, "%s: %s[%d] = " D " must be from 0 (the default) to 2^31 - 1", op, name, axis, value);
    return false;
}

static bool same_padding(ct_tape *tape, const char *op, int axis, const ct_conv_form *form, ct_conv_window *window)
{
    int a = CT_MAX_SPATIAL - form->rank + axis;
    int64_t total = form->dilation[a] * (form->k[a] - 1);

    if (form->stride[a] != 1) {
        ct_fail(tape, CT_BAD_ARGUMENT, "%s: padding_rule same needs stride 1, but stride[%d] = " D, op, axis, form->stride[a]);
        return false;
    }
    window->begin[a] = total / 2;
    window->end[a] = total - total / 2;
    return true;
}

/* Options of one axis, kernel known. */
static bool axis_options(ct_tape *tape, const char *op, int axis, const ct_conv_options *options, ct_conv_form *form,
                         ct_conv_window *window)
{
    int a = CT_MAX_SPATIAL - form->rank + axis;
    const struct {
        const char *name;
        int64_t value;
    } given[] = {
        { "stride", options->stride[axis] },
        { "padding", options->padding[axis] },
        { "padding_begin", options->padding_begin[axis] },
        { "padding_end", options->padding_end[axis] },
        { "dilation", options->dilation[axis] },
        { "output_padding", options->output_padding[axis] },
        { "output_size", options->output_size[axis] },
    };

    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
        if (!in_range(tape, op, given[i].name, axis, given[i].value))
            return false;

    form->stride[a] = options->stride[axis] ? options->stride[axis] : 1;
    form->dilation[a] = options->dilation[axis] ? options->dilation[axis] : 1;
    window->begin[a] = options->padding[axis] + options->padding_begin[axis];
    window->end[a] = options->padding[axis] + options->padding_end[axis];

    if (options->padding_rule != CT_PADDING_GIVEN && (window->begin[a] || window->end[a])) {
        ct_fail(tape, CT_BAD_ARGUMENT, "%s: padding " D " and " D " on spatial axis %d contradicts padding_rule %s", op,
                window->begin[a], window->end[a], axis, options->padding_rule == CT_PADDING_SAME ? "same" : "valid");
        return false;
    }
    return options->padding_rule != CT_PADDING_SAME || same_padding(tape, op, axis, form, window);
}

static bool enumerations(ct_tape *tape, const char *op, const ct_conv_options *options)
{
    const struct {
        const char *name;
        int value, last;
    } given[] = {
        { "padding_rule", (int)options->padding_rule, CT_PADDING_VALID },
        { "padding_mode", (int)options->padding_mode, CT_CIRCULAR },
        { "algorithm", (int)options->algorithm, CT_ALGORITHM_BILINEAR },
    };

    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
        if (given[i].value < 0 || given[i].value > given[i].last) {
            ct_fail(tape, CT_BAD_ARGUMENT, "%s: %s = %d is none of 0 to %d", op, given[i].name, given[i].value, given[i].last);
            return false;
        }
    return true;
}

/* What both directions share: ranks, groups, kernel and options; `data` is x or y, and its extents go to `extent`. */
static bool common(ct_tape *tape, const char *op, int rank, ct_shape data, ct_shape w, const ct_conv_options *options,
                   ct_conv_form *form, ct_conv_window *window, int64_t extent[])
{
    if (data.rank != rank + 2 || w.rank != rank + 2) {
        ct_fail(tape, CT_BAD_SHAPE, "%s: input %s and weight %s must have rank %d: batch, channels and %d spatial (the input may "
                "leave the batch out)", op, CT_TEXT(data), CT_TEXT(w), rank + 2, rank);
        return false;
    }
    if (!enumerations(tape, op, options))
        return false;
    if (options->groups < 0 || options->groups > LIMIT) {
        ct_fail(tape, CT_BAD_ARGUMENT, "%s: groups = " D " must be from 0 (the default, 1) to 2^31 - 1", op, options->groups);
        return false;
    }

    *form = (ct_conv_form){ .batch = data.extent[0], .rank = rank, .algorithm = options->algorithm,
                            .groups = options->groups ? options->groups : 1 };
    *window = (ct_conv_window){ .mode = options->padding_mode };
    for (int a = 0; a < CT_MAX_SPATIAL; a++)
        form->x[a] = form->k[a] = form->y[a] = form->stride[a] = form->dilation[a] = 1;

    for (int i = 1; i < rank + 2; i++)
        if (data.extent[i] < 1 || w.extent[i] < 1 || w.extent[0] < 1 || data.extent[i] > LIMIT || w.extent[i] > LIMIT ||
            w.extent[0] > LIMIT) {
            ct_fail(tape, CT_BAD_SHAPE, "%s: every extent of input %s and weight %s but the batch must be from 1 to 2^31 - 1",
                    op, CT_TEXT(data), CT_TEXT(w));
            return false;
        }

    for (int i = 0; i < rank; i++) {
        int a = CT_MAX_SPATIAL - rank + i;
        extent[a] = data.extent[2 + i];
        form->k[a] = w.extent[2 + i];
        if (!axis_options(tape, op, i, options, form, window))
            return false;
    }
    return true;
}

/* The whole padding goes to ct_pad when it is not of zeros; then the form is that of the padded x. */
static void place_padding(ct_conv_form *form, const ct_conv_window *window)
{
    for (int a = 0; a < CT_MAX_SPATIAL; a++) {
        if (window->mode == CT_ZEROS)
            form->padding[a] = window->begin[a];
        else
            form->x[a] += window->begin[a] + window->end[a];
    }
}

/* The form's three tensors must have sizes that fit in memory's arithmetic. */
static bool measurable(ct_tape *tape, const char *op, const ct_conv_form *form)
{
    int64_t count;
    size_t bytes;

    if (ct_shape_measure(ct_conv_x_shape(form), CT_F64, &count, &bytes) &&
        ct_shape_measure(ct_conv_w_shape(form), CT_F64, &count, &bytes) &&
        ct_shape_measure(ct_conv_y_shape(form), CT_F64, &count, &bytes))
        return true;
    ct_fail(tape, CT_BAD_SHAPE, "%s: x %s, weight %s, y %s: the element count overflows", op, CT_TEXT(ct_conv_x_shape(form)),
            CT_TEXT(ct_conv_w_shape(form)), CT_TEXT(ct_conv_y_shape(form)));
    return false;
}

bool ct_conv_form_from_x(ct_tape *tape, const char *op, int rank, ct_shape x, ct_shape w, const ct_conv_options *options,
                         ct_conv_form *form, ct_conv_window *window)
{
    options = options ? options : &defaults;
    if (!common(tape, op, rank, x, w, options, form, window, form->x))
        return false;

    form->x_channels = x.extent[1], form->y_channels = w.extent[0];
    if (form->x_channels % form->groups || form->y_channels % form->groups ||
        w.extent[1] != form->x_channels / form->groups) {
        ct_fail(tape, CT_BAD_SHAPE, "%s: input %s with weight %s (out, in/groups, kernel): groups = " D " must divide in = " D
                " and out = " D ", and in/groups be the weight's " D, op, CT_TEXT(x), CT_TEXT(w), form->groups,
                form->x_channels, form->y_channels, w.extent[1]);
        return false;
    }

    for (int i = 0; i < rank; i++) {
        int a = CT_MAX_SPATIAL - rank + i;
        int64_t e = form->dilation[a] * (form->k[a] - 1) + 1;
        int64_t free = form->x[a] + window->begin[a] + window->end[a] - e;

        if (options->output_padding[i] || options->output_size[i]) {
            ct_fail(tape, CT_BAD_ARGUMENT, "%s: output_padding[%d] = " D ", output_size[%d] = " D ": only conv_transpose has them",
                    op, i, options->output_padding[i], i, options->output_size[i]);
            return false;
        }
        if (free < 0) {
            ct_fail(tape, CT_BAD_SHAPE, "%s: spatial axis %d: the kernel's reach dilation (kernel - 1) + 1 = " D " (" D " - 1) + 1 = "
                    D " exceeds the padded input " D " + " D " + " D " = " D, op, i, form->dilation[a], form->k[a], e, form->x[a],
                    window->begin[a], window->end[a], free + e);
            return false;
        }
        form->y[a] = free / form->stride[a] + 1;
        if (form->y[a] > LIMIT) {
            ct_fail(tape, CT_BAD_SHAPE, "%s: spatial axis %d: the output's " D " exceeds 2^31 - 1", op, i, form->y[a]);
            return false;
        }
    }
    place_padding(form, window);
    return measurable(tape, op, form);
}

/* Which output_padding: given, or chosen by output_size. The message lists what is valid. */
static bool output_extent(ct_tape *tape, const char *op, int i, const ct_conv_options *options, ct_conv_form *form,
                          const ct_conv_window *window)
{
    int a = CT_MAX_SPATIAL - form->rank + i;
    int64_t stride = form->stride[a], dilation = form->dilation[a], e = dilation * (form->k[a] - 1) + 1;
    int64_t least = (form->y[a] - 1) * stride - window->begin[a] - window->end[a] + e;
    int64_t choices = stride > dilation ? stride : dilation;
    int64_t wish = options->output_size[i], extra = wish ? wish - least : options->output_padding[i];

    if (wish && options->output_padding[i] && options->output_padding[i] != extra) {
        ct_fail(tape, CT_BAD_ARGUMENT, "%s: spatial axis %d: output_size " D " needs output_padding " D ", but " D " is given too", op,
                i, wish, extra, options->output_padding[i]);
        return false;
    }
    if (extra < 0 || extra >= choices) {
        char valid[256];
        int length = 0;
        for (int64_t p = 0; p < choices && p < 8; p++)
            length += snprintf(valid + length, sizeof valid - (size_t)length, "%s" D " (output_padding " D ")", p ? ", " : "",
                               least + p, p);
        ct_fail(tape, CT_BAD_ARGUMENT, "%s: spatial axis %d: %s " D " is not valid for input " D ", kernel " D ", stride " D
                ", padding " D " + " D ", dilation " D "; valid sizes: %s%s", op, i, wish ? "output_size" : "output_padding",
                wish ? wish : extra, form->y[a], form->k[a], stride, window->begin[a], window->end[a], dilation, valid,
                choices > 8 ? ", ..." : "");
        return false;
    }

    form->x[a] = least + extra;
    if (form->x[a] < 1 || form->x[a] > LIMIT) {
        ct_fail(tape, CT_BAD_SHAPE, "%s: spatial axis %d: the output's (" D " - 1) " D " - " D " - " D " + " D " (" D " - 1) + 1 + "
                D " = " D " must be from 1 to 2^31 - 1", op, i, form->y[a], stride, window->begin[a], window->end[a], dilation,
                form->k[a], extra, form->x[a]);
        return false;
    }
    return true;
}

bool ct_conv_form_from_y(ct_tape *tape, const char *op, int rank, ct_shape y, ct_shape w, const ct_conv_options *options,
                         ct_conv_form *form, ct_conv_window *window)
{
    options = options ? options : &defaults;
    if (!common(tape, op, rank, y, w, options, form, window, form->y))
        return false;

    form->y_channels = y.extent[1];
    if (w.extent[0] != form->y_channels || form->y_channels % form->groups) {
        ct_fail(tape, CT_BAD_SHAPE, "%s: input %s with weight %s (in, out/groups, kernel): in = " D " must be the weight's " D
                " and divisible by groups = " D, op, CT_TEXT(y), CT_TEXT(w), form->y_channels, w.extent[0], form->groups);
        return false;
    }
    form->x_channels = w.extent[1] * form->groups;

    for (int i = 0; i < rank; i++)
        if (!output_extent(tape, op, i, options, form, window))
            return false;
    place_padding(form, window);
    return measurable(tape, op, form);
}
