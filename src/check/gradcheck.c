/* The gradient check: what is checked, in which order, and the report's sentence. analytic.c has the derivatives, numeric.c the differences,
 * differences.c holds the two against each other, and verdict.c judges. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "gradcheck.h"

enum { FULL_ROWS = 64, FULL_ROWS_ABOVE = 4, MOST_ORDERS = 8 };

/* The function under test, as one of what is differentiated alone. */
struct closed {
    const ct_function *f;
    ct_tensor *all[CT_MAX_INPUTS]; /* the constants, at their places */
    unsigned constant;
    int inputs; /* that are not constant */
};

static ct_tensor *closed_apply(ct_tape *tape, ct_tensor *const in[], void *context)
{
    const struct closed *closed = context;
    ct_tensor *all[CT_MAX_INPUTS];
    for (int j = 0, k = 0; j < closed->f->inputs; j++) {
        const bool constant = closed->constant & 1u << j;
        all[j] = constant ? closed->all[j] : in[k++];
        if (constant && in[0]->dtype != all[j]->dtype) { /* the float32 run */
            ct_tensor *cast = ct_tape_tensor(tape, in[0]->dtype, all[j]->shape);
            if (cast == NULL || ct_tensor_assign(cast, all[j]) != CT_OK)
                return NULL;
            all[j] = cast;
        }
    }
    return closed->f->apply(tape, all, closed->f->context);
}

/* ---- other promises ------------------------------------------------------------------ */

/* f gives the same bits twice. */
static bool check_pure(struct ct_checking *c)
{
    struct ct_probe *p = &c->probe;
    double *again = ct_probe_array(p, p->rows);
    if (again == NULL || !ct_probe_value(p, p->x, again))
        return false;
    if (memcmp(again, p->value, (size_t)p->rows * sizeof *again) != 0)
        ct_finding_accuse(c, "pure", "the function gives different values for the same inputs");
    return true;
}

/* f's values are the reference's. */
static bool check_values(struct ct_checking *c, const struct closed *closed)
{
    struct ct_probe *p = &c->probe;
    if (c->options->reference == NULL)
        return true;
    struct closed other = *closed;
    other.f = c->options->reference;
    const ct_function g = { closed_apply, &other, p->f->inputs }, *f = p->f;
    double *wanted = ct_probe_array(p, p->rows);
    if (wanted == NULL)
        return false;
    p->f = &g;
    const bool ok = ct_probe_value(p, p->x, wanted);
    p->f = f;
    for (int64_t k = 0; ok && k < p->rows; k++) {
        ct_finding finding = ct_finding_at(c, "values", NULL, k);
        finding.analytic = p->value[k], finding.numeric = wanted[k];
        finding.error_bar = ct_is_whole(wanted[k]) && ct_is_whole(p->value[k]) ? 0 : 4 * p->noise[k] + 64 * DBL_EPSILON * fabs(wanted[k]);
        finding.verdict = fabs(finding.analytic - finding.numeric) <= finding.error_bar ? CT_RIGHT : CT_WRONG;
        ct_finding_note(c, finding, fmax(fabs(wanted[k]), fabs(p->value[k])));
    }
    return ok;
}

/* The inputs are what they were. */
static void check_unchanged(struct ct_checking *c, const char *name, const ct_tensor *x, const ct_tensor *in)
{
    for (int64_t i = 0; x != NULL && i < x->count; i++) {
        const double was = ct_check_get(in, i), is = ct_check_get(x, i);
        if (is != (x->dtype == CT_F32 ? (float)was : was) && !isnan(was)) {
            char what[160];
            snprintf(what, sizeof what, "the function changes its input %s in place", name);
            ct_finding_accuse(c, "pure", what);
            return;
        }
    }
}

static void check_finite(struct ct_checking *c)
{
    const struct ct_probe *p = &c->probe;
    for (int64_t k = 0; k < p->rows; k++)
        if (!isfinite(p->value[k])) {
            ct_finding finding = ct_finding_at(c, "values", NULL, k);
            finding.analytic = finding.numeric = p->value[k];
            finding.verdict = CT_UNDECIDABLE;
            ct_finding_note(c, finding, 1);
        }
}

static void find_unused(struct ct_checking *c, int inputs)
{
    const struct ct_probe *p = &c->probe;
    int64_t at = 0;
    for (int k = 0; k < inputs && c->report->wrong == 0; at += p->count[k++]) {
        bool used = false;
        for (int64_t row = 0; row < p->rows && !used; row++)
            for (int64_t i = 0; i < p->count[k] && !used; i++)
                used = c->fused[row * p->elements + at + i] != 0;
        if (!used)
            c->report->unused |= 1u << c->input[k];
    }
}

/* ---- the whole ----------------------------------------------------------------------- */

static void conclude(struct ct_checking *c, const ct_tape *store)
{
    ct_gradcheck_report *r = c->report;
    const ct_finding *w = &r->worst;
    char where[200];
    if (c->probe.store != NULL && ct_tape_status(store) == CT_OK)
        store = c->probe.store;
    r->verdict = w->verdict;
    r->evaluations = c->probe.evaluations;
    r->status = store != NULL ? ct_tape_status(store) : CT_NO_MEMORY;
    if (r->status != CT_OK) {
        r->verdict = CT_UNDECIDABLE;
        snprintf(r->message, sizeof r->message, "could not be checked: %s", store != NULL ? ct_tape_message(store) : "out of memory");
        return;
    }
    if (r->message[0] != '\0')
        return; /* an accusation has its own sentence */
    ct_finding_place(w, where, sizeof where);
    if (r->comparisons == 0)
        snprintf(r->message, sizeof r->message, "nothing to compare: there are no elements");
    else if (r->verdict == CT_RIGHT)
        snprintf(r->message, sizeof r->message, "all %lld comparisons agree, to %.1f digits or more", (long long)r->comparisons, r->digits);
    else if (r->verdict == CT_WRONG && strcmp(w->check, "linear") == 0)
        snprintf(r->message, sizeof r->message, "not affine at %s: the second difference is %.17g, not 0 ± %.2g", where, w->numeric, w->error_bar);
    else if (r->verdict == CT_WRONG)
        snprintf(r->message, sizeof r->message, "%s gives %.17g for %s, not %.17g ± %.2g", w->check, w->analytic, where, w->numeric, w->error_bar);
    else if (r->verdict == CT_KINK)
        snprintf(r->message, sizeof r->message, "not differentiable at %s: the one-sided derivatives differ, and %.17g lies between", where,
                 w->analytic);
    else
        snprintf(r->message, sizeof r->message, "%s at %s: %.17g ± %.2g tells nothing of %.17g: %s", w->check, where, w->numeric, w->error_bar,
                 w->analytic,
                 isfinite(w->numeric) && isfinite(w->error_bar) ? "noise, or a jump" : "overflow, or a function that is not finite here");
}

/* What is asked for, and where, can be checked. */
static bool accepts(const struct ct_checking *c, const ct_function *f, ct_tensor *const in[], ct_tape *store)
{
    const ct_gradcheck_options *o = c->options;
    bool ok = f != NULL && f->apply != NULL && f->inputs >= 1 && f->inputs <= CT_MAX_INPUTS && in != NULL && o->order >= 0 && o->order <= MOST_ORDERS;
    for (int j = 0; ok && j < f->inputs; j++)
        ok = in[j] != NULL && in[j]->dtype == in[0]->dtype;
    if (!ok)
        return ct_fail(store, CT_BAD_ARGUMENT, "needs a function of 1 to %d inputs, that many tensors of one dtype, and an order of 0 to %d",
                       CT_MAX_INPUTS, MOST_ORDERS), false;
    if (o->reference != NULL && (o->reference->apply == NULL || o->reference->inputs != f->inputs))
        return ct_fail(store, CT_BAD_ARGUMENT, "the reference takes %d inputs, the function %d", o->reference->apply ? o->reference->inputs : 0,
                       f->inputs), false;
    for (int j = 0; j < f->inputs; j++)
        for (int64_t i = 0; !(o->constant >> j & 1) && i < in[j]->count; i++)
            if (!isfinite(ct_check_get(in[j], i)))
                return ct_fail(store, CT_BAD_ARGUMENT, "input %d is %g at %s, where there is no derivative", j, ct_check_get(in[j], i),
                               CT_TEXT(ct_check_index(in[j]->shape, i))), false;
    return true;
}

static void write_name(const ct_gradcheck_options *options, int j, char name[32])
{
    if (options->names != NULL && options->names[j] != NULL)
        snprintf(name, 32, "%s", options->names[j]);
    else
        snprintf(name, 32, "in[%d]", j);
}

/* x[] ← copies of what is differentiated, in float64 where f works in it; *g ← f of these alone. */
static bool enter(struct ct_checking *c, struct closed *closed, ct_tensor *const in[], ct_tape *store, ct_tensor *x[], ct_function *g)
{
    const ct_gradcheck_options *o = c->options;
    const ct_function *f = closed->f;
    for (ct_dtype dtype = CT_F64;; dtype = CT_F32) {
        *g = (ct_function){ closed_apply, closed, 0 };
        c->linear = 0;
        for (int j = 0; j < f->inputs; j++) {
            const int k = g->inputs;
            ct_tensor *copy = ct_tape_tensor(store, dtype, in[j]->shape);
            if (copy == NULL || ct_tensor_assign(copy, in[j]) != CT_OK)
                return false;
            if (closed->constant >> j & 1) {
                closed->all[j] = copy;
                copy->requires_grad = true; /* so that a record bounds the rounding of what is made of it */
                continue;
            }
            c->linear |= (o->linear >> j & 1) << k;
            c->input[k] = j;
            write_name(o, j, c->name[k]);
            x[g->inputs++] = copy;
        }
        if ((closed->inputs = g->inputs) == 0)
            return ct_fail(store, CT_BAD_ARGUMENT, "every input is constant"), false;
        if (closed_apply(store, x, closed) != NULL || in[0]->dtype == CT_F64 || dtype == CT_F32)
            return ct_tape_status(store) == CT_OK;
        ct_tape_clear_status(store);
    }
}

/* in[] ← the differentiated inputs in `dtype`, and for each order above 1 a cotangent of whole numbers; the functions of all orders. */
static bool climb(struct ct_checking *c, int order, ct_function chain[], ct_tensor *in[], ct_tape *store)
{
    for (int n = 1; n < order; n++) {
        ct_tensor *y = chain[n - 1].apply(store, in, chain[n - 1].context);
        if (y == NULL || chain[n - 1].inputs == CT_MAX_INPUTS) {
            ct_fail(store, CT_BAD_ARGUMENT, "order %d of a function of %d inputs: there may be %d with the cotangents", order, chain[0].inputs,
                    CT_MAX_INPUTS);
            return false;
        }
        const int j = chain[n - 1].inputs;
        in[j] = ct_check_zeros(store, y->dtype, y->shape);
        if (in[j] == NULL || ct_uniform(in[j], -3, 3, &c->random) != CT_OK)
            return false;
        for (int64_t i = 0; i < in[j]->count; i++)
            ct_check_set(in[j], i, ct_check_get(in[j], i) < 0 ? floor(ct_check_get(in[j], i)) : floor(ct_check_get(in[j], i)) + 1);
        chain[n] = ct_derivative(&chain[n - 1]);
        c->linear |= 1u << j;
        snprintf(c->name[j], sizeof c->name[j], "cotangent %d", n);
    }
    return true;
}

/* Every check of the function g of the wanted order at x[]. */
static void run(struct ct_checking *c, const ct_function *g, ct_tensor *const x[], int order, const struct closed *closed, bool float32)
{
    struct ct_probe *p = &c->probe;
    const int64_t rows = order > 1 ? FULL_ROWS_ABOVE : FULL_ROWS;
    bool ok = ct_probe_open(p, g, x, x[0]->dtype, rows, &c->random) && ct_probe_noise(p, &c->random);
    ok = ok && check_pure(c) && (order > 1 || check_values(c, closed)) && ct_check_analytic(c);
    if (ok) {
        check_finite(c);
        ok = ct_check_derivatives(c);
        for (int j = 0; j < g->inputs; j++)
            check_unchanged(c, c->name[j], p->x[j], x[j]);
        find_unused(c, closed->inputs);
    }
    ok = ok && (!float32 || ct_check_float32(c));
    if (!ok)
        ct_fail(p->store, CT_NO_MEMORY, "gradcheck: out of memory");
}

ct_verdict ct_gradcheck(const ct_function *f, ct_tensor *const in[], const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    static const ct_gradcheck_options defaults;
    ct_gradcheck_report own;
    struct ct_checking c = { .options = options != NULL ? options : &defaults, .report = report != NULL ? report : &own };
    struct closed closed = { .f = f, .constant = c.options->constant };
    ct_function chain[MOST_ORDERS];
    ct_tensor *x[CT_MAX_INPUTS];
    ct_tape *store = ct_tape_new();
    const int order = c.options->order > 0 ? c.options->order : 1;
    *c.report = (ct_gradcheck_report){ .order = order, .seed = c.options->seed, .digits = 17, .digits_float32 = 17 };
    c.random = (ct_random){ .seed = c.options->seed };
    ct_no_grad_begin(store);
    if (store != NULL && accepts(&c, f, in, store) && enter(&c, &closed, in, store, x, chain)) {
        const bool float32 = x[0]->dtype == CT_F64 && (c.options->float32 || in[0]->dtype == CT_F32);
        for (int k = 0; k < chain[0].inputs; k++)
            check_unchanged(&c, c.name[k], x[k], in[c.input[k]]);
        if (climb(&c, order, chain, x, store))
            run(&c, &chain[order - 1], x, order, &closed, float32);
        for (int j = 0; j < f->inputs; j++) {
            char name[32];
            write_name(c.options, j, name);
            if (closed.all[j] != NULL)
                check_unchanged(&c, name, closed.all[j], in[j]);
        }
    }
    ct_no_grad_end(store);
    if (c.probe.store == NULL)
        ct_fail(store, CT_NO_MEMORY, "gradcheck: out of memory"); /* what failed otherwise has said so */
    conclude(&c, store);
    ct_probe_close(&c.probe);
    ct_tape_free(store);
    return c.report->verdict;
}
