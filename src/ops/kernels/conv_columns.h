/* Columns and their matrix products, for conv/columns.c. */
#ifndef CT_KERNELS_CONV_COLUMNS_H
#define CT_KERNELS_CONV_COLUMNS_H

#include <cotangent/conv.h>

#include "kernels.h"

/* One piece of a map: channels [channel, channel + channels) of one group's x (counted in the group), against all of the group's
 * output channels, at output positions cut into tiles. */
typedef struct ct_columns_piece {
    int64_t image, group;
    int64_t channel, channels;
    int64_t begin, end; /* output positions */
    int64_t tile;
    bool add;           /* to what is in w */
} ct_columns_piece;

/* scratch holds channels · taps · tile numbers. y: the piece has all channels, and the positions are its own. x: the piece's
 * channels are set to zero first, and the positions are all. w: sets or adds to w, which is (O, C/groups, k…). */
CT_KERNEL(void, ct_k_columns_y, const ct_conv_form *form, const ct_columns_piece *piece, const void *x, const void *w, void *y,
          void *scratch);
CT_KERNEL(void, ct_k_columns_x, const ct_conv_form *form, const ct_columns_piece *piece, const void *y, const void *w, void *x,
          void *scratch);
CT_KERNEL(void, ct_k_columns_w, const ct_conv_form *form, const ct_columns_piece *piece, const void *x, const void *y, void *w,
          void *scratch);

/* A kernel that covers all of x makes w a matrix (O, J) between x (N, J) and y (N, O), J = C · taps: y = x wᵀ, x = y w, w = yᵀ x. Computes
 * columns [begin, end) of what a and b, in the op's order, give. One group. */
CT_KERNEL(void, ct_k_dense, const ct_conv_form *form, ct_conv_map map, const void *a, const void *b, void *out, int64_t begin,
          int64_t end);

/* out[i] ← Σ over p of partial[p · count + i], in order, in float64, for i in [begin, end). */
CT_KERNEL(void, ct_k_columns_sum, const void *partial, int64_t partials, int64_t count, void *out, int64_t begin, int64_t end);

#endif
