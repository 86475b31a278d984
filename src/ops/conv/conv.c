/* Convolutions: one trilinear form T(x, w, y), three maps, and one derivative rule. */
#include "conv.h"

#include <string.h>

/* ---- the rows ---- */

static ct_shape slot_shape(const ct_conv_form *form, char slot)
{
    return slot == 'x' ? ct_conv_x_shape(form) : slot == 'w' ? ct_conv_w_shape(form) : ct_conv_y_shape(form);
}

/* A map's slots: its two operands and its output. */
static const char slots[CT_MAPS][4] = { "xwy", "ywx", "xyw" };

static bool shape_of(ct_tape *tape, const ct_call *call, ct_conv_map map, ct_shape *out)
{
    const ct_conv_form *form = call->attributes;

    for (int i = 0; i < 2; i++) {
        ct_shape expected = slot_shape(form, slots[map][i]);
        if (!ct_shape_equal(call->in[i]->shape, expected)) {
            ct_fail(tape, CT_BAD_SHAPE, "%s: operand %d is %s where the form has %s", call->op->name, i,
                    CT_TEXT(call->in[i]->shape), CT_TEXT(expected));
            return false;
        }
    }
    *out = slot_shape(form, slots[map][2]);
    return true;
}

static ct_conv_run *const algorithms[] = {
    [CT_ALGORITHM_REFERENCE] = ct_conv_run_reference,
    [CT_ALGORITHM_COLUMNS] = ct_conv_run_columns,
    [CT_ALGORITHM_DIRECT] = ct_conv_run_direct,
    [CT_ALGORITHM_BILINEAR] = ct_conv_run_bilinear,
};

static bool run(ct_tape *tape, ct_call *call, ct_conv_map map)
{
    const ct_conv_form *form = call->attributes;
    size_t bytes = (size_t)call->out->count * ct_dtype_size(call->out->dtype);

    if (form->batch == 0) {
        if (bytes)
            memset(CT_OUT(call), 0, bytes);
        return true;
    }
    return algorithms[ct_conv_choose(form, map, call->out->dtype).algorithm](tape, form, map, call->out->dtype, CT_IN(call, 0),
                                                                           CT_IN(call, 1), CT_OUT(call));
}

static ct_tensor *apply(ct_tape *tape, const ct_op *op, ct_tensor *a, ct_tensor *b, const ct_conv_form *form)
{
    return ct_apply(tape, op, 2, (ct_tensor *[]){ a, b }, form, sizeof *form);
}

/* For an operand with output cotangent g: g into the output's slot, contracted into the operand's. */
static ct_tensor *conv_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    return operand == 0 ? apply(tape, &ct_op_conv_transpose, g, call->in[1], call->attributes)
                        : apply(tape, &ct_op_conv_weight, call->in[0], g, call->attributes);
}

static ct_tensor *conv_transpose_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    return operand == 0 ? apply(tape, &ct_op_conv, g, call->in[1], call->attributes)
                        : apply(tape, &ct_op_conv_weight, g, call->in[0], call->attributes);
}

static ct_tensor *conv_weight_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    return operand == 0 ? apply(tape, &ct_op_conv_transpose, call->in[1], g, call->attributes)
                        : apply(tape, &ct_op_conv, call->in[0], g, call->attributes);
}

#define ROW(family, map)                                                                                              \
    static bool family##_shape(ct_tape *tape, const ct_call *call, ct_shape *out) { return shape_of(tape, call, map, out); } \
    static bool family##_forward(ct_tape *tape, ct_call *call) { return run(tape, call, map); }                       \
    const ct_op ct_op_##family = {                                                                                    \
        .name = #family,                                                                                              \
        .arity = 2,                                                                                                   \
        .multilinear = true,                                                                                          \
        .shape = family##_shape,                                                                                      \
        .forward = family##_forward,                                                                                  \
        .vjp = family##_vjp,                                                                                          \
        .jvp = ct_multilinear_jvp,                                                                                    \
    }

ROW(conv, CT_MAP_CONV);
ROW(conv_transpose, CT_MAP_TRANSPOSE);
ROW(conv_weight, CT_MAP_WEIGHT);

/* ---- the public functions ---- */

typedef bool form_maker(ct_tape *tape, const char *op, int rank, ct_shape data, ct_shape w, const ct_conv_options *options,
                        ct_conv_form *form, ct_conv_window *window);

/* After each step only its result is of use: the record keeps what the derivatives read. */
static ct_tensor *replace(ct_tape *tape, const ct_tensor *input, ct_tensor *old, ct_tensor *new)
{
    if (old && old != input && new)
        ct_tape_drop(tape, old);
    return new;
}

static ct_tensor *add_bias(ct_tape *tape, const char *op, ct_tensor *result, ct_tensor *bias)
{
    int64_t channels = result->shape.extent[1];
    ct_shape shape = { result->shape.rank, { 1, channels, 1, 1, 1 } };

    if (!ct_shape_equal(bias->shape, CT_SHAPE(channels)))
        return ct_fail(tape, CT_BAD_SHAPE, "%s: bias %s must be %s, one number an output channel", op,
                       CT_TEXT(bias->shape), CT_TEXT(CT_SHAPE(channels)));
    ct_tensor *row = ct_reshape(tape, bias, shape);
    return replace(tape, bias, row, ct_add(tape, result, row));
}

/* The window in ct_pad's order: the last axis first. */
static int pad_list(const ct_conv_form *form, const ct_conv_window *window, int64_t pad[2 * CT_MAX_SPATIAL])
{
    for (int i = 0; i < form->rank; i++) {
        pad[2 * i] = window->begin[CT_MAX_SPATIAL - 1 - i];
        pad[2 * i + 1] = window->end[CT_MAX_SPATIAL - 1 - i];
    }
    return 2 * form->rank;
}

static ct_tensor *forward_map(ct_tape *tape, ct_tensor *x, ct_tensor *weight, const ct_conv_form *form,
                              const ct_conv_window *window)
{
    int64_t pad[2 * CT_MAX_SPATIAL];

    if (window->mode == CT_ZEROS)
        return apply(tape, &ct_op_conv, x, weight, form);
    ct_tensor *padded = ct_pad(tape, x, pad_list(form, window, pad), pad, window->mode);
    return replace(tape, x, padded, apply(tape, &ct_op_conv, padded, weight, form));
}

static ct_tensor *transposed_map(ct_tape *tape, ct_tensor *y, ct_tensor *weight, const ct_conv_form *form,
                                 const ct_conv_window *window)
{
    int64_t pad[2 * CT_MAX_SPATIAL];
    ct_tensor *x = apply(tape, &ct_op_conv_transpose, y, weight, form);

    if (window->mode == CT_ZEROS || !x)
        return x;
    ct_shape shape = ct_conv_x_shape(form);
    for (int i = 0; i < form->rank; i++) {
        int a = CT_MAX_SPATIAL - form->rank + i;
        shape.extent[2 + i] -= window->begin[a] + window->end[a];
    }
    return replace(tape, y, x, ct_pad_adjoint(tape, x, shape, pad_list(form, window, pad), pad, window->mode));
}

static ct_tensor *convolve(ct_tape *tape, const char *op, int rank, bool transposed, ct_tensor *input, ct_tensor *weight,
                           ct_tensor *bias, const ct_conv_options *options)
{
    ct_conv_form form;
    ct_conv_window window;

    if (!input || !weight)
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: the %s is NULL", op, input ? "weight" : "input");
    if (input->dtype != weight->dtype)
        return ct_fail(tape, CT_BAD_DTYPE, "%s: input is %s, weight %s; they must have one dtype", op, ct_dtype_name(input->dtype),
                       ct_dtype_name(weight->dtype));

    ct_shape shape = input->shape;
    bool unbatched = shape.rank == rank + 1;
    if (unbatched) {
        memmove(shape.extent + 1, shape.extent, (size_t)shape.rank * sizeof shape.extent[0]);
        shape.extent[0] = 1, shape.rank++;
    }
    form_maker *make = transposed ? ct_conv_form_from_y : ct_conv_form_from_x;
    if (!make(tape, op, rank, shape, weight->shape, options, &form, &window))
        return NULL;

    ct_tensor *batched = unbatched ? ct_reshape(tape, input, shape) : input;
    if (!batched)
        return NULL;
    ct_tensor *result = replace(tape, input, batched, (transposed ? transposed_map : forward_map)(tape, batched, weight, &form, &window));
    if (result && bias)
        result = replace(tape, NULL, result, add_bias(tape, op, result, bias));
    if (result && unbatched) {
        ct_shape whole = { rank + 1, { 0 } };
        memcpy(whole.extent, result->shape.extent + 1, (size_t)whole.rank * sizeof whole.extent[0]);
        result = replace(tape, NULL, result, ct_reshape(tape, result, whole));
    }
    return result;
}

#define PUBLIC(name, rank, transposed)                                                                            \
    ct_tensor *ct_##name(ct_tape *tape, ct_tensor *input, ct_tensor *weight, ct_tensor *bias,                     \
                         const ct_conv_options *options)                                                          \
    {                                                                                                             \
        return convolve(tape, #name, rank, transposed, input, weight, bias, options);                             \
    }

PUBLIC(conv1d, 1, false)
PUBLIC(conv2d, 2, false)
PUBLIC(conv3d, 3, false)
PUBLIC(conv_transpose1d, 1, true)
PUBLIC(conv_transpose2d, 2, true)
PUBLIC(conv_transpose3d, 3, true)

ct_tensor *ct_conv_weight(ct_tape *tape, ct_tensor *x, ct_tensor *y, const int64_t kernel[], const ct_conv_options *options)
{
    ct_conv_form form;
    ct_conv_window window;

    if (!x || !y || !kernel)
        return ct_fail(tape, CT_BAD_ARGUMENT, "conv_weight: %s is NULL", !x ? "x" : !y ? "y" : "kernel");
    int rank = x->shape.rank - 2;
    if (rank < 1 || rank > CT_MAX_SPATIAL || y->shape.rank != x->shape.rank)
        return ct_fail(tape, CT_BAD_SHAPE, "conv_weight: x %s and y %s must have one rank, 3 to 5 (batch, channels, spatial)",
                       CT_TEXT(x->shape), CT_TEXT(y->shape));

    int64_t groups = options && options->groups > 0 ? options->groups : 1;
    ct_shape w = { rank + 2, { y->shape.extent[1], x->shape.extent[1] / groups } };
    memcpy(w.extent + 2, kernel, (size_t)rank * sizeof kernel[0]);
    if (!ct_conv_form_from_x(tape, "conv_weight", rank, x->shape, w, options, &form, &window))
        return NULL;
    if (!ct_shape_equal(y->shape, ct_conv_y_shape(&form)))
        return ct_fail(tape, CT_BAD_SHAPE, "conv_weight: y %s must be %s, what a conv of x %s by weight %s gives", CT_TEXT(y->shape),
                       CT_TEXT(ct_conv_y_shape(&form)), CT_TEXT(x->shape), CT_TEXT(w));

    int64_t pad[2 * CT_MAX_SPATIAL];
    if (window.mode == CT_ZEROS)
        return apply(tape, &ct_op_conv_weight, x, y, &form);
    ct_tensor *padded = ct_pad(tape, x, pad_list(&form, &window, pad), pad, window.mode);
    return replace(tape, x, padded, apply(tape, &ct_op_conv_weight, padded, y, &form));
}
