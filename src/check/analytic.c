/* Analytic derivatives as the tape gives them: the Jacobian by reverse mode, twice over, forward mode, and how far rounding moves them. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "gradcheck.h"

enum { NEIGHBOURS = 3 };

/* What the working tape failed with is the check's failure. */
static bool passed(struct ct_checking *c)
{
    const ct_tape *tape = c->probe.tape;
    if (ct_tape_status(tape) != CT_OK)
        ct_fail(c->probe.store, ct_tape_status(tape), "%s", ct_tape_message(tape));
    return ct_tape_status(c->probe.store) == CT_OK;
}

/* The cotangent that makes row k: a basis vector, or the row's combination. */
static ct_tensor *cotangent_of(struct ct_checking *c, int64_t k)
{
    struct ct_probe *p = &c->probe;
    ct_tensor *v = ct_check_zeros(p->tape, p->x[0]->dtype, p->shape);
    for (int64_t i = 0; v != NULL && i < p->outputs; i++)
        ct_check_set(v, i, p->combination != NULL ? p->combination[k * p->outputs + i] : i == k);
    return v;
}

/* jacobian (rows × elements) ← reverse mode at x. */
static bool reverse(struct ct_checking *c, ct_tensor *const x[], unsigned flags, double *jacobian)
{
    struct ct_probe *p = &c->probe;
    struct ct_frame frame;
    ct_tape_reset(p->tape);
    ct_no_grad_begin(p->tape);
    bool ok = ct_frame_enter(p->tape, "gradcheck", p->f, x, &frame);
    for (int64_t k = 0; ok && k < p->rows; k++) {
        ct_tensor *gradient[CT_MAX_INPUTS], *v = cotangent_of(c, k);
        ok = v != NULL && ct_frame_pull(p->tape, &frame, p->f->inputs, v, flags | CT_RETAIN_GRAPH, gradient);
        double *row = jacobian + k * p->elements;
        for (int j = 0; ok && j < p->f->inputs; row += p->count[j++])
            ok = ct_tensor_copy_out(gradient[j], CT_F64, row, p->count[j]) == CT_OK;
    }
    return ok ? passed(c) : (passed(c), false);
}

/* One sweep with the sum of all rows' cotangents, in whole multiples, must give the multiples of the rows. */
static bool linear_in_cotangent(struct ct_checking *c, double *sum)
{
    struct ct_probe *p = &c->probe;
    const int64_t rows = p->rows;
    double *weights = ct_probe_array(p, rows * p->outputs), *combination = p->combination;
    if (weights == NULL || rows == 0)
        return rows == 0;
    for (int64_t k = 0; k < rows; k++)
        for (int64_t i = 0; i < p->outputs; i++)
            weights[i] += (double)(2 + k % 3) * (combination != NULL ? combination[k * p->outputs + i] : i == k);
    p->rows = 1, p->combination = weights;
    const bool ok = reverse(c, p->x, 0, sum);
    p->rows = rows, p->combination = combination;
    for (int64_t i = 0, input = 0, start = 0; ok && i < p->elements; i++) {
        for (; i - start >= p->count[input]; input++)
            start += p->count[input];
        double wanted = 0, size = 0, bar = 0;
        for (int64_t k = 0; k < rows; k++) {
            const double weight = (double)(2 + k % 3), term = weight * c->fused[k * p->elements + i];
            wanted += term, size += fabs(term), bar += weight * c->spread[k * p->elements + i];
        }
        const struct ct_direction d = { .input = (int)input, .element = i - start };
        ct_finding finding = ct_finding_at(c, "cotangent", &d, 0);
        finding.output = -1;
        finding.analytic = sum[i], finding.numeric = wanted, finding.error_bar = bar + 64 * DBL_EPSILON * size;
        finding.verdict = !isfinite(wanted) || fabs(sum[i] - wanted) <= finding.error_bar ? CT_RIGHT : CT_WRONG;
        ct_finding_reconsider(c, &d, weights, 0, size, &finding);
        if (p->x[0]->dtype == CT_F64 && finding.verdict == CT_WRONG)
            ct_finding_note(c, finding, size);
    }
    return ok;
}

/* The Jacobian at x both ways, and its spread when x moves by a few units in the last place. */
bool ct_check_analytic(struct ct_checking *c)
{
    struct ct_probe *p = &c->probe;
    const int64_t size = p->rows * p->elements;
    const double unit = p->x[0]->dtype == CT_F32 ? FLT_EPSILON : DBL_EPSILON;
    double *again = ct_probe_array(p, size);
    c->fused = ct_probe_array(p, size), c->recorded = ct_probe_array(p, size);
    c->spread = ct_probe_array(p, size), c->largest = ct_probe_array(p, p->rows), c->rounding = ct_probe_array(p, p->rows);
    for (int64_t k = 0; c->rounding != NULL && k < p->rows; k++)
        c->rounding[k] = -1;
    if (again == NULL || c->fused == NULL || c->recorded == NULL || c->spread == NULL || c->largest == NULL || c->rounding == NULL ||
        !reverse(c, p->x, 0, c->fused) || !reverse(c, p->x, CT_CREATE_GRAPH, c->recorded) || !reverse(c, p->x, 0, again))
        return false;
    if (memcmp(again, c->fused, (size_t)size * sizeof *again) != 0)
        ct_finding_accuse(c, "pure", "the gradient of the same inputs differs from one backward to the next");
    for (int64_t i = 0; i < size; i++) {
        c->spread[i] = 8 * unit * fabs(c->fused[i]);
        c->largest[i / p->elements] = fmax(c->largest[i / p->elements], fabs(c->fused[i]));
    }
    for (int n = 0; n < NEIGHBOURS; n++) {
        for (int j = 0; j < p->f->inputs; j++)
            for (int64_t i = 0; i < p->count[j]; i++)
                ct_check_set(p->moved[j], i, ct_check_get(p->x[j], i) * (1 + unit * (double)((i * 5 + j + n * 7) % 9 - 4)));
        if (!reverse(c, p->moved, 0, again))
            return false;
        for (int64_t i = 0; i < size; i++)
            c->spread[i] = fmax(c->spread[i], 8 * fabs(again[i] - c->fused[i]));
    }
    for (int j = 0; j < p->f->inputs; j++)
        ct_tensor_assign(p->moved[j], p->x[j]);
    return passed(c) && linear_in_cotangent(c, again);
}

/* tangent (rows) ← forward mode along a direction. False when f failed; an op without a forward rule is noted instead. */
bool ct_check_forward(struct ct_checking *c, const struct ct_direction *d, double *result)
{
    struct ct_probe *p = &c->probe;
    ct_tensor *tangent[CT_MAX_INPUTS] = { NULL }, *pushed;
    if (c->no_forward)
        return true;
    ct_tape_reset(p->tape);
    ct_no_grad_begin(p->tape);
    for (int j = 0, at = 0; j < p->f->inputs; at += (int)p->count[j++]) {
        if (d->input >= 0 && d->input != j)
            continue;
        tangent[j] = ct_check_zeros(p->tape, p->x[j]->dtype, p->x[j]->shape);
        for (int64_t i = 0; tangent[j] != NULL && i < p->count[j]; i++)
            ct_check_set(tangent[j], i, d->input >= 0 ? i == d->element : d->u[at + i]);
    }
    if (ct_jvp(p->tape, p->f, p->x, tangent, &pushed) == NULL || pushed == NULL) {
        c->no_forward = ct_tape_status(p->tape) == CT_NO_DERIVATIVE;
        return c->no_forward || passed(c);
    }
    for (int64_t k = 0; k < p->rows; k++) {
        long double sum = 0;
        for (int64_t i = 0; p->combination != NULL && i < p->outputs; i++)
            sum += (long double)p->combination[k * p->outputs + i] * ct_check_get(pushed, i);
        result[k] = p->combination != NULL ? (double)sum : ct_check_get(pushed, k);
    }
    return true;
}

/* A row of a Jacobian times a direction; what it would be of magnitudes; and the spread of that. */
double ct_check_along(const struct ct_checking *c, const double *jacobian, const struct ct_direction *d, int64_t row, double *size, double *spread)
{
    const struct ct_probe *p = &c->probe;
    int64_t at = row * p->elements;
    if (d->input >= 0) {
        for (int j = 0; j < d->input; j++)
            at += p->count[j];
        *size = c->largest[row], *spread = c->spread[at + d->element];
        return jacobian[at + d->element];
    }
    long double sum = 0;
    *size = *spread = 0;
    for (int64_t i = 0; i < p->elements; i++) {
        sum += (long double)jacobian[at + i] * d->u[i];
        *size += fabs(jacobian[at + i] * d->u[i]);
        *spread += c->spread[at + i] * fabs(d->u[i]);
    }
    return (double)sum;
}
