/* softmax and log_softmax. */
#include "derivatives.h"

static ct_tensor *softmax_middle(ct_tape *tape, ct_tensor *x) { return ct_softmax(tape, x, 1); }
static ct_tensor *log_softmax_last(ct_tape *tape, ct_tensor *x) { return ct_log_softmax(tape, x, -1); }

Test(softmax, of_logarithms_is_their_shares)
{
    ct_tape *tape = ct_tape_new();
    /* Along axis 0, and so large that a naive exponential overflows. */
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(3, 2),
                                  (double[]){ 800 + log(1), log(2), 800 + log(2), log(2), 800 + log(5), log(4) });
    expect(ct_softmax(tape, x, 0), 6, (double[]){ 0.125, 0.25, 0.25, 0.25, 0.625, 0.5 }, 1e-12);
    expect(ct_log_softmax(tape, x, 0), 6, (double[]){ log(0.125), log(0.25), log(0.25), log(0.25), log(0.625), log(0.5) }, 1e-12);
    cr_assert_null(ct_softmax(tape, x, 2));
    cr_assert_eq(ct_tape_status(tape), CT_BAD_ARGUMENT);
    ct_tape_free(tape);
    ct_tensor_release(x);
}

Test(softmax, derivatives)
{
    check_derivatives(softmax_middle, CT_SHAPE(2, 3, 2), 0.5, 1);
    check_derivatives(log_softmax_last, CT_SHAPE(2, 4), 0, 2);
}

Test(softmax, tangents)
{
    /* d softmax = p (t − Σ p t), d log softmax = t − Σ p t, at p = (¼, ¾), t = (1, 3). */
    ct_tape *tape = ct_tape_new();
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 0, log(3) });
    ct_tensor *t = ct_tensor_from(CT_F64, CT_SHAPE(2), (double[]){ 1, 3 }), *out[2];
    ct_requires_grad(x, true);
    ct_tensor *y[] = { ct_softmax(tape, x, 0), ct_log_softmax(tape, x, 0) };
    cr_assert_eq(ct_push(tape, 1, &x, &t, 2, y, out, 0), CT_OK, "%s", ct_tape_message(tape));
    expect(out[0], 2, (double[]){ -0.375, 0.375 }, 1e-14);
    expect(out[1], 2, (double[]){ -1.5, 0.5 }, 1e-14);
    ct_tape_free(tape);
    ct_tensor_release(x), ct_tensor_release(t);
}

/* Long rows, and columns of widths about a block's, of values that a naive exponential would overflow. */
Test(softmax, of_any_shape_is_a_distribution)
{
    static const int64_t shapes[][3] = { { 3, 1000, 1 }, { 5, 17, 1 },  { 2, 1, 1 },  { 2, 70, 300 },
                                         { 3, 9, 257 },  { 4, 33, 3 }, { 1, 1, 16 } };
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const int64_t outer = shapes[s][0], n = shapes[s][1], inner = shapes[s][2];
        ct_tape *tape = ct_tape_new();
        ct_tensor *x = ct_tensor_empty(CT_F64, CT_SHAPE(outer, n, inner));
        ct_uniform(x, 790, 810, &(ct_random){ .seed = 1 });
        ct_tensor *p = ct_softmax(tape, x, 1), *log_p = ct_log_softmax(tape, x, 1);
        for (int64_t o = 0; o < outer; o++)
            for (int64_t c = 0; c < inner; c++) {
                double sum = 0;
                for (int64_t i = 0; i < n; i++)
                    sum += exp(ct_tensor_at(x, (o * n + i) * inner + c) - 800);
                for (int64_t i = 0; i < n; i++) {
                    const int64_t at = (o * n + i) * inner + c;
                    const double wanted = exp(ct_tensor_at(x, at) - 800) / sum;
                    CLOSE(ct_tensor_at(p, at), wanted, 1e-14 * wanted);
                    CLOSE(ct_tensor_at(log_p, at), log(wanted), 1e-13);
                }
            }
        ct_tape_free(tape);
        ct_tensor_release(x);
    }
}
