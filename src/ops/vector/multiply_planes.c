/* Products of planes, whose pixels are the lanes: a weight is one number, for all of them. */
#include "lanes.h"

/* Sums of one tile stay in registers: of `OUTS` channels for each of WIDE vectors of pixels, or WIDE taps. */
#if defined __AVX512F__ || defined __aarch64__
enum { OUTS = 8, WIDE = 3 };
#else
enum { OUTS = 4, WIDE = 3 };
#endif

ALWAYS void tile_of_c(const ct_plane_product *p, int64_t first, int64_t count, const float *a, const int64_t *vector, const float *b,
                      float *c, int outs, int wide)
{
    vec sum[OUTS][WIDE];
    int64_t place[WIDE];

    UNROLL
    for (int v = 0; v < wide; v++) {
        place[v] = vector[v];
        UNROLL
        for (int o = 0; o < outs; o++)
            sum[o][v] = first > 0 ? (vec)*(loose *)(c + o * p->c_out + v * VL) : (vec){ 0 };
    }
    for (int64_t i = first; i < first + count; i++) {
        const float *at = a + p->a_at[i], *factor = b + p->b_at[i];
        vec pixels[WIDE];
        UNROLL
        for (int v = 0; v < wide; v++)
            pixels[v] = *(const loose *)(at + place[v]);
        UNROLL
        for (int o = 0; o < outs; o++) {
            const float weight = factor[o * p->b_out];
            UNROLL
            for (int v = 0; v < wide; v++)
                sum[o][v] += weight * pixels[v];
        }
    }
    UNROLL
    for (int o = 0; o < outs; o++)
        UNROLL
        for (int v = 0; v < wide; v++)
            *(loose *)(c + o * p->c_out + v * VL) = sum[o][v];
}

/* A vector's worth of one row for each tap and channel: all of its lanes, or those of `there`, on both sides: 0 times what lies behind
 * a row would be NaN where that is infinite. */
ALWAYS void add_pixels(vec sum[OUTS][WIDE], const float *pixel, const int64_t at[WIDE], const float *other, int64_t out,
                       whole_numbers there, bool all, int outs, int wide)
{
    vec pixels[WIDE];

    UNROLL
    for (int t = 0; t < wide; t++) {
        pixels[t] = *(const loose *)(pixel + at[t]);
        if (!all)
            pixels[t] = (vec)((whole_numbers)pixels[t] & there);
    }
    UNROLL
    for (int o = 0; o < outs; o++) {
        vec factor = *(const loose *)(other + o * out);
        if (!all)
            factor = (vec)((whole_numbers)factor & there);
        HOLD(factor);
        UNROLL
        for (int t = 0; t < wide; t++)
            sum[o][t] += pixels[t] * factor;
    }
}

ALWAYS void tile_of_b(const ct_plane_sums *p, int64_t first, const float *c, float *b, int outs, int wide)
{
    const int64_t rest = p->columns % VL;
    const whole_numbers lane = LANES, there = lane < (int32_t)rest;
    vec sum[OUTS][WIDE], copy[OUTS] = { 0 };
    int64_t at[WIDE];

    UNROLL
    for (int t = 0; t < wide; t++) {
        at[t] = p->a_at[first + t];
        UNROLL
        for (int o = 0; o < outs; o++)
            sum[o][t] = (vec){ 0 };
    }
    for (int64_t g = 0; g < p->groups; g++)
        for (int64_t r = 0; r < p->rows; r++) {
            const float *pixel = p->a + g * p->a_group + r * p->a_row, *other = c + g * p->c_group + r * p->c_row;
            int64_t j = 0;
            for (; j + VL <= p->columns; j += VL)
                add_pixels(sum, pixel + j, at, other + j, p->c_out, there, true, outs, wide);
            if (rest == 0)
                continue;
            if (p->c_end - (other + j + (outs - 1) * p->c_out) >= VL) {
                add_pixels(sum, pixel + j, at, other + j, p->c_out, there, false, outs, wide);
            } else {
                for (int o = 0; o < outs; o++)
                    memcpy(copy + o, other + j + o * p->c_out, (size_t)rest * sizeof *other);
                add_pixels(sum, pixel + j, at, (const float *)copy, VL, there, false, outs, wide);
            }
        }
    UNROLL
    for (int o = 0; o < outs; o++)
        UNROLL
        for (int t = 0; t < wide; t++)
            *(vec *)(b + (o * p->b_out + p->b_at[first + t]) * VL) += sum[o][t];
}

/* A function for each size of tile, so that the sums have registers. */
typedef void of_c(const ct_plane_product *p, int64_t first, int64_t count, const float *a, const int64_t *vector, const float *b,
                  float *c);
typedef void of_b(const ct_plane_sums *p, int64_t first, const float *c, float *b);
#define TILE(m, n)                                                                                                                    \
    static void of_c_##m##_##n(const ct_plane_product *p, int64_t first, int64_t count, const float *a, const int64_t *vector,        \
                               const float *b, float *c)                                                                              \
    {                                                                                                                                 \
        tile_of_c(p, first, count, a, vector, b, c, m <= OUTS ? m : OUTS, n);                                                         \
    }                                                                                                                                 \
    static void of_b_##m##_##n(const ct_plane_sums *p, int64_t first, const float *c, float *b)                                       \
    {                                                                                                                                 \
        tile_of_b(p, first, c, b, m <= OUTS ? m : OUTS, n);                                                                           \
    }
#define TILES(m) TILE(m, 1) TILE(m, 2) TILE(m, 3)
TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6) TILES(7) TILES(8)

#define OF(what, m) { NULL, what##_##m##_1, what##_##m##_2, what##_##m##_3 }
#define BY_OUTS(what) { { NULL }, OF(what, 1), OF(what, 2), OF(what, 3), OF(what, 4), OF(what, 5), OF(what, 6), OF(what, 7), OF(what, 8) }
static of_c *const tiles_of_c[][WIDE + 1] = BY_OUTS(of_c);
static of_b *const tiles_of_b[][WIDE + 1] = BY_OUTS(of_b);

/* As few tiles as there can be, of about the same size. */
static int64_t even(int64_t count, int64_t size) { return ceil_divide(count, most(ceil_divide(count, size), 1)); }

void V(ct_multiply_planes)(const ct_plane_product *p)
{
    const int64_t outs = even(p->outs, OUTS), wide = even(p->vectors, WIDE);

    for (int64_t g = 0; g < p->groups; g++)
        for (int64_t v = 0; v < p->vectors; v += wide)
            for (int64_t first = 0; first == 0 || first < p->count; first += CT_PARTIAL_SUM)
                for (int64_t o = 0; o < p->outs; o += outs)
                    tiles_of_c[least(outs, p->outs - o)][least(wide, p->vectors - v)](
                        p, first, least(CT_PARTIAL_SUM, p->count - first), p->a + g * p->a_group, p->a_vector + v, p->b + o * p->b_out,
                        p->c + g * p->c_group + o * p->c_out + v * VL);
}

void V(ct_sum_planes)(const ct_plane_sums *p)
{
    const int64_t outs = even(p->outs, OUTS), wide = even(p->count, WIDE);

    for (int64_t first = 0; first < p->count; first += wide)
        for (int64_t o = 0; o < p->outs; o += outs)
            tiles_of_b[least(outs, p->outs - o)][least(wide, p->count - first)](p, first, p->c + o * p->c_out,
                                                                                p->b + o * p->b_out * VL);
}
