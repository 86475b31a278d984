/* Verdicts: what an analytic derivative and a numeric one, each with its bar, say together. */
#include <math.h>

#include "gradcheck.h"

/* A bar wider than this part of the largest derivative could hide an error of a size that matters: undecidable. */
static const double resolution = 1e-4, negligible = 1e-8;

ct_shape ct_check_index(ct_shape shape, int64_t element)
{
    for (int axis = shape.rank - 1; axis >= 0; axis--) {
        const int64_t extent = shape.extent[axis];
        shape.extent[axis] = element % extent;
        element /= extent;
    }
    return shape;
}

ct_finding ct_finding_at(const struct ct_checking *c, const char *check, const struct ct_direction *direction, int64_t row)
{
    ct_finding finding = { .check = check, .output = c->probe.combination != NULL ? -1 : row };
    if (direction == NULL)
        return finding;
    if (direction->input < 0) {
        finding.index.rank = -1;
        return finding;
    }
    finding.index = ct_check_index(c->probe.x[direction->input]->shape, direction->element);
    snprintf(finding.name, sizeof finding.name, "%s", c->name[direction->input]);
    return finding;
}

static int severity(ct_verdict verdict)
{
    return (int[]){ [CT_RIGHT] = 0, [CT_UNDECIDABLE] = 1, [CT_KINK] = 2, [CT_WRONG] = 3 }[verdict];
}

/* Zero, for all that the bar can tell, and the bar is nothing beside f's own values. */
static bool is_nothing(const struct ct_checking *c, const ct_finding *finding)
{
    return fabs(finding->numeric) <= finding->error_bar && finding->error_bar * finding->step <= negligible * c->probe.magnitude;
}

void ct_finding_note(struct ct_checking *c, ct_finding finding, double size)
{
    ct_gradcheck_report *r = c->report;
    const double off = fabs(finding.analytic - finding.numeric);
    double ratio = isnan(off) ? INFINITY : off == 0 ? 0 : size > 0 ? off / size : INFINITY;
    if (off > 0 && finding.verdict == CT_RIGHT && is_nothing(c, &finding)) /* no derivative to be a part of */
        ratio = fmin(ratio, off * finding.step / c->probe.magnitude);
    const int before = severity(r->worst.verdict), now = severity(finding.verdict);
    int64_t *const counts[] = { &r->right, &r->wrong, &r->kinks, &r->undecidable };
    r->comparisons++;
    ++*counts[finding.verdict];
    if (finding.verdict == CT_RIGHT)
        r->digits = fmin(r->digits, ratio > 0 ? fmax(0, -log10(ratio)) : 17);
    /* Of equal verdicts one that names an element says more. */
    const int names = (finding.index.rank >= 0) - (r->worst.index.rank >= 0);
    if (r->worst.check == NULL || now > before || (now == before && (names > 0 || (names == 0 && ratio > c->worst_ratio)))) {
        r->worst = finding;
        c->worst_ratio = ratio;
    }
}

void ct_finding_accuse(struct ct_checking *c, const char *check, const char *what)
{
    ct_finding finding = ct_finding_at(c, check, NULL, 0);
    finding.verdict = CT_WRONG;
    if (c->report->worst.verdict != CT_WRONG)
        snprintf(c->report->message, sizeof c->report->message, "%s", what);
    ct_finding_note(c, finding, INFINITY);
}

/* The smallest step whose noise is a quarter of `off` at most; −1: none. Extends the line as far as that. */
static int smallest_telling_step(struct ct_line *line, int64_t row, double off)
{
    double noise;
    int last = -1;
    for (int n = 0; n < line->count || ct_line_extend(line); n++) {
        const double d = ct_line_difference(line, row, n, &noise);
        if (noise > off / 4)
            break;
        if (isfinite(d))
            last = n;
    }
    return last;
}

/* The one-sided derivatives differ, by their tables and still at the smallest step that can tell. They lie in low … high. */
static bool is_kink(struct ct_line *line, int64_t row, double *low, double *high)
{
    const struct ct_estimate right = ct_line_sided(line, row, true), left = ct_line_sided(line, row, false);
    const double gap = fabs(right.value - left.value);
    *low = fmin(left.value - left.bar, right.value - right.bar), *high = fmax(left.value + left.bar, right.value + right.bar);
    if (!(gap > right.bar + left.bar))
        return false;
    const int last = smallest_telling_step(line, row, gap / 4);
    if (last < 0)
        return false;
    const int64_t at = last * line->probe->rows + row;
    const double here = line->probe->value[row];
    const double bend = fabs((line->plus[at] - here) / line->up[last] - (here - line->minus[at]) / line->down[last]);
    return bend > 0.5 * gap && bend < 1.5 * gap; /* of a smooth function it would be h f'' */
}

/* The two disagree: an error, a kink here or nearby, or a jump? */
static void explain(struct ct_line *line, int64_t row, double bar, ct_finding *finding)
{
    const double a = finding->analytic, n = finding->numeric;
    double noise = 0;
    const int last = smallest_telling_step(line, row, fabs(a - n));
    finding->verdict = CT_WRONG;
    if (last >= 1) {
        const double d = ct_line_difference(line, row, last, &noise), before = ct_line_difference(line, row, last - 1, &noise);
        ct_line_difference(line, row, last, &noise);
        if (fabs(d) > 8 * fmax(fabs(a), fabs(n)) && fabs(d) > 1.5 * fabs(before)) {
            finding->verdict = CT_UNDECIDABLE; /* differences grow without bound: a jump */
            return;
        }
        const double near = 4 * noise + fabs(d - before) + bar;
        if (fabs(d - a) <= near && near < fabs(a - n)) { /* a kink nearby had misled larger steps */
            finding->numeric = d, finding->error_bar = near, finding->step = line->up[last];
            for (int from = 1; from < last; from++) { /* without them the table converges on this value, and knows it better */
                const struct ct_estimate estimate = ct_line_central(line, row, from);
                if (fabs(estimate.value - d) <= near && estimate.bar + bar < near) {
                    finding->numeric = estimate.value, finding->error_bar = estimate.bar + bar, finding->step = estimate.step;
                    break;
                }
            }
            if (fabs(a - finding->numeric) <= finding->error_bar)
                finding->verdict = CT_RIGHT;
            return;
        }
    }
    double low, high;
    if (is_kink(line, row, &low, &high) && a >= low - bar && a <= high + bar)
        finding->verdict = CT_KINK;
}

void ct_finding_require_resolution(const struct ct_checking *c, double size, ct_finding *finding)
{
    size = fmax(size, fmax(fabs(finding->analytic), fabs(finding->numeric)));
    if (finding->verdict == CT_RIGHT && finding->error_bar > resolution * size && !is_nothing(c, finding))
        finding->verdict = CT_UNDECIDABLE;
}

/* f has the same values at both ends of a step, and not of all steps. */
static bool is_on_a_tread(const struct ct_line *line, int64_t row, double step)
{
    bool flat = false, moves = false;
    for (int n = 0; n < line->count; n++) {
        const int64_t at = n * line->probe->rows + row;
        const bool same = line->plus[at] == line->minus[at];
        flat |= same && line->up[n] == step;
        moves |= !same;
    }
    return flat && moves;
}

/* One verdict, from one line. */
static void decide(struct ct_checking *c, struct ct_line *line, int64_t row, double analytic, double bar, double size, ct_finding *finding)
{
    const struct ct_estimate estimate = ct_line_central(line, row, 0);
    finding->analytic = analytic;
    finding->numeric = estimate.value;
    finding->error_bar = estimate.bar + bar;
    finding->step = estimate.step;
    finding->verdict = CT_RIGHT;
    if (!isfinite(estimate.bar))
        finding->verdict = CT_UNDECIDABLE;
    else if (!isfinite(analytic))
        finding->verdict = CT_WRONG;
    else if (fabs(analytic - estimate.value) > finding->error_bar)
        explain(line, row, bar, finding);
    else if (is_kink(line, row, &(double){ 0 }, &(double){ 0 })) /* a symmetric one */
        finding->verdict = CT_KINK;
    if (finding->verdict == CT_RIGHT && is_on_a_tread(line, row, finding->step))
        finding->error_bar += ct_check_hidden_noise(c, row, finding->step);
    ct_finding_require_resolution(c, size, finding);
}

void ct_decide(struct ct_checking *c, struct ct_line *line, int64_t row, double analytic, double bar, double size, ct_finding *finding)
{
    enum { DOUBTS = 64 };
    static const double shrink[] = { 0.71, 0.57 };
    decide(c, line, row, analytic, bar, size, finding);
    /* The table's entries can agree by chance. An accusation needs three sweeps with different steps, and the noise measured anew. */
    for (int n = 0; n < 2 && finding->verdict == CT_WRONG && isfinite(analytic) && c->doubts < DOUBTS; n++) {
        const size_t mark = ct_tape_mark(c->probe.store);
        struct ct_line other;
        if (ct_probe_noise(&c->probe, &c->random) && ct_line_sweep(&c->probe, line->direction, shrink[n], &other))
            decide(c, &other, row, analytic, bar, size, finding);
        ct_tape_drop_since(c->probe.store, mark);
    }
    c->doubts += finding->verdict == CT_WRONG;
    ct_finding_doubt(c, &line->direction, row, size, finding);
}
