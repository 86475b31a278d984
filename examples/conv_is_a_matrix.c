/* A convolution with fixed weights is a matrix C, and transposed convolution multiplies by its transpose. It does not undo C. */
#include <cotangent/cotangent.h>
#include <stdio.h>

static const ct_conv_options options = { .stride = { 2 }, .padding = { 1 } }; /* 5 numbers to 3, and back */

/* Linear functions of one tensor; the context is the weight. */
static ct_tensor *direct(ct_tape *tape, ct_tensor *const in[], void *weight)
{
    return ct_conv1d(tape, in[0], weight, NULL, &options);
}

static ct_tensor *transposed(ct_tape *tape, ct_tensor *const in[], void *weight)
{
    return ct_conv_transpose1d(tape, in[0], weight, NULL, &options);
}

int main(void)
{
    ct_tape *tape = ct_tape_new();
    ct_tensor *w = ct_tensor_from(CT_F64, CT_SHAPE(1, 1, 3), (double[]){ 2, 3, 4 });
    ct_tensor *x = ct_tensor_from(CT_F64, CT_SHAPE(1, 5), (double[]){ 1, 2, 3, 4, 5 });
    ct_function f = { direct, w, 1 }, g = { transposed, w, 1 };

    /* Column j of a linear function's matrix is what it makes of the j-th basis vector. */
    ct_tensor *c = ct_matrix(tape, &f, CT_F64, CT_SHAPE(1, 5)), *t = ct_matrix(tape, &g, CT_F64, CT_SHAPE(1, 3));
    puts("C, of conv1d:");
    ct_tensor_print(stdout, c);
    puts("T, of conv_transpose1d:");
    ct_tensor_print(stdout, t);

    int64_t different = 0;
    for (int64_t i = 0; i < 3; i++)
        for (int64_t j = 0; j < 5; j++)
            different += ct_tensor_at(c, i * 5 + j) != ct_tensor_at(t, j * 3 + i);
    printf("entries where T is not C transposed: %d\n", (int)different);

    /* There and back again is C^T C x, which has the shape of x and is not x. */
    ct_tensor *back = transposed(tape, (ct_tensor *[]){ direct(tape, &x, w) }, w);
    puts("x, and conv_transpose1d(conv1d(x)):");
    if (ct_tape_status(tape) == CT_OK) {
        ct_tensor_print(stdout, x);
        ct_tensor_print(stdout, back);
    }

    ct_status status = ct_tape_status(tape);
    if (status != CT_OK)
        fprintf(stderr, "%s\n", ct_tape_message(tape));
    ct_tape_free(tape);
    ct_tensor_release(w);
    ct_tensor_release(x);
    return status == CT_OK && different == 0 ? 0 : 1;
}

/* It prints
 *
 *     C, of conv1d:
 *     [[3. 4. 0. 0. 0.]
 *      [0. 2. 3. 4. 0.]
 *      [0. 0. 0. 2. 3.]]
 *     T, of conv_transpose1d:
 *     [[3. 0. 0.]
 *      [4. 2. 0.]
 *      [0. 3. 0.]
 *      [0. 4. 2.]
 *      [0. 0. 3.]]
 *     entries where T is not C transposed: 0
 *     x, and conv_transpose1d(conv1d(x)):
 *     [[1. 2. 3. 4. 5.]]
 *     [[ 33. 102.  87. 162.  69.]]
 */
