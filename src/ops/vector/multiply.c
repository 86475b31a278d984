/* Products of packed matrices: tiles of MR rows by one panel, whose sums stay in registers for one partial sum. */
#include "lanes.h"

/* One tile: adds to, or sets, rows × panel of c. a's rows are a_row apart and its products a_step; one of the two is 1. */
struct tile {
    const float *a;
    const int64_t *a_run;
    int64_t a_row, a_step;
    const float *b;
    int64_t b_step;
    int64_t runs, run, last;
    float *c;
    int64_t c_row;
    bool add;
};

ALWAYS void tile(const struct tile *t, int rows, int64_t a_row, int64_t a_step, int64_t b_step)
{
    vec sum[MR][NV];
    const float *b = t->b;

#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int v = 0; v < NV; v++)
            sum[i][v] = (vec){ 0 };

    for (int64_t r = 0; r < t->runs; r++) {
        const float *a = t->a + t->a_run[r];
        int64_t steps = r + 1 < t->runs ? t->run : t->last;

        for (int64_t k = 0; k < steps; k++, a += a_step, b += b_step) {
            vec right[NV];
#pragma GCC unroll 4
            for (int v = 0; v < NV; v++)
                right[v] = *(const vec *)(b + v * VL);
#pragma GCC unroll 16
            for (int i = 0; i < rows; i++) {
                float left = a[i * a_row];
#pragma GCC unroll 4
                for (int v = 0; v < NV; v++)
                    sum[i][v] += left * right[v];
            }
        }
    }

#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        vec *c = (vec *)(t->c + i * t->c_row);
#pragma GCC unroll 4
        for (int v = 0; v < NV; v++)
            if (t->add)
                c[v] += sum[i][v];
            else
                c[v] = sum[i][v];
    }
}

/* A function a row count, so that the sums have registers. */
#define TILE(n)                                                                                                                 \
    static void rows##n(const struct tile *t) { tile(t, n <= MR ? n : MR, t->a_row, 1, PANEL); }                                \
    static void outer##n(const struct tile *t) { tile(t, n <= MR ? n : MR, 1, t->a_step, t->b_step); }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)

typedef void tile_function(const struct tile *t);
static tile_function *const by_rows[] = { NULL, rows1, rows2, rows3, rows4, rows5, rows6, rows7, rows8, rows9, rows10, rows11, rows12 };
static tile_function *const by_outer[] = { NULL,   outer1, outer2, outer3,  outer4,  outer5, outer6,
                                           outer7, outer8, outer9, outer10, outer11, outer12 };

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

void V(ct_multiply)(const ct_product *p)
{
    int64_t most = CT_PARTIAL_SUM / p->run > 0 ? CT_PARTIAL_SUM / p->run : 1;

    for (int64_t r = 0; r < p->runs; r += most) {
        int64_t runs = least(most, p->runs - r);
        struct tile t = {
            .a_run = p->a_run + r,
            .a_row = p->a_row,
            .runs = runs,
            .run = p->run,
            .last = r + runs < p->runs ? p->run : p->last,
            .c_row = p->c_row,
            .add = p->add || r > 0,
        };
        for (int64_t n = 0; n < p->panels; n++) {
            t.b = p->b + n * p->b_panel + r * p->run * PANEL;
            for (int64_t m = 0; m < p->rows; m += MR) {
                t.a = p->a + m * p->a_row;
                t.c = p->c + n * p->c_panel + m * p->c_row;
                by_rows[least(MR, p->rows - m)](&t);
            }
        }
    }
}

void V(ct_multiply_outer)(const ct_outer_product *p)
{
    static const int64_t none = 0;

    for (int64_t k = 0; k < p->steps; k += CT_PARTIAL_SUM) {
        struct tile t = {
            .a_run = &none,
            .a_step = p->a_step,
            .b_step = p->b_step,
            .runs = 1,
            .last = least(CT_PARTIAL_SUM, p->steps - k),
            .c_row = p->c_row,
            .add = p->add || k > 0,
        };
        for (int64_t n = 0; n < p->panels; n++) {
            t.b = p->b + n * p->b_panel + k * p->b_step;
            for (int64_t m = 0; m < p->rows; m += MR) {
                t.a = p->a + k * p->a_step + m;
                t.c = p->c + n * p->c_panel + m * p->c_row;
                by_outer[least(MR, p->rows - m)](&t);
            }
        }
    }
}
