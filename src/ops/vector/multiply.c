/* Products of packed matrices: tiles of MR rows by one panel, whose sums stay in registers for one partial sum. */
#include "lanes.h"

/* One tile: adds to, or sets, rows × panel of c. a's rows are a_row apart and its products a_step; one of the two is 1. */
struct tile {
    const float *a, *b;
    int64_t ahead; /* from a to what the next tile reads, which may come from the last-level cache: 64 bytes a step are asked for */
    const int64_t *a_run, *b_run; /* b_run: of an outer product */
    int64_t a_row, a_step, b_step;
    int64_t runs, run, last;
    float *c;
    int64_t c_row;
    bool add;
};

ALWAYS void tile(const struct tile *t, int rows, int vectors, int64_t a_row, int64_t a_step, int64_t b_step, bool outer)
{
    const bool add = t->add; /* all of t is read before c is written, which it might be for all that the compiler knows */
    const int64_t c_row = t->c_row;
    float *c = t->c;
    const float *b = t->b;
    vec sum[MR][NV];

    UNROLL
    for (int i = 0; i < rows; i++)
        UNROLL
        for (int v = 0; v < vectors; v++) {
            sum[i][v] = (vec){ 0 };
            if (!outer)
                __builtin_prefetch(c + i * c_row + v * VL, 1);
        }

    for (int64_t r = 0; r < t->runs; r++) {
        const float *a = t->a + t->a_run[r];
        int64_t steps = r + 1 < t->runs ? t->run : t->last;
        const float *next = a + t->ahead;
        const float *third[(MR + 2) / 3]; /* each third row: the distances of twelve rows do not fit into registers */

        UNROLL
        for (int i = 0; i < rows; i += 3)
            third[i / 3] = a + i * a_row;
        if (outer)
            b = t->b + t->b_run[r];
        for (int64_t k = 0; k < steps; k++, a += a_step, b += b_step) {
            vec right[NV];
            if (!outer)
                __builtin_prefetch(next + k * 16);
            UNROLL
            for (int v = 0; v < vectors; v++)
                right[v] = outer ? (vec)*(const loose *)(b + v * VL) : *(const vec *)(b + v * VL);
            UNROLL
            for (int i = 0; i < rows; i++) {
                float left = outer ? a[i] : third[i / 3][i % 3 * a_row + k];
                UNROLL
                for (int v = 0; v < vectors; v++)
                    sum[i][v] += left * right[v];
            }
        }
    }

    UNROLL
    for (int i = 0; i < rows; i++)
        UNROLL
        for (int v = 0; v < vectors; v++) {
            vec *to = (vec *)(c + i * c_row) + v;
            if (add)
                sum[i][v] += *to;
            *to = sum[i][v];
        }
}

/* A function a row count, so that the sums have registers; `few` for a panel's first vector alone. */
#define TILE(n)                                                                                                                       \
    static void rows##n(const struct tile *t) { tile(t, n <= MR ? n : MR, NV, t->a_row, 1, PANEL, false); }                           \
    static void outer##n(const struct tile *t) { tile(t, n <= MR ? n : MR, NV, 1, t->a_step, t->b_step, true); }                      \
    static void few_rows##n(const struct tile *t) { tile(t, n <= MR ? n : MR, 1, t->a_row, 1, PANEL, false); }                        \
    static void few_outer##n(const struct tile *t) { tile(t, n <= MR ? n : MR, 1, 1, t->a_step, t->b_step, true); }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)

typedef void tile_function(const struct tile *t);
#define BY_ROWS(name)                                                                                                                 \
    { NULL, name##1, name##2, name##3, name##4, name##5, name##6, name##7, name##8, name##9, name##10, name##11, name##12 }
static tile_function *const by_rows[2][13] = { BY_ROWS(rows), BY_ROWS(few_rows) };
static tile_function *const by_outer[2][13] = { BY_ROWS(outer), BY_ROWS(few_outer) };

/* Is one vector of the last panel enough? */
static bool few(int64_t panel, int64_t panels, int64_t valid) { return panel + 1 == panels && valid > 0 && valid <= VL; }

/* Rows are shared out evenly among as few tiles as there can be. */
static int64_t even(int64_t rows) { return rows > 0 ? (rows + (rows + MR - 1) / MR - 1) / ((rows + MR - 1) / MR) : 1; }

void V(ct_multiply)(const ct_product *p)
{
    int64_t most = CT_PARTIAL_SUM / p->run > 0 ? CT_PARTIAL_SUM / p->run : 1, step = even(p->rows);

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
            tile_function *const *tiles = by_rows[few(n, p->panels, p->valid)];
            t.b = p->b + n * p->b_panel + r * p->run * PANEL;
            for (int64_t s = 0; s < p->sets; s++)
                for (int64_t g = 0; g < p->groups; g++)
                    for (int64_t m = 0; m < p->rows; m += step) {
                        t.a = p->a + s * p->a_set + g * p->a_group + m * p->a_row;
                        t.ahead = step * p->a_row;
                        t.c = p->c + n * p->c_panel + s * p->c_set + g * p->c_group + m * p->c_row;
                        tiles[least(step, p->rows - m)](&t);
                    }
        }
    }
}

/* A partial sum of steps [begin, end) of runs [r, r + runs). */
static void outer_part(const ct_outer_product *p, int64_t r, int64_t runs, int64_t begin, int64_t end, bool add)
{
    int64_t step = even(p->rows);
    struct tile t = {
        .a_run = p->a_run + r,
        .b_run = p->b_run + r,
        .a_step = p->a_step,
        .b_step = p->b_step,
        .runs = runs,
        .run = end - begin,
        .last = end - begin,
        .c_row = p->c_row,
        .add = add,
    };

    for (int64_t n = 0; n < p->panels; n++) {
        tile_function *const *tiles = by_outer[few(n, p->panels, p->valid)];
        t.b = p->b + n * p->b_panel + begin * p->b_step;
        for (int64_t m = 0; m < p->rows; m += step) {
            t.a = p->a + begin * p->a_step + m;
            t.c = p->c + n * p->c_panel + m * p->c_row;
            tiles[least(step, p->rows - m)](&t);
        }
    }
}

void V(ct_multiply_outer)(const ct_outer_product *p)
{
    int64_t most = CT_PARTIAL_SUM / p->steps > 0 ? CT_PARTIAL_SUM / p->steps : 1;
    bool add = p->add;

    for (int64_t r = 0; r < p->runs; r += most)
        for (int64_t k = 0; k < p->steps; k += CT_PARTIAL_SUM, add = true)
            outer_part(p, r, least(most, p->runs - r), k, least(k + CT_PARTIAL_SUM, p->steps), add);
}
