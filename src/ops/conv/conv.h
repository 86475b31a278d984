/* The convolution family: rows, geometry and algorithms. Not installed. */
#ifndef CT_OPS_CONV_H
#define CT_OPS_CONV_H

#include "../internal.h"

/* Their attributes are a ct_conv_form. */
extern CT_HIDDEN const ct_op ct_op_conv;           /* (x, w) → y */
extern CT_HIDDEN const ct_op ct_op_conv_transpose; /* (y, w) → x */
extern CT_HIDDEN const ct_op ct_op_conv_weight;    /* (x, y) → w */

/* ---- geometry: form.c ---- */

/* The padding at either end, rules applied, right-aligned on three axes as in the form, and what it is filled with. */
typedef struct ct_conv_window {
    int64_t begin[CT_MAX_SPATIAL], end[CT_MAX_SPATIAL]; /* of the padding */
    ct_padding_mode mode;
} ct_conv_window;

/* Each checks everything and fills the form (and the window), or fails on the tape in the name of `op` and returns false. The
 * shapes are batched. With a padding mode other than zeros the form is that of the padded x, and its padding is 0. */
bool ct_conv_form_from_x(ct_tape *tape, const char *op, int rank, ct_shape x, ct_shape w, const ct_conv_options *options,
                         ct_conv_form *form, ct_conv_window *window);
bool ct_conv_form_from_y(ct_tape *tape, const char *op, int rank, ct_shape y, ct_shape w, const ct_conv_options *options,
                         ct_conv_form *form, ct_conv_window *window);

/* ∏ of a form's extents; form.c has seen that it fits. */
static inline int64_t ct_conv_volume(const int64_t extent[CT_MAX_SPATIAL]) { return extent[0] * extent[1] * extent[2]; }

ct_shape ct_conv_x_shape(const ct_conv_form *form);
ct_shape ct_conv_w_shape(const ct_conv_form *form);
ct_shape ct_conv_y_shape(const ct_conv_form *form);

/* ---- algorithms ---- */

/* Computes one map: out ← the contraction of a and b, which come in the op's order. false after ct_fail. */
typedef bool ct_conv_run(ct_tape *tape, const ct_conv_form *form, ct_conv_map map, ct_dtype dtype, const void *a, const void *b,
                         void *out);

ct_conv_run ct_conv_run_reference; /* reference.c */
ct_conv_run ct_conv_run_columns;   /* columns.c */
bool ct_conv_is_dense(const ct_conv_form *form); /* of one group, a kernel that covers all of x: columns copies none */
ct_conv_run ct_conv_run_bilinear;  /* bilinear.c: in float32; columns where the form has no bilinear algorithm */

ct_conv_run ct_conv_run_direct;    /* choose.c: in float32, in one of three ways; columns where a kernel reaches too far */
bool ct_conv_direct_fits(const ct_conv_form *form, ct_dtype dtype);
ct_conv_run ct_conv_run_panels;    /* direct.c: with many channels, which are the lanes */
ct_conv_run ct_conv_run_lanes;     /* lanes.c: in groups of one channel, or a few; all groups' channels are the lanes */
ct_conv_run ct_conv_run_planes;    /* planes.c: with few channels on a side; pixels are the lanes */

/* The instruction set's functions; NULL after ct_fail when CT_ISA names none. */
const struct ct_vectors *ct_conv_vectors(ct_tape *tape);

/* Multiplications of any of the three maps; a chunk of work for a thread should have at least CT_CONV_GRAIN of them. */
double ct_conv_work(const ct_conv_form *form);
#define CT_CONV_GRAIN 65536.0

#endif
