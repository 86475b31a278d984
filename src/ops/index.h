/* Index maps: y[i] = x[m(i)], one map an axis, and the adjoint x[m(i)] += y[i]. Slices, flips, every padding and nearest
 * upsampling are maps of this kind. */
#ifndef CT_OPS_INDEX_H
#define CT_OPS_INDEX_H

#include "internal.h"

enum ct_map_mode {
    CT_MAP_ZEROS = CT_ZEROS, /* outside the source: no value, so 0 */
    CT_MAP_REFLECT = CT_REFLECT,
    CT_MAP_REPLICATE = CT_REPLICATE,
    CT_MAP_CIRCULAR = CT_CIRCULAR,
    CT_MAP_NEAREST /* ⌊i · source / extent⌋; start and step are not read */
};

/* Position i of `extent` comes from start + i · step of `source`, brought inside by the mode. */
struct ct_axis_map {
    int64_t source, extent, start, step;
    enum ct_map_mode mode;
};

/* The map that changes nothing. */
static inline struct ct_axis_map ct_axis_same(int64_t extent)
{
    return (struct ct_axis_map){ extent, extent, 0, 1, CT_MAP_ZEROS };
}

/* One map an axis of x: x has the sources' extents (the adjoint: the extents), the result the others. */
ct_tensor *ct_index_map(ct_tape *tape, ct_tensor *x, const struct ct_axis_map map[]);
ct_tensor *ct_index_map_adjoint(ct_tape *tape, ct_tensor *x, const struct ct_axis_map map[]);

extern CT_HIDDEN const ct_op ct_op_index, ct_op_index_adjoint;

#endif
