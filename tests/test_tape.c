/* The tape's manners: intermediates, several sweeps over one record, what outlives a reset, what a gradient shares, and every refusal. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <cotangent/cotangent.h>

static ct_tape *tape;
static void open_tape(void) { tape = ct_tape_new(); }
static void close_tape(void) { ct_tape_free(tape); }

TestSuite(tape, .init = open_tape, .fini = close_tape);

static ct_tensor *leaf(int64_t count, double value)
{
    ct_tensor *x = ct_tensor_full(CT_F64, CT_SHAPE(count), value);
    ct_requires_grad(x, true);
    return x;
}

#define OK(call) cr_assert((call) == CT_OK, "%s", ct_tape_message(tape))

/* The call fails with this status and a message that holds this text; the tape is good again after. */
static void refused(ct_status got, ct_status status, const char *text)
{
    cr_expect(got == status && ct_tape_status(tape) == status && strstr(ct_tape_message(tape), text), "%s: %s",
              ct_status_string(got), ct_tape_message(tape));
    ct_tape_clear_status(tape);
}

/* ---- intermediates ---- */

/* z = x², y = z³: dy/dz = 3z², and dy/dx through it, asked for together. */
Test(tape, gradients_by_an_intermediate_and_by_a_leaf)
{
    ct_tensor *x = leaf(1, 2), *z = ct_square(tape, x), *y = ct_pow(tape, z, 3), *g[3];
    OK(ct_grad(tape, 1, &y, NULL, 3, (ct_tensor *[]){ z, x, y }, g, 0));
    cr_expect(ct_tensor_item(g[0]) == 48 && ct_tensor_item(g[1]) == 192 && ct_tensor_item(g[2]) == 1);
    ct_tensor_release(x);
}

/* grad by z frees what lies between z and y, and nothing before z. */
Test(tape, a_sweep_frees_only_what_it_passed)
{
    ct_tensor *x = leaf(1, 2), *z = ct_square(tape, x), *y = ct_pow(tape, z, 3), *g;
    OK(ct_grad(tape, 1, &y, NULL, 1, &z, &g, 0));
    OK(ct_backward_from(tape, 1, &z, &g, 0));
    cr_expect(ct_tensor_item(ct_gradient(x)) == 192);
    refused(ct_backward(tape, y), CT_BAD_STATE, "CT_RETAIN_GRAPH");
    ct_tensor_release(x);
}

/* What was changed before the intermediate does not matter to a derivative that stops there. */
Test(tape, changes_off_the_path_are_allowed)
{
    ct_tensor *x = leaf(1, 2), *w = leaf(1, 5), *z = ct_square(tape, x), *y = ct_mul(tape, z, z), *g, *one = leaf(1, 1);
    ct_tensor *other = ct_square(tape, w);
    ct_tensor_fill(x, 9), ct_tensor_fill(w, 9);
    OK(ct_grad(tape, 1, &y, NULL, 1, &z, &g, CT_RETAIN_GRAPH));
    cr_expect(ct_tensor_item(g) == 8);
    OK(ct_push(tape, 1, &z, &one, 1, &y, &g, 0));
    cr_expect(ct_tensor_item(g) == 8);
    refused(ct_push(tape, 1, &w, &one, 1, &other, &g, 0), CT_BAD_STATE, "changed in place");
    ct_tensor_release(x), ct_tensor_release(w), ct_tensor_release(one);
}

/* An output twice, an output that is a leaf, and cotangents: sums, all. */
Test(tape, several_outputs)
{
    ct_tensor *x = leaf(2, 3), *y = ct_square(tape, x), *g, *weights = ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 1, 10 });
    ct_tensor *outputs[] = { y, x, y }, *cotangents[] = { weights, weights, weights };
    OK(ct_grad(tape, 3, outputs, cotangents, 1, &x, &g, CT_RETAIN_GRAPH));
    cr_expect(ct_tensor_at(g, 0) == 13 && ct_tensor_at(g, 1) == 130);
    OK(ct_backward_from(tape, 3, outputs, cotangents, 0));
    cr_expect(ct_tensor_at(ct_gradient(x), 0) == 13 && ct_tensor_at(ct_gradient(x), 1) == 130);
    ct_tensor_release(x), ct_tensor_release(weights);
}

/* Forward mode is the transpose of reverse mode for intermediates too: tangents of x and of z = x² add up in z. */
Test(tape, push_from_an_intermediate)
{
    ct_tensor *x = leaf(1, 2), *z = ct_square(tape, x), *y = ct_pow(tape, z, 3), *alone = leaf(1, 0), *out[3];
    ct_tensor *dx = ct_tensor_full(CT_F64, CT_SHAPE(1), 0.5), *dz = ct_tensor_full(CT_F64, CT_SHAPE(1), 0.25);
    OK(ct_push(tape, 2, (ct_tensor *[]){ x, z }, (ct_tensor *[]){ dx, dz }, 3, (ct_tensor *[]){ y, z, alone }, out, 0));
    cr_expect(ct_tensor_item(out[1]) == 4 * 0.5 + 0.25);
    cr_expect(ct_tensor_item(out[0]) == 48 * (4 * 0.5 + 0.25));
    cr_expect(ct_tensor_item(out[2]) == 0, "nothing depends: zero");
    ct_tensor_release(x), ct_tensor_release(alone), ct_tensor_release(dx), ct_tensor_release(dz);
}

/* Forward over reverse: d/dx of the gradient of x⁴ along dx is 12 x² dx. */
Test(tape, push_through_a_recorded_gradient)
{
    ct_tensor *x = leaf(1, 3), *y = ct_pow(tape, x, 4), *g, *hessian, *dx = ct_tensor_full(CT_F64, CT_SHAPE(1), 2), *third;
    OK(ct_grad(tape, 1, &y, NULL, 1, &x, &g, CT_CREATE_GRAPH));
    OK(ct_push(tape, 1, &x, &dx, 1, &g, &hessian, CT_CREATE_GRAPH));
    cr_expect(ct_tensor_item(hessian) == 12 * 9 * 2);
    OK(ct_grad(tape, 1, &hessian, NULL, 1, &x, &third, 0));
    cr_expect(ct_tensor_item(third) == 24 * 3 * 2);
    ct_tensor_release(x), ct_tensor_release(dx);
}

/* A graph is created also where ops are not recorded, as PyTorch's create_graph within no_grad. */
Test(tape, create_graph_within_no_grad)
{
    ct_tensor *x = leaf(1, 3), *y = ct_pow(tape, x, 3), *first, *second;
    ct_no_grad_begin(tape);
    OK(ct_grad(tape, 1, &y, NULL, 1, &x, &first, CT_CREATE_GRAPH));
    cr_expect(!ct_tensor_requires_grad(ct_square(tape, x)), "still not recording");
    ct_no_grad_end(tape);
    OK(ct_grad(tape, 1, &first, NULL, 1, &x, &second, 0));
    cr_expect(ct_tensor_item(second) == 18);
    ct_tensor_release(x);
}

/* An evaluation loop resets the tape for each batch; its no_grad holds until it ends. */
Test(tape, no_grad_outlives_a_reset)
{
    ct_tensor *x = leaf(1, 3);
    ct_no_grad_begin(tape), ct_no_grad_begin(tape);
    ct_tape_reset(tape);
    ct_no_grad_end(tape);
    cr_expect(!ct_tensor_requires_grad(ct_square(tape, x)) && ct_tape_length(tape) == 0);
    ct_no_grad_end(tape), ct_no_grad_end(tape);
    cr_expect(ct_tensor_requires_grad(ct_square(tape, x)), "one end too many does no harm");
    ct_tensor_release(x);
}

/* ---- what a gradient shares ---- */

/* One cotangent that reaches two leaves, one of them through a view: each leaf gets a gradient of its own, which clipping changes once. */
Test(tape, gradients_share_nothing)
{
    ct_tensor *a = leaf(4, 1), *b = leaf(4, 1), *c = ct_tensor_ones(CT_F64, CT_SHAPE(2, 2)), *g = ct_tensor_ones(CT_F64, CT_SHAPE(4));
    ct_requires_grad(c, true);
    for (unsigned flags = 0; flags <= CT_CREATE_GRAPH; flags++) {
        ct_tensor *sum = ct_add(tape, ct_add(tape, a, b), ct_reshape(tape, c, CT_SHAPE(4)));
        OK(ct_backward_from(tape, 2, (ct_tensor *[]){ sum, a }, (ct_tensor *[]){ g, g }, flags));
        ct_tensor *gradients[] = { ct_gradient(a), ct_gradient(b), ct_gradient(c), g };
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < i; j++)
                cr_expect(ct_tensor_data(gradients[i]) != ct_tensor_data(gradients[j]), "%d and %d", i, j);
        const double norm = ct_clip_grad_norm(3, (ct_tensor *[]){ a, b, c }, 1);
        cr_expect(fabs(norm - sqrt(4 * 4 + 4 + 4)) < 1e-12);
        cr_expect(fabs(ct_tensor_at(ct_gradient(a), 3) - 2 / norm) < 1e-6 && fabs(ct_tensor_at(ct_gradient(b), 3) - 1 / norm) < 1e-6);
        cr_expect(ct_tensor_at(g, 0) == 1, "the caller's cotangent is as it was");
        ct_zero_gradient(a), ct_zero_gradient(b), ct_zero_gradient(c);
        ct_tape_reset(tape);
    }
    ct_tensor_release(a), ct_tensor_release(b), ct_tensor_release(c), ct_tensor_release(g);
}

/* ---- what outlives a reset ---- */

/* A retained result is a constant afterwards, whether or not a backward has freed its graph (the state of a recurrent network). */
Test(tape, a_retained_result_is_a_constant_after_reset)
{
    ct_tensor *w = leaf(1, 2);
    for (int backward = 0; backward < 2; backward++) {
        ct_tensor *state = ct_tensor_retain(ct_square(tape, w));
        if (backward)
            OK(ct_backward(tape, state));
        ct_zero_gradient(w);
        ct_tape_reset(tape);
        cr_expect(!ct_tensor_requires_grad(state));
        OK(ct_backward(tape, ct_mul(tape, state, w)));
        cr_expect(ct_tensor_item(ct_gradient(w)) == 4);
        ct_zero_gradient(w);
        ct_tape_reset(tape);
        ct_requires_grad(state, true); /* or a variable */
        OK(ct_backward(tape, ct_mul(tape, state, w)));
        cr_expect(ct_tensor_item(ct_gradient(state)) == 2);
        ct_zero_gradient(w);
        ct_tape_reset(tape);
        ct_tensor_release(state);
    }
    ct_tensor_release(w);
}

Test(tape, a_retained_gradient_and_result_outlive_the_tape)
{
    ct_tape *other = ct_tape_new();
    ct_tensor *x = leaf(3, 2), *y = ct_tensor_retain(ct_square(other, x));
    cr_assert(ct_backward(other, ct_sum(other, y)) == CT_OK);
    ct_tape_free(other);
    cr_expect(ct_tensor_at(y, 2) == 4 && ct_tensor_at(ct_gradient(x), 2) == 4);
    ct_tensor_release(y), ct_tensor_release(x);
}

Test(tape, a_dropped_result_lives_while_the_record_needs_it)
{
    ct_tensor *x = leaf(1, 2), *y = ct_square(tape, x), *z = ct_square(tape, y);
    ct_tape_drop(tape, y);
    ct_tape_drop(tape, x), ct_tape_drop(tape, NULL), ct_tape_drop(NULL, z); /* not the tape's; nothing; nobody's: no effect */
    OK(ct_backward(tape, z));
    cr_expect(ct_tensor_item(ct_gradient(x)) == 32);
    ct_tensor_release(x);
}

/* ---- refusals ---- */

Test(tape, refusals_of_outputs_and_inputs)
{
    ct_tensor *x = leaf(2, 3), *constant = ct_tensor_ones(CT_F64, CT_SHAPE(2)), *y = ct_square(tape, x), *nothing = NULL, *g;
    ct_tensor *short_one = ct_tensor_ones(CT_F64, CT_SHAPE(1)), *single = ct_tensor_ones(CT_F32, CT_SHAPE(2));
    refused(ct_backward(tape, NULL), CT_BAD_ARGUMENT, "output 0 is NULL");
    refused(ct_backward(tape, constant), CT_BAD_ARGUMENT, "depends on nothing that requires a gradient");
    refused(ct_backward(tape, y), CT_BAD_SHAPE, "output 0 has shape (2,), not one element: give its cotangent");
    refused(ct_backward_from(tape, 1, &y, &short_one, 0), CT_BAD_SHAPE, "cotangent 0 is float64 (1,) but output 0 is float64 (2,)");
    refused(ct_backward_from(tape, 1, &y, &single, 0), CT_BAD_DTYPE, "cotangent 0 is float32 (2,)");
    refused(ct_grad(tape, 1, &nothing, NULL, 1, &x, &g, 0), CT_BAD_ARGUMENT, "grad: output 0 is NULL");
    refused(ct_grad(tape, 1, &y, NULL, 1, &nothing, &g, 0), CT_BAD_ARGUMENT, "grad: input 0 is NULL");
    refused(ct_grad(tape, 1, NULL, NULL, 1, &x, &g, 0), CT_BAD_ARGUMENT, "grad: output is NULL");
    refused(ct_grad(tape, 1, &y, NULL, 1, NULL, &g, 0), CT_BAD_ARGUMENT, "grad: input is NULL");
    refused(ct_grad(tape, 1, &y, NULL, 1, &x, NULL, 0), CT_BAD_ARGUMENT, "grad: gradient is NULL");
    refused(ct_backward_from(tape, 1, NULL, NULL, 0), CT_BAD_ARGUMENT, "backward: output is NULL");
    refused(ct_push(tape, 1, NULL, NULL, 1, &y, &g, 0), CT_BAD_ARGUMENT, "push: input is NULL");
    refused(ct_push(tape, 1, &x, &x, 1, NULL, &g, 0), CT_BAD_ARGUMENT, "push: output is NULL");
    refused(ct_push(tape, 1, &x, &x, 1, &y, NULL, 0), CT_BAD_ARGUMENT, "push: tangent_out is NULL");
    refused(ct_grad(tape, 1, &y, NULL, 1, &constant, &g, 0), CT_BAD_ARGUMENT, "input 0 of shape (2,) does not require a gradient");
    refused(ct_grad(tape, 1, &y, NULL, 1, &x, &g, 0), CT_BAD_SHAPE, "give its cotangent");
    refused(ct_push(tape, 1, &x, NULL, 1, &y, &g, 0), CT_BAD_SHAPE, "input 0 has shape (2,), not one element: give its tangent");
    refused(ct_push(tape, 1, &x, &short_one, 1, &y, &g, 0), CT_BAD_SHAPE, "tangent 0 is float64 (1,) but input 0 is float64 (2,)");
    refused(ct_push(tape, 1, &x, &constant, 1, &nothing, &g, 0), CT_BAD_ARGUMENT, "push: output 0 is NULL");
    refused(ct_push(tape, 1, &constant, &constant, 1, &y, &g, 0), CT_BAD_ARGUMENT, "does not require a gradient");
    cr_expect(ct_requires_grad(y, false) == CT_BAD_ARGUMENT, "y is no leaf");
    OK(ct_backward_from(tape, 1, &y, &constant, 0)); /* none of the refusals harmed the record */
    cr_expect(ct_tensor_at(ct_gradient(x), 1) == 6);
    cr_expect(ct_requires_grad(y, false) == CT_BAD_ARGUMENT, "nor after its graph is freed");
    ct_tensor_release(x), ct_tensor_release(constant), ct_tensor_release(short_one), ct_tensor_release(single);
}

/* Forward mode over a freed graph is an error as reverse mode is, not a zero. */
Test(tape, a_freed_graph)
{
    ct_tensor *x = leaf(1, 3), *y = ct_square(tape, x), *z = ct_scale(tape, y, 2), *one = leaf(1, 1), *g;
    OK(ct_backward(tape, y));
    refused(ct_push(tape, 1, &x, &one, 1, &y, &g, 0), CT_BAD_STATE, "freed");
    refused(ct_push(tape, 1, &x, &one, 1, &z, &g, 0), CT_BAD_STATE, "freed");
    refused(ct_grad(tape, 1, &z, NULL, 1, &x, &g, 0), CT_BAD_STATE, "freed");
    refused(ct_backward(tape, z), CT_BAD_STATE, "freed");
    cr_expect(ct_tensor_item(z) == 18, "values stay");
    ct_tensor_release(x), ct_tensor_release(one);
}

Test(tape, one_record_is_one_tape)
{
    ct_tape *other = ct_tape_new();
    ct_tensor *x = leaf(1, 3), *y = ct_square(other, x), *g;
    refused(ct_scale(tape, y, 2) == NULL ? ct_tape_status(tape) : CT_OK, CT_BAD_STATE, "another tape");
    refused(ct_backward(tape, y), CT_BAD_STATE, "another tape");
    refused(ct_grad(tape, 1, &y, NULL, 1, &x, &g, 0), CT_BAD_STATE, "another tape");
    cr_expect(ct_tensor_item(ct_scale(tape, ct_detach(tape, y), 2)) == 18, "its values are anyone's");
    ct_tape_free(other);
    ct_tensor_release(x);
}

/* An op without derivatives is an error in both modes; after one, every op is quiet until the status is cleared. */
static bool copy_shape(ct_tape *t, const ct_call *call, ct_shape *out) { return (void)t, *out = ct_tensor_shape(call->in[0]), true; }
static bool copy_forward(ct_tape *t, ct_call *call) { return (void)t, ct_tensor_assign(call->out, call->in[0]) == CT_OK; }
static const ct_op hard = { .name = "hard", .arity = 1, .shape = copy_shape, .forward = copy_forward };

Test(tape, an_op_of_the_users_without_derivatives)
{
    ct_tensor *x = leaf(1, 3), *y = ct_apply(tape, &hard, 1, &x, NULL, 0), *one = leaf(1, 1), *g;
    cr_assert(ct_tensor_item(y) == 3);
    refused(ct_push(tape, 1, &x, &one, 1, &y, &g, 0), CT_NO_DERIVATIVE, "hard");
    cr_expect(ct_grad(tape, 1, &y, NULL, 1, &x, &g, 0) == CT_NO_DERIVATIVE && g == NULL);
    const int64_t length = ct_tape_length(tape);
    cr_expect(ct_square(tape, x) == NULL && ct_backward(tape, y) == CT_NO_DERIVATIVE && ct_tape_length(tape) == length);
    cr_expect(ct_grad(tape, 1, &y, NULL, 1, &x, &g, 0) == CT_NO_DERIVATIVE && ct_push(tape, 1, &x, &one, 1, &y, &g, 0) == CT_NO_DERIVATIVE);
    ct_tape_clear_status(tape);
    refused(ct_apply(tape, &hard, 2, (ct_tensor *[]){ x, x }, NULL, 0) == NULL ? ct_tape_status(tape) : CT_OK, CT_BAD_ARGUMENT,
            "hard: takes 1 operand, not 2");
    refused(ct_apply(tape, &hard, 1, (ct_tensor *[]){ NULL }, NULL, 0) == NULL ? ct_tape_status(tape) : CT_OK, CT_BAD_ARGUMENT,
            "hard: operand 0 is NULL");
    ct_tensor_release(x), ct_tensor_release(one);
}

/* Without a tape everything answers, and says that memory was out. */
Test(tape, no_tape)
{
    ct_tensor *x = leaf(1, 3), *g;
    cr_expect(ct_square(NULL, x) == NULL && ct_tape_status(NULL) == CT_NO_MEMORY && *ct_tape_message(NULL) != '\0');
    cr_expect(ct_backward(NULL, x) == CT_NO_MEMORY && ct_grad(NULL, 1, &x, NULL, 1, &x, &g, 0) == CT_NO_MEMORY);
    cr_expect(ct_push(NULL, 1, &x, &x, 1, &x, &g, 0) == CT_NO_MEMORY && ct_tape_length(NULL) == 0 && ct_tape_bytes(NULL) == 0);
    cr_expect(ct_tape_tensor(NULL, CT_F32, CT_SCALAR) == NULL && ct_fail(NULL, CT_BAD_SHAPE, "unheard") == NULL);
    ct_no_grad_begin(NULL), ct_no_grad_end(NULL), ct_tape_reset(NULL), ct_tape_clear_status(NULL), ct_tape_free(NULL);
    ct_tensor_release(x);
}

/* ---- memory of values that no derivative reads ---- */

/* A chain of sums reads nothing: whatever its length, three of its values are alive at once. */
Test(tape, unread_values_do_not_stay)
{
    enum { COUNT = 1 << 16, LENGTH = 20 };
    ct_tensor *x = ct_tensor_ones(CT_F32, CT_SHAPE(COUNT)), *y = x;
    ct_requires_grad(x, true);
    for (int i = 0; i < LENGTH; i++) {
        ct_tensor *next = ct_add(tape, y, x);
        if (y != x)
            ct_tape_drop(tape, y);
        y = next;
    }
    cr_expect(ct_tape_bytes(tape) < 4 * COUNT * sizeof(float) * 5 / 4 + LENGTH * 1024, "%zu bytes", ct_tape_bytes(tape));
    cr_assert_eq(ct_backward(tape, ct_sum(tape, y)), CT_OK);
    for (int64_t i = 0; i < COUNT; i += 1000)
        cr_expect_eq(ct_tensor_at(ct_gradient(x), i), LENGTH + 1);
    ct_tensor_release(x);
}

/* A product by a constant reads the constant alone. */
Test(tape, a_product_by_a_constant_does_not_keep_its_operand)
{
    enum { SIDE = 128, LENGTH = 20 };
    ct_tensor *x = ct_tensor_ones(CT_F32, CT_SHAPE(SIDE, SIDE)), *a = ct_tensor_full(CT_F32, CT_SHAPE(SIDE, SIDE), 1.0 / SIDE), *y = x;
    ct_requires_grad(x, true);
    for (int i = 0; i < LENGTH; i++) {
        ct_tensor *next = ct_matmul(tape, y, a, false, false);
        if (y != x)
            ct_tape_drop(tape, y);
        y = next;
    }
    cr_expect(ct_tape_bytes(tape) < 4 * SIDE * SIDE * sizeof(float) * 5 / 4 + LENGTH * 1024, "%zu bytes", ct_tape_bytes(tape));
    cr_assert_eq(ct_backward(tape, ct_sum(tape, y)), CT_OK);
    cr_expect_float_eq(ct_tensor_at(ct_gradient(x), 7), 1, 1e-4);
    ct_tensor_release(x), ct_tensor_release(a);
}

/* A backward that fails has let go of what it passed: the next one says so, and reads nothing that is gone. */
Test(tape, a_backward_that_failed_half_way)
{
    ct_tensor *x = ct_tensor_scalar(CT_F64, 0.5);
    ct_requires_grad(x, true);
    ct_tensor *first = ct_exp(tape, x), *second = ct_exp(tape, first), *third = ct_exp(tape, second);
    ct_tensor_fill(first, 2);
    cr_assert_eq(ct_backward(tape, third), CT_BAD_STATE);
    cr_expect_not_null(strstr(ct_tape_message(tape), "in place"), "%s", ct_tape_message(tape));
    ct_tape_clear_status(tape);
    cr_assert_eq(ct_backward(tape, third), CT_BAD_STATE);
    cr_expect_not_null(strstr(ct_tape_message(tape), "freed"), "%s", ct_tape_message(tape));
    ct_tensor_release(x);
}
