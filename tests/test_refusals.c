/* Every op's refusals but convolution's (test_conv.c) and the tape's own (test_tape.c): the status, and a sentence that names the op, the
 * values and the rule. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <cotangent/cotangent.h>

static ct_tape *tape;
static ct_tensor *scalar, *vector, *matrix, *cube, *picture, *single, *empty;

static void open_tape(void)
{
    tape = ct_tape_new();
    scalar = ct_tensor_ones(CT_F64, CT_SCALAR), vector = ct_tensor_ones(CT_F64, CT_SHAPE(3)), matrix = ct_tensor_ones(CT_F64, CT_SHAPE(2, 3));
    cube = ct_tensor_ones(CT_F64, CT_SHAPE(2, 3, 4)), picture = ct_tensor_ones(CT_F64, CT_SHAPE(2, 3, 4, 5));
    single = ct_tensor_ones(CT_F32, CT_SHAPE(2, 3)), empty = ct_tensor_ones(CT_F64, CT_SHAPE(2, 0));
}

static void close_tape(void)
{
    ct_tensor *all[] = { scalar, vector, matrix, cube, picture, single, empty };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ct_tensor_release(all[i]);
    ct_tape_free(tape);
}

TestSuite(refusals, .init = open_tape, .fini = close_tape);

/* The call returns NULL with this status and these words in the message, in order. */
static void refused(const char *call, const ct_tensor *result, ct_status status, const char *first, const char *second)
{
    const char *at = strstr(ct_tape_message(tape), first);
    cr_expect(result == NULL && ct_tape_status(tape) == status && at && strstr(at, second), "%s: %s, \"%s\"", call,
              ct_status_string(ct_tape_status(tape)), ct_tape_message(tape));
    ct_tape_reset(tape);
}

#define REFUSED(status, first, second, call) refused(#call, call, status, first, second)
#define ARGUMENT(first, second, call) REFUSED(CT_BAD_ARGUMENT, first, second, call)
#define SHAPE(first, second, call) REFUSED(CT_BAD_SHAPE, first, second, call)
#define DTYPE(first, second, call) REFUSED(CT_BAD_DTYPE, first, second, call)

Test(refusals, elementwise)
{
    SHAPE("add: shapes (2, 3) and (2, 3, 4) do not broadcast", "equal or 1", ct_add(tape, matrix, cube));
    DTYPE("mul: operand 0 is float64", "operand 1 is float32; cast one", ct_mul(tape, matrix, single));
    ARGUMENT("sub: operand 1 is NULL", "", ct_sub(tape, matrix, NULL));
    ARGUMENT("exp: operand 0 is NULL", "", ct_exp(tape, NULL));
    ARGUMENT("clamp: low 2 must be <= high 1", "", ct_clamp(tape, vector, 2, 1));
    ARGUMENT("clamp: low nan", "", ct_clamp(tape, vector, NAN, 1));
    ARGUMENT("softplus: beta must be > 0, not -1", "", ct_softplus(tape, vector, -1, 20));
    ARGUMENT("detach: the operand is NULL", "", ct_detach(tape, NULL));
    SHAPE("expand: shape (2, 3) does not broadcast to (4, 2)", "", ct_expand(tape, matrix, CT_SHAPE(4, 2)));
    SHAPE("expand: shape (3,)", "", ct_expand(tape, vector, CT_SCALAR));
    SHAPE("expand: shape (2, 3) does not broadcast to (-1, 3)", "", ct_expand(tape, matrix, CT_SHAPE(-1, 3)));
    SHAPE("expand: shape (1, 3) does not broadcast to (-1, 3)", "",
          ct_expand(tape, ct_reshape(tape, vector, CT_SHAPE(1, 3)), CT_SHAPE(-1, 3)));
    SHAPE("expand: rank 1000; a tensor's is 0 to 8", "", ct_expand(tape, matrix, (ct_shape){ .rank = 1000 }));
    SHAPE("expand: a result of shape", "is too large", ct_expand(tape, scalar, CT_SHAPE((int64_t)1 << 40, (int64_t)1 << 40)));
    ARGUMENT("softmax: axis 2 is not an axis of x (2, 3)", "", ct_softmax(tape, matrix, 2));
    ARGUMENT("log_softmax: axis -1", "()", ct_log_softmax(tape, scalar, -1));
    ARGUMENT("softmax: x is NULL", "", ct_softmax(tape, NULL, 0));
    ARGUMENT("dropout: x is NULL", "", ct_dropout(tape, NULL, 0.5, true, &(ct_random){ 0 }));
}

Test(refusals, reductions)
{
    const ct_axes negative = { .count = 1, .axis = { -3 } }, nine = { .count = 9, .axis = { 0, 1 } };
    ARGUMENT("sum: axis 2 is not one of shape (2, 3)", "rank", ct_sum_axes(tape, matrix, CT_AXES(2), false));
    ARGUMENT("mean: axis -3", "(2, 3)", ct_mean_axes(tape, matrix, negative, false));
    ARGUMENT("sum: axis ", "", ct_sum_axes(tape, picture, nine, false));
    ARGUMENT("var: axis 1 is named twice", "", ct_var_axes(tape, matrix, CT_AXES(1, -1), 1, false));
    ARGUMENT("var: correction must be >= 0, not -1", "", ct_var_axes(tape, matrix, CT_AXES(1), -1, false));
    SHAPE("max: there is no max of no elements", "(2, 0)", ct_max_axes(tape, empty, CT_AXES(1), false));
    SHAPE("min: there is no min of no elements", "(2, 0)", ct_min(tape, empty));
    ARGUMENT("sum: the operand is NULL", "", ct_sum(tape, NULL));
    ARGUMENT("max: the operand is NULL", "", ct_max(tape, NULL));
    ARGUMENT("sum_to: the operand is NULL", "", ct_sum_to(tape, NULL, CT_SCALAR));
    SHAPE("sum_to: shape (2, 3) does not come from broadcasting (2,)", "", ct_sum_to(tape, matrix, CT_SHAPE(2)));
    SHAPE("sum_to: rank 1000; a tensor's is 0 to 8", "", ct_sum_to(tape, matrix, (ct_shape){ .rank = 1000 }));
    SHAPE("sum_to: rank -1", "", ct_sum_to(tape, matrix, (ct_shape){ .rank = -1 }));
    SHAPE("sum_to: shape (3,)", "(2, 3)", ct_sum_to(tape, vector, CT_SHAPE(2, 3)));
}

Test(refusals, moves)
{
    ct_shape deep = { .rank = 9 };
    ARGUMENT("reshape: x is NULL", "", ct_reshape(tape, NULL, CT_SCALAR));
    SHAPE("reshape: rank 9; a tensor's is 0 to 8", "", ct_reshape(tape, matrix, deep));
    SHAPE("reshape: (-1, -1) has more than one −1", "", ct_reshape(tape, matrix, CT_SHAPE(-1, -1)));
    SHAPE("reshape: (2, 3) has 6 elements; they do not make (4, -1)", "", ct_reshape(tape, matrix, CT_SHAPE(4, -1)));
    SHAPE("reshape: (2, 3) has 6 elements; they do not make (7,)", "", ct_reshape(tape, matrix, CT_SHAPE(7)));
    SHAPE("reshape: (2, 3)", "(-6, -1)", ct_reshape(tape, matrix, CT_SHAPE(-6, -1)));
    ARGUMENT("flatten: x is NULL", "", ct_flatten(tape, NULL, 0, -1));
    ARGUMENT("flatten: axes 1 to 0 of a tensor of rank 2", "", ct_flatten(tape, matrix, 1, 0));
    ARGUMENT("flatten: axes 0 to 2", "", ct_flatten(tape, matrix, 0, 2));
    ARGUMENT("permute: x is NULL", "", ct_permute(tape, NULL, CT_AXES(0)));
    ARGUMENT("permute: 1 axes for a tensor of rank 2", "", ct_permute(tape, matrix, CT_AXES(0)));
    ARGUMENT("permute: axis 2 of a tensor of rank 2", "", ct_permute(tape, matrix, CT_AXES(0, 2)));
    ARGUMENT("permute: axis 1 is given twice", "", ct_permute(tape, matrix, CT_AXES(1, -1)));
    ARGUMENT("transpose: x is NULL", "", ct_transpose(tape, NULL, 0, 1));
    ARGUMENT("transpose: axes 0 and 2 of a tensor of rank 2", "", ct_transpose(tape, matrix, 0, 2));
    ARGUMENT("concat: no tensor (count 0)", "", ct_concat(tape, 0, NULL, 0));
    ARGUMENT("concat: axis 2 of a tensor of rank 2", "", ct_concat(tape, 1, &matrix, 2));
    SHAPE("concat: (2, 3) and (3,) differ in more than axis 0", "", ct_concat(tape, 2, (ct_tensor *[]){ matrix, vector }, 0));
    SHAPE("concat: (2, 3) and (2, 0) differ in more than axis 0", "", ct_concat(tape, 2, (ct_tensor *[]){ matrix, empty }, 0));
    ARGUMENT("concat: operand 1 is NULL", "", ct_concat(tape, 2, (ct_tensor *[]){ matrix, NULL }, 0));
    ARGUMENT("slice: x is NULL", "", ct_slice(tape, NULL, 0, 0, 1, 1));
    ARGUMENT("slice: axis 2 of a tensor of rank 2", "", ct_slice(tape, matrix, 2, 0, 1, 1));
    ARGUMENT("slice: step 0; a step is at least 1", "", ct_slice(tape, matrix, 0, 0, 1, 0));
    ARGUMENT("slice_adjoint: 3 values from 1 in steps of 2 do not fit in 5", "", ct_slice_adjoint(tape, matrix, 1, 1, 5, 2));
    ARGUMENT("slice_adjoint: 3 values from -1", "start ≥ 0", ct_slice_adjoint(tape, matrix, 1, -1, 5, 1));
    ARGUMENT("flip: x is NULL", "", ct_flip(tape, NULL, CT_AXES(0)));
    ARGUMENT("flip: axis 2 of a tensor of rank 2", "", ct_flip(tape, matrix, CT_AXES(2)));
    ARGUMENT("flip: axis 1 is given twice", "", ct_flip(tape, matrix, CT_AXES(1, -1)));
    ARGUMENT("flip: 9 axes; a tensor has at most 8", "", ct_flip(tape, matrix, (ct_axes){ .count = 9 }));
    ARGUMENT("gather: index is NULL", "", ct_gather(tape, matrix, 0, NULL));
    ARGUMENT("gather: axis 3 of a tensor of rank 2", "", ct_gather(tape, matrix, 3, matrix));
    SHAPE("gather: index (3,) for x (2, 3); they agree on every other axis", "", ct_gather(tape, matrix, 0, vector));
    SHAPE("gather_adjoint: index (3,) for x (2, 3); they agree on every axis", "", ct_gather_adjoint(tape, matrix, 0, vector, 4));
    ARGUMENT("gather_adjoint: size -1", "", ct_gather_adjoint(tape, matrix, 0, matrix, -1));
    ARGUMENT("gather_adjoint: index 1 at position 0; indices are whole numbers, 0 to 0", "", ct_gather_adjoint(tape, matrix, 0, matrix, 1));
    SHAPE("gather_adjoint: axis 1 has extent 16777217; float32 can number 2^24", "", ct_gather_adjoint(tape, single, 1, single, (1 << 24) + 1));
}

Test(refusals, padding)
{
    const int64_t three[] = { 3, 0, 0, 0 }, crop[] = { -2, -2 }, odd[] = { 1, 1, 1 };
    ARGUMENT("pad: x is NULL", "", ct_pad(tape, NULL, 0, NULL, CT_ZEROS));
    ARGUMENT("pad: pad is NULL", "", ct_pad(tape, matrix, 2, NULL, CT_ZEROS));
    ARGUMENT("pad: 3 numbers for a tensor of rank 2; it takes two an axis", "", ct_pad(tape, matrix, 3, odd, CT_ZEROS));
    ARGUMENT("pad: 4 numbers for a tensor of rank 1", "", ct_pad(tape, vector, 4, three, CT_ZEROS));
    ARGUMENT("pad: padding mode 7 is none", "", ct_pad(tape, vector, 2, three, (ct_padding_mode)7));
    SHAPE("pad: padding (3, 0) of axis 0 with extent 3; reflect allows 0 to 2", "", ct_pad(tape, vector, 2, three, CT_REFLECT));
    SHAPE("pad: padding (-2, -2)", "circular allows 0 to 3", ct_pad(tape, vector, 2, crop, CT_CIRCULAR));
    SHAPE("pad: padding (-2, -2) crops more than axis 0 has: 3", "", ct_pad(tape, vector, 2, crop, CT_ZEROS));
    ARGUMENT("pad_adjoint: x is NULL", "", ct_pad_adjoint(tape, NULL, CT_SHAPE(3), 2, three, CT_ZEROS));
    SHAPE("pad_adjoint: the unpadded shape has rank 2, x 1", "", ct_pad_adjoint(tape, vector, CT_SHAPE(1, 3), 2, three, CT_ZEROS));
    SHAPE("x has shape (3,), its maps take (6,)", "", ct_pad_adjoint(tape, vector, CT_SHAPE(3), 2, three, CT_ZEROS));
}

Test(refusals, matrices)
{
    ARGUMENT("matmul: b is NULL", "", ct_matmul(tape, matrix, NULL, false, false));
    SHAPE("matmul: a (2, 3) and b (3,); each has rank 2 or more", "", ct_matmul(tape, matrix, vector, false, false));
    SHAPE("matmul: a (2, 3) and b (2, 3): the inner extents 3 and 2 differ", "", ct_matmul(tape, matrix, matrix, false, false));
    SHAPE("matmul: aᵀ (2, 3) and bᵀ (2, 3): the inner extents 2 and 3 differ", "", ct_matmul(tape, matrix, matrix, true, true));
    SHAPE("matmul: the batch axes of a (2, 3, 4) and b (2, 3, 4, 5) do not broadcast", "", ct_matmul(tape, cube, picture, false, false));
    ARGUMENT("linear: weight is NULL", "", ct_linear(tape, matrix, NULL, NULL));
    SHAPE("linear: x () and weight (2, 3)", "(out, in)", ct_linear(tape, scalar, matrix, NULL));
}

Test(refusals, normalisation)
{
    ARGUMENT("batch_norm: x is NULL", "", ct_batch_norm(tape, NULL, NULL, NULL, NULL, NULL, true, 0.1, 1e-5));
    SHAPE("batch_norm: x (3,) needs rank 2 or more", "", ct_batch_norm(tape, vector, NULL, NULL, NULL, NULL, true, 0.1, 1e-5));
    ARGUMENT("batch_norm: eps -1 must be finite and not negative", "", ct_batch_norm(tape, matrix, NULL, NULL, NULL, NULL, true, 0.1, -1));
    ARGUMENT("batch_norm: momentum inf must be finite", "", ct_batch_norm(tape, matrix, NULL, NULL, NULL, NULL, true, INFINITY, 1e-5));
    ARGUMENT("batch_norm: without training it needs running_mean and running_var", "",
             ct_batch_norm(tape, matrix, vector, NULL, NULL, NULL, false, 0.1, 1e-5));
    SHAPE("batch_norm: weight (2, 3) must have shape (3,) for x (2, 3, 4)", "", ct_batch_norm(tape, cube, NULL, NULL, matrix, NULL, true, 0.1, 1e-5));
    DTYPE("batch_norm: bias is float32 but x is float64", "", ct_batch_norm(tape, cube, NULL, NULL, NULL, single, true, 0.1, 1e-5));
    ct_tensor *one = ct_reshape(tape, vector, CT_SHAPE(1, 3));
    SHAPE("batch_norm: training needs more than 1 value per channel, x (1, 3) has 1", "",
          ct_batch_norm(tape, one, NULL, NULL, NULL, NULL, true, 0.1, 1e-5));
    ARGUMENT("layer_norm: x is NULL", "", ct_layer_norm(tape, NULL, 1, NULL, NULL, 1e-5));
    ARGUMENT("layer_norm: axes 3 must be 1 … 2, the rank of x", "", ct_layer_norm(tape, matrix, 3, NULL, NULL, 1e-5));
    ARGUMENT("layer_norm: eps nan", "", ct_layer_norm(tape, matrix, 1, NULL, NULL, NAN));
    SHAPE("layer_norm: bias (2, 3) must have shape (3,)", "", ct_layer_norm(tape, matrix, 1, NULL, matrix, 1e-5));
    ARGUMENT("instance_norm: x is NULL", "", ct_instance_norm(tape, NULL, NULL, NULL, 1e-5));
    SHAPE("instance_norm: x (2, 3) needs more than 1 spatial value per channel", "", ct_instance_norm(tape, matrix, NULL, NULL, 1e-5));
    SHAPE("instance_norm: weight (2, 3)", "(3,)", ct_instance_norm(tape, cube, matrix, NULL, 1e-5));
    ARGUMENT("group_norm: x is NULL", "", ct_group_norm(tape, NULL, 1, NULL, NULL, 1e-5));
    ARGUMENT("group_norm: groups 2 must divide the 3 channels of x (2, 3, 4)", "", ct_group_norm(tape, cube, 2, NULL, NULL, 1e-5));
    ARGUMENT("group_norm: groups 0", "", ct_group_norm(tape, cube, 0, NULL, NULL, 1e-5));
}

Test(refusals, losses)
{
    ct_tensor *(*const pairs[])(ct_tape *, ct_tensor *, ct_tensor *, ct_reduction) = { ct_mse_loss, ct_l1_loss, ct_bce_loss, ct_bce_with_logits_loss };
    const char *const names[] = { "mse_loss: ", "l1_loss: ", "bce_loss: ", "bce_with_logits_loss: " };
    for (int i = 0; i < 4; i++) {
        SHAPE(names[i], "target (3,) must have the shape of input (2, 3)", pairs[i](tape, matrix, vector, CT_REDUCTION_MEAN));
        DTYPE(names[i], "input is float64 but target is float32", pairs[i](tape, matrix, single, CT_REDUCTION_MEAN));
        ARGUMENT(names[i], "input is NULL", pairs[i](tape, NULL, single, CT_REDUCTION_MEAN));
        ARGUMENT(names[i], "target is NULL", pairs[i](tape, single, NULL, CT_REDUCTION_MEAN));
        ARGUMENT(names[i], "reduction 9 is none of mean, sum, none", pairs[i](tape, matrix, matrix, (ct_reduction)9));
    }
    ARGUMENT("smooth_l1_loss: beta -1 must be finite", "", ct_smooth_l1_loss(tape, matrix, matrix, -1, CT_REDUCTION_MEAN));
    SHAPE("smooth_l1_loss: target (3,)", "", ct_smooth_l1_loss(tape, matrix, vector, 1, CT_REDUCTION_MEAN));
    SHAPE("nll_loss: target (3,) must be input (2, 3) without its class axis", "", ct_nll_loss(tape, matrix, vector, NULL, CT_REDUCTION_MEAN));
    SHAPE("nll_loss: target ()", "input ()", ct_nll_loss(tape, scalar, scalar, NULL, CT_REDUCTION_MEAN));
    ct_tensor *targets = ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 0, 2.5 });
    SHAPE("nll_loss: weight (2, 3) must have shape (3), one a class of input (2, 3)", "",
          ct_nll_loss(tape, matrix, targets, matrix, CT_REDUCTION_MEAN));
    ARGUMENT("cross_entropy_loss: target 2.5 at position 1 is neither a class 0 … 2 nor −100", "",
             ct_cross_entropy_loss(tape, matrix, targets, NULL, CT_REDUCTION_MEAN));
    ARGUMENT("nll_loss: target is NULL", "", ct_nll_loss(tape, matrix, NULL, NULL, CT_REDUCTION_MEAN));
    ARGUMENT("cross_entropy_loss: input is NULL", "", ct_cross_entropy_loss(tape, NULL, matrix, NULL, CT_REDUCTION_MEAN));
    SHAPE("cross_entropy_loss: input () needs a class axis", "", ct_cross_entropy_loss(tape, scalar, scalar, NULL, CT_REDUCTION_MEAN));
    SHAPE("cross_entropy_loss: weight (2, 3)", "(3)", ct_cross_entropy_loss(tape, matrix, matrix, matrix, CT_REDUCTION_MEAN));
    ct_tensor_release(targets);
}

Test(refusals, pooling_and_upsampling)
{
    const ct_pool_options two = { .kernel = { 2, 2 } }, wide = { .kernel = { 9, 2 } }, padded = { .kernel = { 2, 2 }, .padding = { 2, 0 } },
                          dilated = { .kernel = { 2, 2 }, .dilation = { 2, 1 } }, none = { .kernel = { 0, 2 } };
    ARGUMENT("max_pool2d: x is NULL", "", ct_max_pool2d(tape, NULL, &two));
    ARGUMENT("avg_pool2d: options is NULL", "", ct_avg_pool2d(tape, picture, NULL));
    SHAPE("max_pool2d: x (2, 3) must be (N, C, …) or (C, …) with 2 spatial axes", "", ct_max_pool2d(tape, matrix, &two));
    SHAPE("max_pool3d: x (2, 3, 4)", "3 spatial axes", ct_max_pool3d(tape, cube, &two));
    SHAPE("max_pool2d: spatial axis 0 of x (2, 3, 4, 5) with kernel 9", "must fit", ct_max_pool2d(tape, picture, &wide));
    SHAPE("max_pool2d: spatial axis 0 of x (2, 3, 4, 5) with kernel 2, stride 2, padding 1, dilation 5", "meet x wherever",
          ct_max_pool2d(tape, picture, &(ct_pool_options){ .kernel = { 2, 2 }, .padding = { 1 }, .dilation = { 5 } }));
    SHAPE("avg_pool2d: spatial axis 0", "padding 2", ct_avg_pool2d(tape, picture, &padded));
    SHAPE("max_pool2d: spatial axis 0", "kernel 0", ct_max_pool2d(tape, picture, &none));
    ARGUMENT("avg_pool2d: dilation 2, but averages have none", "", ct_avg_pool2d(tape, picture, &dilated));
    ARGUMENT("upsample_nearest: x is NULL", "", ct_upsample_nearest(tape, NULL, (int64_t[]){ 4 }));
    ARGUMENT("upsample_bilinear: size is NULL", "", ct_upsample_bilinear(tape, cube, NULL, false));
    SHAPE("upsample_nearest: x (2, 3) must be (N, C, …)", "", ct_upsample_nearest(tape, matrix, (int64_t[]){ 4 }));
    SHAPE("upsample_bilinear: spatial axis 0 of x (2, 3, 4) goes to size 0", "at least 1", ct_upsample_bilinear(tape, cube, (int64_t[]){ 0 }, true));
}

Test(refusals, clipping)
{
    cr_expect(isnan(ct_clip_grad_norm(3, NULL, 0)) && isnan(ct_clip_grad_norm(1, &vector, -1)) && isnan(ct_clip_grad_norm(1, &vector, NAN)));
    cr_expect(ct_clip_grad_norm(2, (ct_tensor *[]){ NULL, vector }, 1) == 0, "nothing has a gradient");
    cr_expect(ct_clip_grad_value(1, &vector, -1) == CT_BAD_ARGUMENT && ct_clip_grad_value(1, NULL, 1) == CT_BAD_ARGUMENT);
}
