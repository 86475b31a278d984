/* Each way of the direct algorithm by itself, whichever the cost function would take: in integers equal to the reference loops. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../src/ops/conv/conv.h"
#include "../src/ops/vector/vector.h"

static uint32_t state = 99;

static int64_t draw(int64_t least, int64_t most)
{
    state = state * 1664525u + 1013904223u;
    return least + (int64_t)(state >> 8) % (most - least + 1);
}

/* Numbers that no page lies behind, or none before: whoever reads or writes too far is killed, even if he ignores what he read. */
typedef struct numbers {
    float *data;
    char *pages;
    size_t size;
} numbers;

static numbers numbers_new(int64_t count, bool at_end)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (size_t)count * sizeof(float), whole = (bytes + page - 1) / page * page;
    numbers n = { .size = page + whole + page };

    n.pages = mmap(NULL, n.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(n.pages != MAP_FAILED && mprotect(n.pages + page, whole, PROT_READ | PROT_WRITE) == 0);
    n.data = (float *)(n.pages + page + (at_end ? whole - bytes : 0));
    memset(n.data, 0xff, bytes); /* NaN: what is not written shows */
    return n;
}

static void numbers_free(numbers n) { munmap(n.pages, n.size); }

/* Small integers: every product and sum is exact. */
static numbers integers(int64_t count)
{
    const numbers n = numbers_new(count, draw(0, 1));

    for (int64_t i = 0; i < count; i++)
        n.data[i] = (float)draw(-3, 3);
    return n;
}

static bool equal(const float *a, const float *b, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!(a[i] == b[i]))
            return false;
    return true;
}

static int64_t count(int64_t first, int64_t second, const int64_t extent[CT_MAX_SPATIAL])
{
    return first * second * extent[0] * extent[1] * extent[2];
}

/* Few channels on a side or in a group, often more than are staged at a time. */
static ct_conv_form draw_form(void)
{
    ct_conv_form f = { .batch = draw(1, 5), .groups = draw(0, 2) ? 1 : draw(2, 9), .rank = 3 };
    const int64_t few = draw(1, 4), many = draw(1, 21);
    const bool few_in = draw(0, 1);

    f.x_channels = f.groups * (few_in ? few : many), f.y_channels = f.groups * (few_in ? many : few);
    for (int a = 0; a < CT_MAX_SPATIAL; a++) {
        const int64_t larger = a == 0 ? 2 : 5;
        f.k[a] = draw(1, larger), f.stride[a] = draw(1, a == 0 ? 2 : 3), f.dilation[a] = draw(1, a == 0 ? 1 : 2);
        f.padding[a] = draw(0, f.k[a] - 1);
        f.y[a] = draw(1, a == 0 ? 2 : a == 1 ? 7 : 36);
        const int64_t reach = f.dilation[a] * (f.k[a] - 1) + 1;
        f.x[a] = (f.y[a] - 1) * f.stride[a] + reach - 2 * f.padding[a] + draw(0, f.stride[a] - 1);
        if (f.x[a] < 1)
            f.padding[a] = 0, f.x[a] = (f.y[a] - 1) * f.stride[a] + reach;
    }
    return f;
}

static const struct {
    const char *name;
    ct_conv_run *run;
    bool groups; /* only where there are some */
} ways[] = { { "panels", ct_conv_run_panels, false }, { "lanes", ct_conv_run_lanes, true }, { "planes", ct_conv_run_planes, false } };

/* What each map makes, y, x or w, is an operand of the other two. */
struct operands {
    int64_t count[CT_MAPS];
    numbers of[CT_MAPS];
};

static struct operands operands_new(const ct_conv_form *f)
{
    struct operands it = { .count = { [CT_MAP_CONV] = count(f->batch, f->y_channels, f->y),
                                      [CT_MAP_TRANSPOSE] = count(f->batch, f->x_channels, f->x),
                                      [CT_MAP_WEIGHT] = count(f->y_channels, f->x_channels / f->groups, f->k) } };
    for (int map = 0; map < CT_MAPS; map++)
        it.of[map] = integers(it.count[map]);
    return it;
}

static void operands_free(struct operands it)
{
    for (int map = 0; map < CT_MAPS; map++)
        numbers_free(it.of[map]);
}

/* The maps that make its operands, in the order in which it takes them. */
static ct_conv_map first(ct_conv_map map) { return map == CT_MAP_TRANSPOSE ? CT_MAP_CONV : CT_MAP_TRANSPOSE; }

static ct_conv_map second(ct_conv_map map) { return map == CT_MAP_WEIGHT ? CT_MAP_CONV : CT_MAP_WEIGHT; }

static void compare(ct_tape *tape, const ct_conv_form *f, const char *isa)
{
    const struct operands it = operands_new(f);

    for (ct_conv_map map = CT_MAP_CONV; map <= CT_MAP_WEIGHT; map++) {
        const float *a = it.of[first(map)].data, *b = it.of[second(map)].data;
        const numbers expected = numbers_new(it.count[map], true);

        cr_assert(ct_conv_run_reference(tape, f, map, CT_F32, a, b, expected.data), "%s", ct_tape_message(tape));
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            if (ways[i].groups && f->groups == 1)
                continue;
            const numbers got = numbers_new(it.count[map], draw(0, 1));
            cr_assert(ways[i].run(tape, f, map, CT_F32, a, b, got.data), "%s", ct_tape_message(tape));
            cr_assert(equal(got.data, expected.data, it.count[map]),
                      "%s, %s, map %d; batch %lld, groups %lld, channels %lld and %lld, kernel %lldx%lldx%lld, stride %lldx%lldx%lld", isa,
                      ways[i].name, (int)map, (long long)f->batch, (long long)f->groups, (long long)f->x_channels, (long long)f->y_channels,
                      (long long)f->k[0], (long long)f->k[1], (long long)f->k[2], (long long)f->stride[0], (long long)f->stride[1],
                      (long long)f->stride[2]);
            numbers_free(got);
        }
        numbers_free(expected);
    }
    operands_free(it);
}

/* An infinity in what a kernel slides over reaches what sees it, and nothing else. */
static void confine(ct_tape *tape, const ct_conv_form *f, const char *isa)
{
    const struct operands it = operands_new(f);

    for (ct_conv_map map = CT_MAP_CONV; map <= CT_MAP_WEIGHT; map++) {
        float *a = it.of[first(map)].data, *b = it.of[second(map)].data;
        const int64_t place = draw(0, it.count[first(map)] - 1);
        const float was = a[place];
        const numbers expected = numbers_new(it.count[map], true), got = numbers_new(it.count[map], true);

        a[place] = INFINITY;
        cr_assert(ct_conv_run_reference(tape, f, map, CT_F32, a, b, expected.data), "%s", ct_tape_message(tape));
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            if (ways[i].groups && f->groups == 1)
                continue;
            cr_assert(ways[i].run(tape, f, map, CT_F32, a, b, got.data), "%s", ct_tape_message(tape));
            for (int64_t j = 0; j < it.count[map]; j++)
                cr_assert(isfinite(expected.data[j]) ? got.data[j] == expected.data[j] : !isfinite(got.data[j]),
                          "%s, %s, map %d: [%lld] is %g, not %g", isa, ways[i].name, (int)map, (long long)j, (double)got.data[j],
                          (double)expected.data[j]);
        }
        a[place] = was;
        numbers_free(expected), numbers_free(got);
    }
    operands_free(it);
}

static void with_forms(int forms, void (*test)(ct_tape *tape, const ct_conv_form *form, const char *isa))
{
    ct_tape *tape = ct_tape_new();

    for (int i = 0; i < forms; i++) {
        const ct_conv_form f = draw_form();
        for (const ct_vectors *const *v = ct_vectors_built; *v; v++)
            if (ct_vectors_run_here(*v)) {
                ct_vectors_use(*v);
                test(tape, &f, (*v)->name);
            }
    }
    ct_vectors_use(NULL);
    ct_tape_free(tape);
}

Test(conv_ways, equal_the_reference) { with_forms(200, compare); }

Test(conv_ways, confine_infinities) { with_forms(100, confine); }
