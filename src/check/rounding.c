/* How far rounding can move a recorded number s = ⟨v, y⟩: Σ over all recorded ops of |∂s/∂out| · (the op's own rounding error), to first order in
 * the unit roundoff (Linnainmaa, "Taylor expansion of the accumulated rounding error", BIT 16, 1976; Bauer, 1974). */
#include <math.h>
#include <string.h>

#include "../ops/conv/conv.h"
#include "rounding.h"

static ct_tensor *magnitude_of(ct_tape *work, const ct_tensor *x, bool ones)
{
    ct_tensor *result = ct_check_zeros(work, CT_F64, x->shape);
    for (int64_t i = 0; result != NULL && i < x->count; i++)
        ct_check_set(result, i, ones ? 1 : fabs(ct_check_get(x, i)));
    return result;
}

/* The op on magnitudes, or on ones: for an op that is linear in each operand, Σ |terms| and the number of terms. */
static ct_tensor *on_magnitudes(ct_tape *work, const ct_call *call, bool ones)
{
    enum { FEW = 8 };
    ct_tensor *in[FEW];
    if (call->arity > FEW)
        return NULL;
    for (int i = 0; i < call->arity; i++)
        in[i] = magnitude_of(work, call->in[i], ones);
    return ct_apply(work, call->op, call->arity, in, call->attributes, call->attributes_size);
}

static double largest(const ct_tensor *x)
{
    double result = 0;
    for (int64_t i = 0; i < x->count; i++)
        result = fmax(result, fabs(ct_check_get(x, i)));
    return result;
}

/* Is it a convolution that float32 computes with products of sums of neighbours? Then an element errs by what its neighbours are made of,
 * even where it is exactly 0. */
static bool mixes_neighbours(const ct_call *call)
{
    static const ct_op *const maps[CT_MAPS] = {
        [CT_MAP_CONV] = &ct_op_conv, [CT_MAP_TRANSPOSE] = &ct_op_conv_transpose, [CT_MAP_WEIGHT] = &ct_op_conv_weight
    };
    for (int m = 0; m < CT_MAPS; m++)
        if (call->op == maps[m])
            return ct_conv_choose(call->attributes, (ct_conv_map)m, CT_F32).algorithm == CT_ALGORITHM_BILINEAR;
    return false;
}

/* Σ |cotangent| · error / unit of one op. A sum of n terms errs by n Σ |terms| at most (of a bilinear algorithm, the largest such sum, and a
 * few units for its transforms); any other op by a few units of its result and of its operands (its kernel may add, say, 1 to one of them). */
static double contribution(ct_tape *work, const ct_call *call, const ct_tensor *cotangent)
{
    enum { FEW_UNITS = 8 };
    double total = 0;
    if (call->op->jvp == ct_multilinear_jvp) {
        const ct_tensor *terms = on_magnitudes(work, call, false), *ones = on_magnitudes(work, call, true);
        const bool mixes = terms != NULL && mixes_neighbours(call);
        const double count = ones != NULL ? largest(ones) + 2 + (mixes ? FEW_UNITS : 0) : 0;
        const double most = mixes ? fmax(largest(terms), largest(call->in[0]) * largest(call->in[1])) : 0; /* all neighbours may be padding */
        for (int64_t i = 0; terms != NULL && i < cotangent->count; i++)
            total += fabs(ct_check_get(cotangent, i)) * count * fmax(most, ct_check_get(terms, i));
        return total;
    }
    double operands = 0;
    for (int i = 0; i < call->arity; i++)
        operands = fmax(operands, largest(call->in[i]));
    for (int64_t i = 0; i < cotangent->count; i++)
        total += fabs(ct_check_get(cotangent, i)) * FEW_UNITS * (fabs(ct_check_get(call->out, i)) + operands);
    return total;
}

double ct_rounding_bound(ct_tape *tape, ct_tensor *y, ct_tensor *v, double unit)
{
    const size_t length = tape->node_count;
    const size_t bytes = (length + 1) * sizeof(ct_tensor *);
    ct_tensor **output = ct_allocate_array(length + 1, sizeof *output), **cotangent = ct_allocate_array(length + 1, sizeof *cotangent);
    ct_tape *work = ct_tape_new();
    double total = INFINITY;
    if (output != NULL && cotangent != NULL && work != NULL) {
        int count = 0;
        for (size_t n = 0; n < length; n++)
            if (!tape->nodes[n]->freed)
                output[count++] = tape->nodes[n]->call.out;
        total = 0;
        if (count > 0 && ct_grad(tape, 1, &y, v != NULL ? &v : NULL, count, output, cotangent, CT_RETAIN_GRAPH | CT_ALLOW_UNUSED) != CT_OK)
            total = INFINITY;
        for (int i = 0; i < count && isfinite(total); i++)
            if (cotangent[i] != NULL) {
                total += unit * contribution(work, &output[i]->node->call, cotangent[i]);
                if (ct_tape_status(work) == CT_NO_MEMORY)
                    ct_fail(tape, CT_NO_MEMORY, "%s", ct_tape_message(work)), total = INFINITY;
                ct_tape_reset(work);
            }
    }
    if (output == NULL || cotangent == NULL || work == NULL)
        ct_fail(tape, CT_NO_MEMORY, "no memory to bound the rounding of %lld ops", (long long)length);
    ct_tape_free(work);
    ct_release(output, bytes);
    ct_release(cotangent, bytes);
    return total;
}
