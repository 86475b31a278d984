/* The table of one instruction set. */
#include "lanes.h"

extern CT_HIDDEN const ct_vectors V(ct_vectors);

const ct_vectors V(ct_vectors) = {
    .name = CT_VARIANT_NAME,
    .lanes = VL,
    .panel = PANEL,
    .rows = MR,
    .gather = V(ct_gather),
    .gather_at = V(ct_gather_at),
    .scatter = V(ct_scatter),
    .transforms = V(ct_transforms),
    .multiply = V(ct_multiply),
    .multiply_outer = V(ct_multiply_outer),
    .multiply_lanes = V(ct_multiply_lanes),
    .multiply_lanes_outer = V(ct_multiply_lanes_outer),
    .multiply_planes = V(ct_multiply_planes),
    .sum_planes = V(ct_sum_planes),
    .load_plane = V(ct_load_plane),
    .store_rows = V(ct_store_rows),
};
