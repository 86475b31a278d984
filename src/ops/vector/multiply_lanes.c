/* Products lane by lane: what a group of one channel has in place of a matrix product. */
#include "lanes.h"

enum { BLOCK = 8 }; /* sums at a time */

/* `count` sums along a row of c. */
ALWAYS void rows_of_c(const ct_lane_product *p, const float *a, float *c, int count)
{
    vec sum[BLOCK];

    UNROLL
    for (int i = 0; i < count; i++)
        sum[i] = p->add ? *(vec *)(c + i * p->c_row) : (vec){ 0 };
    for (int64_t t = 0; t < p->taps; t++) {
        const float *at = a + p->a_tap[t];
        vec b = *(const vec *)(p->b + t * VL);
        UNROLL
        for (int i = 0; i < count; i++)
            sum[i] += *(const vec *)(at + i * p->a_row) * b;
    }
    UNROLL
    for (int i = 0; i < count; i++)
        *(vec *)(c + i * p->c_row) = sum[i];
}

void V(ct_multiply_lanes)(const ct_lane_product *p)
{
    for (int64_t g = 0; g < p->groups; g++) {
        const float *a = p->a + g * p->a_group;
        float *c = p->c + g * p->c_group;
        int64_t i = 0;
        for (; i + BLOCK <= p->rows; i += BLOCK)
            rows_of_c(p, a + i * p->a_row, c + i * p->c_row, BLOCK);
        for (; i + 2 <= p->rows; i += 2)
            rows_of_c(p, a + i * p->a_row, c + i * p->c_row, 2);
        for (; i < p->rows; i++)
            rows_of_c(p, a + i * p->a_row, c + i * p->c_row, 1);
    }
}

/* The sums of `count` taps over one row of c. */
ALWAYS void taps_of_b(const ct_lane_product *p, const float *a, const float *c, int64_t tap, int count, bool add)
{
    vec sum[BLOCK];
    const float *at[BLOCK];

    UNROLL
    for (int t = 0; t < count; t++)
        sum[t] = (vec){ 0 }, at[t] = a + p->a_tap[tap + t];
    for (int64_t i = 0; i < p->rows; i++, c += p->c_row) {
        vec factor = *(const vec *)c;
        UNROLL
        for (int t = 0; t < count; t++)
            sum[t] += *(const vec *)(at[t] + i * p->a_row) * factor;
    }
    UNROLL
    for (int t = 0; t < count; t++) {
        vec *b = (vec *)(p->b + (tap + t) * VL);
        if (add)
            *b += sum[t];
        else
            *b = sum[t];
    }
}

void V(ct_multiply_lanes_outer)(const ct_lane_product *p)
{
    for (int64_t g = 0; g < p->groups; g++) {
        const float *a = p->a + g * p->a_group, *c = p->c + g * p->c_group;
        bool add = p->add || g > 0;
        int64_t t = 0;
        for (; t + BLOCK <= p->taps; t += BLOCK)
            taps_of_b(p, a, c, t, BLOCK, add);
        for (; t + 3 <= p->taps; t += 3)
            taps_of_b(p, a, c, t, 3, add);
        for (; t < p->taps; t++)
            taps_of_b(p, a, c, t, 1, add);
    }
}
