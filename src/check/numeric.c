/* Numeric derivatives with error bars: central differences over falling steps, extrapolated to step zero.
 *
 * Error of a central difference with step h: truncation c₂h² + c₄h⁴ + …, and ε/h from rounding in f of size ε. Richardson's extrapolation
 * removes the powers one by one; Ridders ("Accurate computation of F'(x) and F'(x)F''(x)", Adv. Eng. Software 4, 1982) takes the
 * entry of the table that its neighbours agree with best. The bar is that disagreement, plus the noise that the entry inherits. */
#include "numeric.h"

#include <float.h>
#include <math.h>
#include <string.h>

double *ct_probe_array(struct ct_probe *probe, int64_t count)
{
    ct_tensor *array = ct_check_zeros(probe->store, CT_F64, CT_SHAPE(count > 0 ? count : 1));
    return array != NULL ? ct_data(array) : NULL;
}

bool ct_probe_value(struct ct_probe *probe, ct_tensor *const x[], double *row)
{
    ct_tape *tape = probe->tape;
    ct_tape_reset(tape);
    ct_no_grad_begin(tape);
    const ct_tensor *y = probe->f->apply(tape, x, probe->f->context);
    ct_no_grad_end(tape);
    probe->evaluations++;
    if (y == NULL || ct_tape_status(tape) != CT_OK) {
        const ct_status status = ct_tape_status(tape);
        ct_fail(probe->store, status != CT_OK ? status : CT_BAD_ARGUMENT, "%s", status != CT_OK ? ct_tape_message(tape) : "the function returned NULL");
        return false;
    }
    if (probe->outputs >= 0 && !ct_shape_equal(y->shape, probe->shape)) {
        ct_fail(probe->store, CT_BAD_SHAPE, "the function's result changed its shape, from %s to %s", CT_TEXT(probe->shape), CT_TEXT(y->shape));
        return false;
    }
    probe->shape = y->shape, probe->outputs = y->count;
    for (int64_t k = 0; row != NULL && k < probe->rows; k++) {
        if (probe->combination == NULL) {
            row[k] = ct_check_get(y, k);
            continue;
        }
        long double sum = 0;
        for (int64_t i = 0; i < y->count; i++)
            sum += (long double)probe->combination[k * y->count + i] * ct_check_get(y, i);
        row[k] = (double)sum;
    }
    return true;
}

bool ct_probe_open(struct ct_probe *probe, const ct_function *f, ct_tensor *const in[], ct_dtype dtype, int64_t most_rows, ct_random *random)
{
    *probe = (struct ct_probe){ .f = f, .outputs = -1, .tape = ct_tape_new(), .store = ct_tape_new() };
    if (probe->tape == NULL || probe->store == NULL)
        return false;
    for (int j = 0; j < f->inputs; j++) {
        probe->count[j] = in[j]->count;
        probe->elements += in[j]->count;
        for (int copy = 0; copy < 2; copy++) {
            ct_tensor *x = ct_tape_tensor(probe->store, dtype, in[j]->shape);
            if (x == NULL || ct_tensor_assign(x, in[j]) != CT_OK)
                return false;
            (copy ? probe->moved : probe->x)[j] = x;
        }
        double largest = 0, square = 0;
        for (int64_t i = 0; i < in[j]->count; i++)
            largest = fmax(largest, fabs(ct_check_get(probe->x[j], i)));
        for (int64_t i = 0; largest > 0 && i < in[j]->count; i++)
            square += ct_check_get(probe->x[j], i) / largest * (ct_check_get(probe->x[j], i) / largest) / (double)in[j]->count;
        probe->scale[j] = square > 0 && isfinite(largest) ? largest * sqrt(square) : 1;
    }
    if (!ct_probe_value(probe, probe->x, NULL))
        return false;
    probe->rows = probe->outputs <= most_rows ? probe->outputs : 3;
    if (probe->rows < probe->outputs) {
        /* Whole numbers ±1 … ±4, so that combinations of whole numbers are exact. */
        ct_tensor *v = ct_check_zeros(probe->store, CT_F64, CT_SHAPE(probe->rows, probe->outputs));
        if (v == NULL || ct_uniform(v, -4, 4, random) != CT_OK)
            return false;
        probe->combination = ct_data(v);
        for (int64_t i = 0; i < v->count; i++)
            probe->combination[i] = probe->combination[i] < 0 ? floor(probe->combination[i]) : floor(probe->combination[i]) + 1;
    }
    probe->value = ct_probe_array(probe, probe->rows);
    probe->noise = ct_probe_array(probe, probe->rows);
    return probe->value != NULL && probe->noise != NULL && ct_probe_value(probe, probe->x, probe->value);
}

void ct_probe_close(struct ct_probe *probe)
{
    ct_tape_free(probe->tape);
    ct_tape_free(probe->store);
}

/* ---- noise --------------------------------------------------------------------------- */

enum { POINTS = 8, LINES = 2 };

/* The spread that rounding makes in equidistant values: k-th differences of a smooth function vanish, those of noise σ have the
 * variance σ² (2k)!/(k!)². */
static double spread(const double values[POINTS])
{
    double d[POINTS], gamma = 1, largest = 0;
    memcpy(d, values, sizeof d);
    for (int k = 1; k < POINTS - 1; k++) {
        double square = 0;
        for (int i = 0; i < POINTS - k; i++) {
            d[i] = d[i + 1] - d[i];
            square += d[i] * d[i];
        }
        gamma *= 0.5 * k / (2 * k - 1);
        if (k >= 4)
            largest = fmax(largest, sqrt(gamma * square / (POINTS - k)));
    }
    return largest;
}

bool ct_probe_noise(struct ct_probe *probe, ct_random *random)
{
    const size_t mark = ct_tape_mark(probe->store);
    const double unit = probe->x[0]->dtype == CT_F32 ? FLT_EPSILON : DBL_EPSILON;
    /* The coarsest spacing sees f's own steps where terms cancel; third and higher derivatives still vanish in it. */
    const double spacing[] = { 64 * unit, 0x1p-30, 0x1p-20 };
    const int first = unit > 0x1p-30 ? 2 : 0;
    double *values = ct_probe_array(probe, POINTS * probe->rows);
    ct_tensor *w = ct_check_zeros(probe->store, CT_F64, CT_SHAPE(2, probe->elements));
    if (values == NULL || w == NULL)
        return false;
    for (int64_t k = 0; k < probe->rows; k++)
        probe->noise[k] = fmax(probe->noise[k], 2 * unit * fabs(probe->value[k]));

    for (int line = 0; line < LINES * 3; line++) {
        const double space = line % 3 < first ? (line % 3 + 1) * 64 * unit : spacing[line % 3];
        if (ct_uniform(w, -1, 1, random) != CT_OK)
            return false;
        for (int p = 0; p < POINTS; p++) {
            const double *base = ct_data(w), *u = base + probe->elements;
            int64_t at = 0;
            for (int j = 0; j < probe->f->inputs; j++)
                for (int64_t i = 0; i < probe->count[j]; i++, at++) {
                    /* Beside x, where a kink at x itself is out of sight. */
                    const double x = ct_check_get(probe->x[j], i), size = x != 0 ? fabs(x) : probe->scale[j];
                    ct_check_set(probe->moved[j], i, x + size * (0x1p-8 * base[at] + space * p * (u[at] < 0 ? u[at] - 0.5 : u[at] + 0.5)));
                }
            if (!ct_probe_value(probe, probe->moved, values + p * probe->rows))
                return false;
            for (int64_t k = 0; k < probe->rows; k++)
                if (isfinite(values[p * probe->rows + k]))
                    probe->magnitude = fmax(probe->magnitude, fabs(values[p * probe->rows + k]));
        }
        for (int64_t k = 0; k < probe->rows; k++) {
            double of_row[POINTS];
            for (int p = 0; p < POINTS; p++)
                of_row[p] = values[p * probe->rows + k];
            const double sigma = spread(of_row);
            if (isfinite(sigma))
                probe->noise[k] = fmax(probe->noise[k], 8 * sigma);
        }
    }
    for (int j = 0; j < probe->f->inputs; j++)
        ct_tensor_assign(probe->moved[j], probe->x[j]);
    ct_tape_drop_since(probe->store, mark);
    return true;
}

/* ---- a line -------------------------------------------------------------------------- */

void ct_probe_move(struct ct_probe *probe, const struct ct_direction *d, double h)
{
    if (d->input >= 0) {
        ct_check_set(probe->moved[d->input], d->element, ct_check_get(probe->x[d->input], d->element) + h);
        return;
    }
    int64_t at = 0;
    for (int j = 0; j < probe->f->inputs; j++)
        for (int64_t i = 0; i < probe->count[j]; i++, at++)
            ct_check_set(probe->moved[j], i, ct_check_get(probe->x[j], i) + h * d->u[at]);
}

bool ct_line_extend(struct ct_line *line)
{
    struct ct_probe *probe = line->probe;
    const struct ct_direction *d = &line->direction;
    if (line->count == CT_STEPS)
        return false;
    const int n = line->count;
    const double h = ldexp(line->first, -n);
    for (int side = 0; side < 2; side++) {
        ct_probe_move(probe, d, side ? -h : h);
        double step = h;
        if (d->input >= 0) /* what was really added */
            step = fabs(ct_check_get(probe->moved[d->input], d->element) - ct_check_get(probe->x[d->input], d->element));
        (side ? line->down : line->up)[n] = step;
        if (!ct_probe_value(probe, probe->moved, (side ? line->minus : line->plus) + n * probe->rows))
            return false;
    }
    ct_probe_move(probe, d, 0);
    line->count++;
    return true;
}

/* What rounding may change in the values at a step: as much as near x, or more where the values are larger. */
static double noise_of(const struct ct_line *line, int64_t row, int step)
{
    const struct ct_probe *probe = line->probe;
    const int64_t at = step * probe->rows + row;
    const double unit = probe->x[0]->dtype == CT_F32 ? FLT_EPSILON : DBL_EPSILON;
    return fmax(probe->noise[row], 4 * unit * fmax(fabs(line->plus[at]), fabs(line->minus[at])));
}

double ct_line_difference(const struct ct_line *line, int64_t row, int step, double *noise)
{
    const int64_t at = step * line->probe->rows + row;
    const double width = line->up[step] + line->down[step];
    *noise = 2 * noise_of(line, row, step) / width;
    return width > 0 ? (line->plus[at] - line->minus[at]) / width : NAN;
}

/* Ridders' table over steps that halve; the truncation's powers are those of `ratio`, and noise[n] is what rounding may change in d[n]. */
static struct ct_estimate extrapolate(int count, const double d[], const double noise[], const double step[], double ratio)
{
    enum { DEPTH = 9 };
    struct ct_estimate best = { NAN, INFINITY, 0 };
    double above[DEPTH], row[DEPTH];
    int depth = 0; /* rows since the last that was not finite */
    for (int n = 0; n < count; n++) {
        if (!isfinite(d[n])) {
            depth = 0;
            continue;
        }
        row[0] = d[n];
        double power = 1, amplified = noise[n];
        for (int j = 1; j <= depth && j < DEPTH; j++) {
            power *= ratio;
            row[j] = row[j - 1] + (row[j - 1] - above[j - 1]) / (power - 1);
            amplified *= (power + 1) / (power - 1);
            /* Where the table converges, the entry above errs by 16 times this one's error, or more. */
            const double change = j < depth ? fabs(row[j] - above[j]) / 4 : 0;
            const double bar = fmax(change, fmax(fabs(row[j] - row[j - 1]), fabs(row[j] - above[j - 1]))) + amplified;
            if (bar < best.bar)
                best = (struct ct_estimate){ row[j], bar, step[n] };
        }
        memcpy(above, row, sizeof row);
        depth++;
    }
    return best;
}

struct ct_estimate ct_line_central(const struct ct_line *line, int64_t row, int from)
{
    double d[CT_STEPS], noise[CT_STEPS];
    for (int n = 0; n < line->count; n++)
        d[n] = ct_line_difference(line, row, n, &noise[n]);
    return extrapolate(line->count - from, d + from, noise + from, line->up + from, 4);
}

struct ct_estimate ct_line_sided(const struct ct_line *line, int64_t row, bool above)
{
    const struct ct_probe *probe = line->probe;
    double d[CT_STEPS], noise[CT_STEPS];
    for (int n = 0; n < line->count; n++) {
        const double h = above ? line->up[n] : line->down[n];
        const double there = (above ? line->plus : line->minus)[n * probe->rows + row];
        d[n] = (above ? there - probe->value[row] : probe->value[row] - there) / h;
        noise[n] = 2 * noise_of(line, row, n) / h;
    }
    return extrapolate(line->count, d, noise, above ? line->up : line->down, 2);
}

bool ct_line_sweep(struct ct_probe *probe, struct ct_direction direction, double shrink, struct ct_line *line)
{
    enum { LEAST = 4 };
    *line = (struct ct_line){ .probe = probe, .direction = direction, .first = 0.125 };
    if (direction.input >= 0) {
        const double size = fmax(fabs(ct_check_get(probe->x[direction.input], direction.element)), probe->scale[direction.input]);
        line->first = ldexp(1, ilogb(size) - 2);
    }
    line->first *= shrink;
    line->plus = ct_probe_array(probe, CT_STEPS * probe->rows);
    line->minus = ct_probe_array(probe, CT_STEPS * probe->rows);
    if (line->plus == NULL || line->minus == NULL)
        return false;
    for (bool narrows = true; narrows && line->count < CT_STEPS;) {
        if (!ct_line_extend(line))
            return false;
        narrows = line->count < LEAST;
        for (int64_t k = 0; k < probe->rows && !narrows; k++) {
            double noise;
            ct_line_difference(line, k, line->count - 1, &noise);
            const double bar = ct_line_central(line, k, 0).bar;
            narrows = !isfinite(bar) || noise < bar;
        }
    }
    return true;
}
