/* The functions of src/ops/vector against plain loops, with each instruction set that runs here. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "../src/ops/vector/bilinear_tables.h"
#include "../src/ops/vector/vector.h"

static const ct_vectors *v;

enum { ROOM = 1 << 15, MOST_LANES = 16 };
static _Alignas(64) float a[ROOM], b[ROOM], c[ROOM], expected[ROOM];
static uint32_t state = 1;

static int64_t draw(int64_t count)
{
    state = state * 1664525u + 1013904223u;
    return (int64_t)(state >> 8) % count;
}

/* Small integers: sums are exact. */
static void fill(float *to)
{
    for (int i = 0; i < ROOM; i++)
        to[i] = (float)(draw(15) - 7);
}

static void compare(const char *what, double tolerance)
{
    int i = 0;
    while (i < ROOM && fabs((double)c[i] - (double)expected[i]) <= tolerance)
        i++;
    cr_assert(i == ROOM, "%s, %s: [%d] is %g, not %g", v->name, what, i, (double)c[i], (double)expected[i]);
}

static void start(void)
{
    fill(a), fill(b), fill(c);
    memcpy(expected, c, sizeof c);
}

static void gather_and_scatter(void)
{
    for (int round = 0; round < 100; round++) {
        int64_t count = 1 + draw(50), apart = 1 + draw(70), step = v->lanes + draw(9), valid = 1 + draw(v->lanes), place[MOST_LANES];
        int64_t last = (valid - 1) * apart + count;
        const float *end = a + last + draw(30);

        start();
        v->gather(a, end, apart, (int)valid, count, c, step);
        for (int64_t j = 0; j < count; j++)
            for (int l = 0; l < v->lanes; l++)
                expected[j * step + l] = l < valid ? a[l * apart + j] : 0;
        compare("gather", 0);

        start();
        for (int l = 0; l < v->lanes; l++)
            place[l] = draw(1000);
        v->gather_at(a, a + ROOM, place, (int)valid, count, c, step);
        for (int64_t j = 0; j < count; j++)
            for (int l = 0; l < v->lanes; l++)
                expected[j * step + l] = l < valid ? a[place[l] + j] : 0;
        compare("gather_at", 0);

        start();
        apart += count; /* lanes do not overlap */
        v->scatter(a, step, count, c, apart, (int)valid);
        for (int64_t j = 0; j < count; j++)
            for (int l = 0; l < valid; l++)
                expected[l * apart + j] = a[j * step + l];
        compare("scatter", 0);
    }
}

static void products(void)
{
    const int64_t panel = v->panel;

    for (int round = 0; round < 100; round++) {
        int64_t sets = 1 + draw(2), groups = 1 + draw(3), rows = 1 + draw(20), panels = 1 + draw(2), runs = 1 + draw(6), run = 1 + draw(60);
        int64_t last = 1 + draw(run), a_run[6], products = (runs - 1) * run + last;
        bool add = draw(2);

        start();
        for (int64_t r = 0; r < runs; r++)
            a_run[r] = draw(1000);
        v->multiply(&(ct_product){ .sets = sets, .groups = groups, .rows = rows, .panels = panels, .runs = runs, .run = run, .last = last,
                                   .a = a, .a_run = a_run, .a_set = 191, .a_group = 77, .a_row = 13, .b = b, .b_panel = products * panel,
                                   .c = c, .c_panel = 2 * 3 * 20 * panel, .c_set = 3 * 20 * panel, .c_group = 20 * panel, .c_row = panel,
                                   .add = add });
        for (int64_t i = 0; i < sets * groups * rows * panels * panel; i++) {
            int64_t lane = i % panel, row = i / panel % rows, g = i / panel / rows % groups, s = i / panel / rows / groups % sets;
            int64_t n = i / panel / rows / groups / sets;
            float *to = &expected[n * 120 * panel + s * 60 * panel + g * 20 * panel + row * panel + lane], sum = 0;
            for (int64_t k = 0; k < products; k++)
                sum += a[s * 191 + g * 77 + row * 13 + a_run[k / run] + k % run] * b[n * products * panel + k * panel + lane];
            *to = add ? *to + sum : sum;
        }
        compare("multiply", 0);

        start();
        int64_t steps = 1 + draw(200), a_runs[] = { 333, 0, 700 }, b_runs[] = { 500, 37, 0 };
        v->multiply_outer(&(ct_outer_product){ .rows = rows, .panels = panels, .runs = groups, .steps = steps, .a = a, .a_run = a_runs,
                                               .b_run = b_runs, .a_step = 21, .b = b + 1, .b_step = panel + 3, .b_panel = 9000, .c = c,
                                               .c_panel = 20 * panel, .c_row = panel, .add = add });
        for (int64_t i = 0; i < rows * panels * panel; i++) {
            int64_t lane = i % panel, row = i / panel % rows, n = i / panel / rows;
            float *to = &expected[n * 20 * panel + row * panel + lane], sum = 0;
            for (int64_t r = 0; r < groups; r++)
                for (int64_t k = 0; k < steps; k++)
                    sum += a[a_runs[r] + k * 21 + row] * b[1 + n * 9000 + b_runs[r] + k * (panel + 3) + lane];
            *to = add ? *to + sum : sum;
        }
        compare("multiply_outer", 0);
    }
}

static void lane_products(void)
{
    const int64_t lanes = v->lanes;

    for (int round = 0; round < 100; round++) {
        int64_t groups = 1 + draw(3), rows = 1 + draw(20), taps = 1 + draw(20), a_tap[20];
        ct_lane_product p = { .groups = groups, .rows = rows, .taps = taps, .a = a, .a_tap = a_tap, .a_group = 64 * lanes,
                              .a_row = 2 * lanes, .b = b, .c = c, .c_group = 20 * lanes, .c_row = lanes, .add = draw(2) };

        start();
        for (int64_t t = 0; t < taps; t++)
            a_tap[t] = draw(50) * lanes;
        v->multiply_lanes(&p);
        for (int64_t i = 0; i < groups * rows * lanes; i++) {
            int64_t lane = i % lanes, row = i / lanes % rows, g = i / lanes / rows;
            float *to = &expected[(g * 20 + row) * lanes + lane], sum = p.add ? *to : 0;
            for (int64_t t = 0; t < taps; t++)
                sum += a[(g * 64 + row * 2) * lanes + a_tap[t] + lane] * b[t * lanes + lane];
            *to = sum;
        }
        compare("multiply_lanes", 0);

        start();
        p.b = c, p.c = b;
        v->multiply_lanes_outer(&p);
        for (int64_t i = 0; i < taps * lanes; i++) {
            float sum = p.add ? expected[i] : 0;
            for (int64_t g = 0; g < groups; g++)
                for (int64_t row = 0; row < rows; row++)
                    sum += a[(g * 64 + row * 2) * lanes + a_tap[i / lanes] + i % lanes] * b[(g * 20 + row) * lanes + i % lanes];
            expected[i] = sum;
        }
        compare("multiply_lanes_outer", 0);
    }
}

static void plane_products(void)
{
    const int64_t lanes = v->lanes;

    for (int round = 0; round < 100; round++) {
        int64_t groups = 1 + draw(3), outs = 1 + draw(20), vectors = 1 + draw(7), count = draw(150), a_at[150], b_at[150], a_vector[7];
        ct_plane_product p = { .groups = groups, .outs = outs, .vectors = vectors, .count = count, .a = a, .a_at = a_at, .b_at = b_at,
                               .a_vector = a_vector, .a_group = 300, .b = b, .b_out = 160, .c = c, .c_group = 20 * 7 * lanes, .c_out = 7 * lanes };

        start();
        for (int64_t i = 0; i < count; i++)
            a_at[i] = draw(1000), b_at[i] = count - 1 - i;
        for (int64_t i = 0; i < vectors; i++)
            a_vector[i] = draw(200);
        v->multiply_planes(&p);
        for (int64_t i = 0; i < groups * outs * vectors * lanes; i++) {
            int64_t pixel = i % (vectors * lanes), o = i / (vectors * lanes) % outs, g = i / (vectors * lanes) / outs;
            float sum = 0;
            for (int64_t k = 0; k < count; k++)
                sum += a[g * 300 + a_at[k] + a_vector[pixel / lanes] + pixel % lanes] * b[o * 160 + b_at[k]];
            expected[(g * 20 + o) * 7 * lanes + pixel] = sum;
        }
        compare("multiply_planes", 0);

        start();
        int64_t rows = 1 + draw(4), columns = 1 + draw(50);
        for (int64_t i = 0; i < (count = count % 20); i++)
            b_at[i] = count - 1 - i;
        v->sum_planes(&(ct_plane_sums){ .groups = groups, .rows = rows, .columns = columns, .outs = outs, .count = count, .a = a, .a_at = a_at,
                                        .b_at = b_at, .a_group = 300, .a_row = 60, .b = c, .b_out = 20, .c = b,
                                        .c_end = b + (groups - 1) * 900 + (outs - 1) * 20 + (rows - 1) * 55 + columns,
                                        .c_group = 900, .c_out = 20, .c_row = 55 });
        for (int64_t i = 0; i < outs * count * columns; i++) {
            int64_t j = i % columns, k = i / columns % count, o = i / columns / count;
            for (int64_t g = 0; g < groups; g++)
                for (int64_t r = 0; r < rows; r++)
                    expected[(o * 20 + b_at[k]) * lanes + j % lanes] += a[g * 300 + r * 60 + a_at[k] + j] * b[g * 900 + o * 20 + r * 55 + j];
        }
        compare("sum_planes", 0);
    }
}

static void planes(void)
{
    for (int round = 0; round < 300; round++) {
        int64_t rows = 1 + draw(5), columns = 1 + draw(70), step = 1 + draw(3), top = draw(rows + 1), left = draw(columns + 1);
        ct_plane_copy copy = { .data = a, .end = a + 2000, .row = columns * step + draw(9), .step = step, .rows = rows, .columns = columns,
                               .top = top, .bottom = top + draw(rows - top + 1), .left = left, .right = left + draw(columns - left + 1),
                               .ahead = 100, .to = c };
        /* At the very beginning and end of what may be read, too. */
        int64_t first = copy.top * copy.row + copy.left * step, last = (copy.bottom - 1) * copy.row + (copy.right - 1) * step;
        bool none = copy.top == copy.bottom || copy.left == copy.right;
        copy.first = none ? 0 : draw(2) ? -first : 2000 - 1 - last;

        start();
        v->load_plane(&copy);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                expected[i * columns + j] = i >= copy.top && i < copy.bottom && j >= copy.left && j < copy.right
                                                ? a[copy.first + i * copy.row + j * step] : 0;
        memset(expected + rows * columns, 0, (size_t)v->lanes * sizeof *expected);
        memcpy(expected + rows * columns + v->lanes, c + rows * columns + v->lanes, (size_t)v->lanes * sizeof *expected);
        compare("load_plane", 0);

        start();
        int64_t to_row = columns * step + (step > 1 ? draw(9) : 0);
        v->store_rows(&(ct_rows){ .rows = rows, .columns = columns, .from = a, .from_row = columns + 7, .to = c,
                                  .end = c + (rows - 1) * to_row + columns * step, .to_row = to_row, .step = step });
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                expected[i * to_row + j * step] = a[i * (columns + 7) + j];
        compare("store_rows", 0);
    }
}

/* out ← or += matrix · in for 3 groups of 5 lines. */
static void transform(ct_transform *function, const float *matrix, int rows, int columns, bool transposed, bool add)
{
    const int64_t lanes = v->lanes;
    const ct_lines from = { 2 * lanes, 13 * lanes, 70 * lanes }, to = { 3 * lanes, 19 * lanes, 100 * lanes };
    int outputs = transposed ? columns : rows, inputs = transposed ? rows : columns;

    start();
    function(a, from, c, to, 5, 3);
    for (int64_t i = 0; i < 15 * outputs * lanes; i++) {
        int64_t lane = i % lanes, row = i / lanes % outputs, line = i / lanes / outputs % 5, group = i / lanes / outputs / 5;
        float *at = &expected[row * to.step + line * to.line + group * to.group + lane];
        double sum = add ? (double)*at : 0;
        for (int j = 0; j < inputs; j++)
            sum += (double)(transposed ? matrix[j * columns + row] : matrix[row * columns + j]) *
                   (double)a[j * from.step + line * from.line + group * from.group + lane];
        *at = (float)sum;
    }
    compare("transform", 1e-4);
}

static void transforms(void)
{
    int i = 0;
#define EACH(id, m, r)                                                                                                        \
    {                                                                                                                         \
        ct_transform *const *t = v->transforms[i++];                                                                          \
        transform(t[CT_INPUT], &ct_f##id##_b[0][0], m + r - 1, m + r - 1, false, false);                                      \
        transform(t[CT_INPUT_ADJOINT], &ct_f##id##_b[0][0], m + r - 1, m + r - 1, true, true);                                \
        transform(t[CT_KERNEL_SIDE], &ct_f##id##_g[0][0], m + r - 1, r, false, false);                                        \
        transform(t[CT_KERNEL_ADJOINT], &ct_f##id##_g[0][0], m + r - 1, r, true, false);                                      \
        transform(t[CT_OUTPUT], &ct_f##id##_a[0][0], m + r - 1, m, true, false);                                              \
        transform(t[CT_OUTPUT_ADJOINT], &ct_f##id##_a[0][0], m + r - 1, m, false, false);                                     \
    }
    CT_BILINEAR_ALGORITHMS(EACH)
}

static void with_each(void (*test)(void))
{
    for (int i = 0; ct_vectors_built[i]; i++)
        if (v = ct_vectors_built[i], ct_vectors_run_here(v))
            test();
}

Test(vectors, gather_and_scatter) { with_each(gather_and_scatter); }

Test(vectors, products) { with_each(products); }

Test(vectors, lane_products) { with_each(lane_products); }

Test(vectors, plane_products) { with_each(plane_products); }

Test(vectors, planes) { with_each(planes); }

Test(vectors, transforms) { with_each(transforms); }
