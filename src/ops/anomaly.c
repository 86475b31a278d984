/* Anomaly mode: names the first op, forward or backward, that makes a NaN or an infinity. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tape.h"

enum { DESCRIBED = 3 }; /* operands: input, weight and bias */

struct survey {
    double low, high; /* of the finite values */
    int64_t nan, infinite, first; /* first: place of the first value that is not finite, or −1 */
};

static struct survey survey(const ct_tensor *x)
{
    struct survey s = { INFINITY, -INFINITY, 0, 0, -1 };
    for (int64_t i = 0; i < x->count; i++) {
        const double v = x->dtype == CT_F32 ? (double)((const float *)ct_data(x))[i] : ((const double *)ct_data(x))[i];
        if (isfinite(v)) {
            s.low = fmin(s.low, v), s.high = fmax(s.high, v);
            continue;
        }
        *(isnan(v) ? &s.nan : &s.infinite) += 1;
        s.first = s.first < 0 ? i : s.first;
    }
    return s;
}

static bool all_finite(const ct_tensor *x)
{
    /* 0 · x is 0 for finite x alone. */
    double sum = 0;
    for (int64_t i = 0; i < x->count; i++)
        sum += 0 * (x->dtype == CT_F32 ? (double)((const float *)ct_data(x))[i] : ((const double *)ct_data(x))[i]);
    return sum == 0;
}

/* "operand 0 (2, 3) in [-1, 4]; " appended to text. */
static void describe(char *text, size_t size, const char *what, int number, const ct_tensor *x)
{
    size_t length = strnlen(text, size);
    char name[32], range[80] = "no finite value";
    if (x->storage == NULL) /* recorded before the mode was on, and let go of since */
        return;
    const struct survey s = survey(x);
    snprintf(name, sizeof name, number < 0 ? "%s" : "%s %d", what, number);
    if (s.low <= s.high)
        snprintf(range, sizeof range, "in [%.6g, %.6g]", s.low, s.high);
    length += (size_t)snprintf(text + length, size - length, "; %s %s %s", name, CT_TEXT(x->shape), range);
    if (s.first >= 0 && length < size)
        snprintf(text + length, size - length, " with %" PRId64 " NaN and %" PRId64 " infinite", s.nan, s.infinite);
}

/* "a NaN at [1, 2] of (2, 3), 3 in all". */
static void place(char *text, size_t size, const ct_tensor *x)
{
    const struct survey s = survey(x);
    const double v = x->dtype == CT_F32 ? (double)((const float *)ct_data(x))[s.first] : ((const double *)ct_data(x))[s.first];
    int64_t rest = s.first, index[CT_MAX_RANK];
    for (int axis = x->shape.rank - 1; axis >= 0; axis--) {
        index[axis] = rest % x->shape.extent[axis];
        rest /= x->shape.extent[axis];
    }
    size_t length = (size_t)snprintf(text, size, "%s at [", isnan(v) ? "a NaN" : v > 0 ? "an infinity" : "a negative infinity");
    for (int axis = 0; axis < x->shape.rank && length < size; axis++)
        length += (size_t)snprintf(text + length, size - length, "%s%" PRId64, axis ? ", " : "", index[axis]);
    if (length < size)
        snprintf(text + length, size - length, "] of %s, %" PRId64 " in all", CT_TEXT(x->shape), s.nan + s.infinite);
}

bool ct_anomaly_forward(ct_tape *tape, const ct_call *call)
{
    char where[200], operands[400] = "";
    if (tape->inside_rule > 0 || all_finite(call->out))
        return true;
    place(where, sizeof where, call->out);
    for (int i = 0; i < call->arity && i < DESCRIBED; i++)
        describe(operands, sizeof operands, "operand", i, call->in[i]);
    ct_fail(tape, CT_NOT_FINITE, "%s, after %zu recorded ops, made %s%s", call->op->name, tape->node_count, where, operands);
    return false;
}

bool ct_anomaly_derivative(ct_tape *tape, const struct ct_node *node, const char *mode, int operand, const ct_tensor *direction,
                           const ct_tensor *result)
{
    char where[200], operands[400] = "";
    if (tape->inside_rule > 0 || all_finite(result))
        return true;
    place(where, sizeof where, result);
    describe(operands, sizeof operands, "cotangent", -1, direction);
    for (int i = 0; i < node->call.arity && i < DESCRIBED; i++)
        describe(operands, sizeof operands, "operand", i, node->call.in[i]);
    describe(operands, sizeof operands, "output", -1, node->call.out);
    ct_fail(tape, CT_NOT_FINITE, "%s of %s (op %" PRId64 " of the tape) by operand %d made %s%s", mode, node->call.op->name, node->index,
            operand, where, operands);
    return false;
}

void ct_tape_detect_anomaly(ct_tape *tape, bool on)
{
    if (tape == NULL)
        return;
    tape->anomaly = on;
    if (tape->node_count == 0)
        tape->keeps_values = on; /* messages tell the operands' ranges */
}
