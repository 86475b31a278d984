/* Strips: how the direct algorithms cut a map's positions, which are outputs, or inputs phase by phase, and what a strip stages. */
#ifndef CT_OPS_CONV_STRIP_H
#define CT_OPS_CONV_STRIP_H

#include "conv.h"

enum { CT_MOST_TAPS = 64 /* of an axis */ };

typedef struct ct_cut {
    int64_t extent[3];            /* positions */
    int64_t stride[3], reach[3];  /* of the stage: pixels a position; pixels more than the positions need */
    int64_t planes, channels;     /* of the stage; numbers a pixel */
    int64_t high, wide;           /* of a strip */
    int64_t down, across, strips; /* strips of an image's plane */
    int64_t pitch, plane, floats; /* of the stage, a row's with room for `slack` more */
} ct_cut;

/* Strips of at most about so many floats of stage, and positions. The positions of x (to_x) along height and width are whole strides of
 * the padded image; those of its depth are planes. */
ct_cut ct_cut_make(const ct_conv_form *form, bool to_x, int64_t channels, int64_t slack, int64_t floats, int64_t positions);

/* Those of planes.c, and whether a strip's rows of the target are whole vectors, one behind the other. */
ct_cut ct_planes_cut(const ct_conv_form *form, ct_conv_map map);
bool ct_planes_whole_rows(const ct_conv_form *form, ct_conv_map map, const ct_cut *cut, int64_t lanes);

typedef struct ct_strip {
    int64_t image, depth, row, column, high, wide;
} ct_strip;

/* Number image · extent[0] · strips + … */
ct_strip ct_strip_at(const ct_cut *cut, int64_t number);

/* Taps of an axis that a phase of x sees, in falling order; each looks `back` positions back in y. */
int64_t ct_taps_of(const ct_conv_form *form, int axis, int64_t phase, int64_t taps[CT_MOST_TAPS], int64_t back[CT_MOST_TAPS]);
/* Taps of all phases before this one, in the order of phases. */
int64_t ct_taps_before(const ct_conv_form *form, const int64_t phase[3]);

#endif
