/* What the parts of the gradient check share. Not installed. */
#ifndef CT_CHECK_GRADCHECK_H
#define CT_CHECK_GRADCHECK_H

#include "numeric.h"

struct ct_checking {
    const ct_gradcheck_options *options;
    ct_gradcheck_report *report;
    struct ct_probe probe;
    ct_random random;
    unsigned linear;              /* of the probe's inputs */
    char name[CT_MAX_INPUTS][32]; /* and their names */
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

/* Counts a finding, and keeps the worst: by verdict, then by |analytic − numeric| in units of `size`. */
void ct_finding_note(struct ct_checking *c, ct_finding finding, double size);

/* A promise broken that is not a number's. */
void ct_finding_accuse(struct ct_checking *c, const char *check, const char *what);

/* verdict.c: the numeric derivative along a line against an analytic one that is known up to `bar`, where derivatives have the given
 * size. */
void ct_decide(struct ct_checking *c, struct ct_line *line, int64_t row, double analytic, double bar, double size, ct_finding *finding);

/* shadow.c: how far roundings may move the derivative along d of the outputs combined by v; d NULL: the combined outputs themselves.
 * By the record; 0 where there is none (a derivative of the next order has no rule). */
double ct_check_rounding(struct ct_checking *c, const struct ct_direction *d, const double *v);

/* The same of a row's derivative (v NULL: of the row itself), after which a disagreement within it is right after all. */
void ct_finding_reconsider(struct ct_checking *c, const struct ct_direction *d, const double *v, int64_t row, ct_finding *finding);

/* shadow.c: values and gradients in float32 against float64. False when f failed. */
bool ct_check_float32(struct ct_checking *c);

#endif
