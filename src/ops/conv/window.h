/* A rectangle of an image, which may reach over its edges, as vectors of channels. */
#ifndef CT_OPS_CONV_WINDOW_H
#define CT_OPS_CONV_WINDOW_H

#include "../vector/vector.h"

/* Height and width, of the form's three axes. */
enum { HEIGHT, WIDTH, AXES };

typedef struct ct_window {
    const int64_t *extent;       /* of a plane */
    int64_t first;               /* of the first channel's plane, as an offset into the tensor */
    int64_t apart, valid;        /* floats between channels; how many there are, at most the lanes */
    const int64_t *places;       /* to load from channels that are not evenly apart; or NULL */
    int64_t row, column, rows, columns;
    int64_t skip;                /* rows of the image that are left out after each */
    float *stage;                /* [row · pitch + column · step + lane] */
    int64_t pitch, step;
    float *dense;                /* room for rows · columns vectors, or NULL */
} ct_window;

/* Fills the stage; zero outside the plane. */
void ct_window_load(const ct_vectors *v, const ct_window *w, const float *data, const float *end);
/* Asks memory for the lines of one of `parts` even parts of the channels, to be loaded or stored soon. */
void ct_window_prefetch(const ct_window *w, const float *data, int64_t part, int64_t parts);
/* Writes the part of the stage that lies inside the plane. */
void ct_window_store(const ct_vectors *v, const ct_window *w, float *data);

#endif
