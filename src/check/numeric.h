/* Numeric derivatives with error bars. Not installed. */
#ifndef CT_CHECK_NUMERIC_H
#define CT_CHECK_NUMERIC_H

#include "check.h"

enum { CT_STEPS = 44 };

/* A function at a point, seen through `rows` numbers: its outputs, or random combinations of them where there are many. Arrays are tensors
 * of `store`, whose failure is the probe's; `tape` is reset before each evaluation. */
struct ct_probe {
    const ct_function *f;
    ct_tape *tape, *store;
    ct_tensor *x[CT_MAX_INPUTS];     /* the point, and a copy that is moved */
    ct_tensor *moved[CT_MAX_INPUTS];
    double scale[CT_MAX_INPUTS];     /* an input's root mean square, or 1 */
    int64_t count[CT_MAX_INPUTS], elements, outputs;
    ct_shape shape;
    int64_t rows;
    double *combination;             /* rows × outputs, or NULL: the outputs themselves */
    double *value, *noise;           /* at x: the rows, and what rounding may change in them */
    double magnitude;                /* of the largest row near x */
    int64_t evaluations;
};

/* The point and the working copy; evaluates f there. False when it fails. */
bool ct_probe_open(struct ct_probe *probe, const ct_function *f, ct_tensor *const in[], ct_dtype dtype, int64_t most_rows, ct_random *random);
void ct_probe_close(struct ct_probe *probe);

/* count doubles, zeroed, that live until the store is dropped. */
double *ct_probe_array(struct ct_probe *probe, int64_t count);

/* row[0 … rows) ← f at `x`. */
bool ct_probe_value(struct ct_probe *probe, ct_tensor *const x[], double *row);

/* Measures the noise of f near x (Hamming's difference table; Moré and Wild, "Estimating computational noise", SIAM J. Sci. Comput.
 * 33, 2011). */
bool ct_probe_noise(struct ct_probe *probe, ct_random *random);

/* A direction: element i of input j, or (j < 0) u, one number an element of all inputs. */
struct ct_direction {
    int input;
    int64_t element;
    const double *u;
};

/* f along a direction: values at x ± h for a falling sequence of steps, and what they say. */
struct ct_line {
    struct ct_probe *probe;
    struct ct_direction direction;
    int count;
    double first, up[CT_STEPS], down[CT_STEPS]; /* steps as they came out in the inputs' precision */
    double *plus, *minus;                       /* CT_STEPS × rows */
};

struct ct_estimate {
    double value, bar, step; /* bar: infinite when no step was usable */
};

/* Sweeps until smaller steps cannot narrow any bar. The first step is a quarter of x's size, times shrink. */
bool ct_line_sweep(struct ct_probe *probe, struct ct_direction direction, double shrink, struct ct_line *line);

/* One more, smaller step; false at the last or on failure. */
bool ct_line_extend(struct ct_line *line);

/* By the steps from number `from` on: 0, or beyond those that a kink nearby misleads. */
struct ct_estimate ct_line_central(const struct ct_line *line, int64_t row, int from);
struct ct_estimate ct_line_sided(const struct ct_line *line, int64_t row, bool above);

/* The central difference of one step, and the noise in it. */
double ct_line_difference(const struct ct_line *line, int64_t row, int step, double *noise);

/* x + h along the direction into the probe's moved copy; back to x with h = 0. */
void ct_probe_move(struct ct_probe *probe, const struct ct_direction *direction, double h);

#endif
