/* What the parts of the gradient check share. Not installed. */
#ifndef CT_CHECK_GRADCHECK_H
#define CT_CHECK_GRADCHECK_H

#include <math.h>

#include "numeric.h"

struct ct_checking {
    const ct_gradcheck_options *options;
    ct_gradcheck_report *report;
    struct ct_probe probe;
    ct_random random;
    unsigned linear;              /* of the probe's inputs */
    char name[CT_MAX_INPUTS][32]; /* and their names */
    int input[CT_MAX_INPUTS];     /* and which of the function's they are */
    double *fused, *recorded;     /* rows × elements: the analytic Jacobian both ways, */
    double *spread;               /* how much rounding and neighbouring inputs change it, */
    double *largest;              /* and each row's largest magnitude */
    double *rounding;             /* how far a record says that rounding may move each row; −1: not asked yet */
    bool no_forward;              /* an op has no forward derivative */
    int doubts, reconsidered;     /* accusations that were tried again, or held against a rounding bound */
    double worst_ratio;
};

/* A finding without numbers: element and output are named. direction NULL: a value of f. */
ct_finding ct_finding_at(const struct ct_checking *c, const char *check, const struct ct_direction *direction, int64_t row);

/* The place of an element, as the extents of a shape. */
ct_shape ct_check_index(ct_shape shape, int64_t element);

/* "weight[1, 0, 2]", "a direction over all inputs" or "the value". */
void ct_finding_place(const ct_finding *finding, char *text, size_t size);

/* Counts a finding, and keeps the worst: by verdict, then by |analytic − numeric| in units of `size`. */
void ct_finding_note(struct ct_checking *c, ct_finding finding, double size);

/* A promise broken that is not a number's. */
void ct_finding_accuse(struct ct_checking *c, const char *check, const char *what);

/* analytic.c: the Jacobian at x both ways, and its spread when x moves by a few units in the last place. */
bool ct_check_analytic(struct ct_checking *c);

/* result (rows) ← forward mode along a direction. False when f failed; an op without a forward rule is noted instead. */
bool ct_check_forward(struct ct_checking *c, const struct ct_direction *d, double *result);

/* A row of a Jacobian times a direction; what it would be of magnitudes; and the spread of that. */
double ct_check_along(const struct ct_checking *c, const double *jacobian, const struct ct_direction *d, int64_t row, double *size, double *spread);

/* differences.c: all of them against differences. */
bool ct_check_derivatives(struct ct_checking *c);

static inline bool ct_is_whole(double x) { return x == floor(x) && fabs(x) < 0x1p52; }

/* verdict.c: the numeric derivative along a line against an analytic one that is known up to `bar`, where derivatives have the given
 * size. */
void ct_decide(struct ct_checking *c, struct ct_line *line, int64_t row, double analytic, double bar, double size, ct_finding *finding);

/* A right value within a wide bar decides nothing. Where all is zero there is nothing to compare the bar with, but what the function's own
 * values would make of it. */
void ct_finding_require_resolution(const struct ct_checking *c, double size, ct_finding *finding);

/* doubt.c: after this a disagreement within what rounding can do, to the derivative of a row (of the outputs combined by v), is none: right
 * after all, or undecidable where derivatives have a size that such a bar tells nothing of. */
void ct_finding_reconsider(struct ct_checking *c, const struct ct_direction *d, const double *v, int64_t row, double size, ct_finding *finding);

/* What rounding may change in a difference of this step, by the record of f: measured noise does not see the steps of a staircase,
 * as of (x + 10¹²) − 10¹², from one of its treads. Twice, for the extrapolation. */
double ct_check_hidden_noise(struct ct_checking *c, int64_t row, double step);

/* An accusation by differences is held against both bounds, of the analytic value and of f. */
void ct_finding_doubt(struct ct_checking *c, const struct ct_direction *d, int64_t row, double size, ct_finding *finding);

/* shadow.c: values and gradients in float32 against float64. False when f failed. */
bool ct_check_float32(struct ct_checking *c);

#endif
