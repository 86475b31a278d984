#include <cotangent/cotangent.h>
#include <stdio.h>

int main(void)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *y = ct_tensor_from(CT_F64, CT_SHAPE(1, 2, 3), (double[]){ 1, 2, 3, 4, 5, 6 });
    ct_tensor *w = ct_tensor_from(CT_F64, CT_SHAPE(2, 1, 3), (double[]){ 1.1, 2.2, 3.3, 1.1, 2.2, 3.3 });
    ct_requires_grad(w, true);

    ct_conv_options options = { .stride = { 2 }, .padding = { 1 } };
    ct_tensor *x = ct_conv_transpose1d(tape, y, w, NULL, &options);
    ct_backward(tape, ct_sum(tape, ct_square(tape, x)));

    ct_status status = ct_tape_status(tape); /* the first thing that went wrong in any op, if one did */
    if (status == CT_OK) {
        ct_tensor_print(stdout, x);
        ct_tensor_print(stdout, ct_gradient(w));
    } else {
        fprintf(stderr, "%s\n", ct_tape_message(tape));
    }

    ct_tape_free(tape); /* and with it everything the ops returned */
    ct_tensor_release(y);
    ct_tensor_release(w);
    return status == CT_OK ? 0 : 1;
}
