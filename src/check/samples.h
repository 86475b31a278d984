/* A catalogue of calls: for every row of the op table, functions of it at inputs where it is smooth. Walked by the tests and by
 * `cotangent check`. Not installed. */
#ifndef CT_CHECK_SAMPLES_H
#define CT_CHECK_SAMPLES_H

#include "check.h"

/* Where an input's values lie. */
typedef enum ct_domain {
    CT_DOMAIN_REAL,     /* normal, mean 0, deviation 1 */
    CT_DOMAIN_POSITIVE, /* 0.5 … 2 */
    CT_DOMAIN_UNIT,     /* 0.1 … 0.9 */
    CT_DOMAIN_APART,    /* around odd multiples of 0.15: at least 0.2 apart, 0.1 from 0 and ±0.9; for ops with kinks */
    CT_DOMAIN_BETWEEN,  /* around multiples of 0.3: 0.05 from the above */
    CT_DOMAIN_CLASS     /* whole numbers 0 … 2 */
} ct_domain;

enum { CT_SAMPLE_INPUTS = 5 };

typedef struct ct_sample {
    const char *name; /* "conv2d stride 2": the function first */
    const ct_op *op;  /* the row it is there for; its record may hold others too */
    ct_tensor *(*apply)(ct_tape *tape, ct_tensor *const in[], void *context);
    const void *context;
    unsigned linear;   /* 1 << j: affine in input j, the others fixed */
    unsigned constant; /* 1 << j: input j is not differentiated */
    int inputs;
    struct {
        ct_shape shape;
        ct_domain domain;
    } in[CT_SAMPLE_INPUTS];
    bool draws; /* random numbers, of which float32 and float64 draw different ones */
} ct_sample;

extern CT_HIDDEN const ct_sample ct_samples[];
extern CT_HIDDEN const int ct_sample_count;

ct_function ct_sample_function(const ct_sample *sample);

/* in[0 … inputs) ← new tensors, the caller's, that depend on the seed alone. `whole`: reals are whole numbers −4 … 4. False when memory
 * is out. */
bool ct_sample_inputs(const ct_sample *sample, ct_dtype dtype, bool whole, uint64_t seed, ct_tensor *in[]);

/* Affine in every input that is differentiated: with whole inputs, differences with step 1 are exact. */
static inline bool ct_sample_multilinear(const ct_sample *sample)
{
    return (sample->linear | sample->constant) == (1u << sample->inputs) - 1;
}

#endif
