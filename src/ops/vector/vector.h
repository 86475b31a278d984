/* What the convolutions' fast algorithms are made of, in float32: one table of functions an instruction set. The files of this folder
 * are written once in vector extensions, compiled once an instruction set, and chosen when the program runs.
 *
 * A lane is a channel. Data is kept as vectors of `lanes` neighbouring channels, and two or more vectors make a panel, which is
 * as wide as a tile of the product. Padding and ragged edges are then the same for all lanes. */
#ifndef CT_OPS_VECTOR_H
#define CT_OPS_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "../../tensor/internal.h"

/* Sums of products are cut into partial sums of at most this many, which makes the rounding error two to four times less. */
#define CT_PARTIAL_SUM 128

/* Where lines of vectors lie: elements of a line, lines of a group and groups are so many floats apart. */
typedef struct ct_lines {
    int64_t step, line, group;
} ct_lines;

/* One-dimensional transform of each of lines · groups lines: out ← matrix · in, or out ← out + matrix · in. */
typedef void ct_transform(const float *in, ct_lines from, float *out, ct_lines to, int64_t lines, int64_t groups);

/* The six of a bilinear algorithm F(m, r), α = m + r − 1; bilinear_tables.h has the matrices. */
enum { CT_INPUT, CT_INPUT_ADJOINT, CT_KERNEL_SIDE, CT_KERNEL_ADJOINT, CT_OUTPUT, CT_OUTPUT_ADJOINT, CT_TRANSFORMS };

/* c[i, j] ← or += Σ_k a[i, k] b[k, j]. Rows come in groups, and these in sets; columns in panels; products in runs of `run`, the last one of
 * `last`. */
typedef struct ct_product {
    int64_t sets, groups, rows, panels;
    int64_t valid;           /* lanes of the last panel that are asked for, the others may stay what they are; 0: all */
    int64_t runs, run, last;
    const float *a;
    const int64_t *a_run;    /* where each run begins in a */
    int64_t a_set, a_group, a_row; /* apart; within a run the products are neighbours */
    const float *b;
    int64_t b_panel;         /* panels apart; a row of a panel follows the other, run after run */
    float *c;
    int64_t c_panel, c_set, c_group, c_row;
    bool add;
} ct_product;

/* c[i, j] ← or += Σ_t a[t, i] b[t, j]: t in runs of `steps`; the rows of a and b are `a_step`, `b_step` apart in a run. */
typedef struct ct_outer_product {
    int64_t rows, panels, runs, steps;
    int64_t valid;          /* as above */
    const float *a;
    const int64_t *a_run, *b_run; /* where each run begins */
    int64_t a_step;
    const float *b;
    int64_t b_step, b_panel; /* b need not be aligned */
    float *c;
    int64_t c_panel, c_row;
    bool add;
} ct_outer_product;

/* Lane by lane: c[g, i] ← or += Σ_t a[g, i, t] b[t], where a[g, i, t] is the vector at a + g · a_group + i · a_row + a_tap[t], c[g, i] at
 * c + g · c_group + i · c_row, and b[t] follows b[t − 1]. The other way round c is given, and b[t] ← or += Σ_{g, i} a[g, i, t] c[g, i]. */
typedef struct ct_lane_product {
    int64_t groups, rows, taps;
    const float *a;
    const int64_t *a_tap;
    int64_t a_group, a_row;
    float *b, *c;
    int64_t c_group, c_row;
    bool add;
} ct_lane_product;

/* Pixels are the lanes: c[g, o, p] ← Σ_i a[g, i, p] b[o, i] for p < vectors · lanes, where a[g, i, p] is at
 * a + g · a_group + a_at[i] + a_vector[p / lanes] + p % lanes, b[o, i] at b + o · b_out + b_at[i], c[g, o, p] at
 * c + g · c_group + o · c_out + p. Neither a nor c need be aligned. */
typedef struct ct_plane_product {
    int64_t groups, outs, vectors, count;
    const float *a;
    const int64_t *a_at, *a_vector, *b_at;
    int64_t a_group;
    float *b;
    int64_t b_out;
    float *c;
    int64_t c_group, c_out;
} ct_plane_product;

/* The other way round: b[o, i] ← b[o, i] + Σ_{g, r, j} a[g, r, i, j] c[g, o, r, j] for j < columns, where a[g, r, i, j] is at
 * a + g · a_group + r · a_row + a_at[i] + j, c[g, o, r, j] at c + g · c_group + o · c_out + r · c_row + j. b[o, i] is a vector of sums, one
 * of each lane's pixels, at b + (o · b_out + b_at[i]) · lanes. Nothing of c is read at or behind c_end; of a, a vector behind a row is. */
typedef struct ct_plane_sums {
    int64_t groups, rows, columns, outs, count;
    const float *a;
    const int64_t *a_at, *b_at;
    int64_t a_group, a_row;
    float *b;
    int64_t b_out;
    const float *c, *c_end;
    int64_t c_group, c_out, c_row;
} ct_plane_sums;

/* A plane with what lies around it: to[i · columns + j] ← data[first + i · row + j · step] for top ≤ i < bottom, left ≤ j < right, and 0 for
 * all else, i < rows, j < columns, and for a vector behind it; up to two are written. Nothing is read outside [data, end). */
typedef struct ct_plane_copy {
    const float *data, *end;
    int64_t first, row, step;
    int64_t rows, columns, top, bottom, left, right;
    int64_t ahead; /* what lies so far behind is asked for: it will be read next */
    float *to;
} ct_plane_copy;

/* to[i · to_row + j · step] ← from[i · from_row + j], i < rows, j < columns. Rows come in order; where step is 1, up to a vector behind one
 * may be written, too, if that lies before `end`, and is read. */
typedef struct ct_rows {
    int64_t rows, columns;
    const float *from;
    int64_t from_row;
    float *to;
    const float *end;
    int64_t to_row, step, ahead;
} ct_rows;

typedef struct ct_vectors ct_vectors;
struct ct_vectors {
    const char *name;   /* of the instruction set, as CT_ISA has it */
    int lanes, panel;   /* floats of a vector; of a panel */
    int rows;           /* of a tile of the product; a multiple of it is best */

    /* to[j · step + lane] ← from[lane · apart + j] for j < count in order, 0 where lane ≥ valid. Nothing is read at or behind `end`. */
    void (*gather)(const float *from, const float *end, int64_t apart, int valid, int64_t count, float *to, int64_t step);
    /* The same with lane l at from[place[l]]. */
    void (*gather_at)(const float *from, const float *end, const int64_t *place, int valid, int64_t count, float *to, int64_t step);
    /* gather's adjoint, for lane < valid: to[lane · apart + j] ← from[j · step + lane]. */
    void (*scatter)(const float *from, int64_t step, int64_t count, float *to, int64_t apart, int valid);
    ct_transform *const (*transforms)[CT_TRANSFORMS]; /* [algorithm][which] */
    void (*multiply)(const ct_product *product);
    void (*multiply_outer)(const ct_outer_product *product);
    void (*multiply_lanes)(const ct_lane_product *product);
    void (*multiply_lanes_outer)(const ct_lane_product *product);
    void (*multiply_planes)(const ct_plane_product *product);
    void (*sum_planes)(const ct_plane_sums *sums);
    void (*load_plane)(const ct_plane_copy *copy);
    void (*store_rows)(const ct_rows *rows);
};

/* The instruction sets of this build, best first, NULL at the end, and whether this machine can run one. */
extern CT_HIDDEN const ct_vectors *const ct_vectors_built[];
bool ct_vectors_run_here(const ct_vectors *vectors);

/* The environment's CT_ISA, or the best that this machine can run; NULL when CT_ISA names none that is built and runs here, and then
 * `names` has those that do. */
const ct_vectors *ct_vectors_choose(char *names, size_t size);
/* From now on, for tests; NULL: the environment's again. */
void ct_vectors_use(const ct_vectors *vectors);

#endif
