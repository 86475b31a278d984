/* The table of one instruction set. */
#include "lanes.h"

#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)

extern CT_HIDDEN const ct_vectors V(ct_vectors);

const ct_vectors V(ct_vectors) = {
    .name = CT_VARIANT_NAME,
    .lanes = VL,
    .panel = PANEL,
    .rows = MR,
    .gather = V(ct_gather),
    .scatter = V(ct_scatter),
    .transforms = V(ct_transforms),
    .multiply = V(ct_multiply),
    .multiply_outer = V(ct_multiply_outer),
};
