/* What geometry.c measures and geometry_print.c shows. */
#ifndef GEOMETRY_H
#define GEOMETRY_H

#include "tool.h"

enum { LONGEST_ROW = 32 }; /* positions and sizes that are shown, or tried, one by one */

/* One axis: what the library says about it. */
struct axis {
    int64_t x, y, k, s, begin, end, d, e, remainder; /* begin, end: the padding */
    int64_t inputs, least; /* the sizes least … least + inputs − 1 give y */
    int64_t first_picks;   /* the output_padding that gives `least` back: 0, but where 0 would give no size */
    ct_tensor *overlap;    /* (1, 1, x): how many windows read a position */
    int64_t unread;        /* positions of x that none reads */
    int64_t fewest, most;  /* summands of a position far from the ends */
    bool agrees;           /* the library confirms every line */
};

/* agrees: whether the direct convolution gives the transposed one's numbers; −1: not tried. */
void geometry_print(const struct convolution *conv, const struct axis axis[], bool transposed, int agrees);
json_t *geometry_json(const struct convolution *conv, const struct axis axis[], bool transposed, int agrees);

/* 5x6 */
void print_extents(const int64_t value[], int rank);

#endif
