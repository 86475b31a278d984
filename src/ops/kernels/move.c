#include "move.h"
#include "../../tensor/whole.h"

#include <string.h>

#include "real.h"

/* ---- index maps ---- */

struct index_job {
    const struct ct_index_plan *plan;
    const real *from;
    real *to;
};

static void pull(const struct ct_index_plan *plan, int axis, const real *x, real *y);
static void push(const struct ct_index_plan *plan, int axis, const real *y, real *x);

static bool of_single_values(const struct ct_index_plan *plan, int axis) { return axis + 1 == plan->axes && plan->block == 1; }

static void add(const real *restrict y, real *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] += y[i];
}

/* Calling memcpy would take longer than copying a short row. The last line may be copied in part twice. */
static void copy(const real *restrict x, real *restrict y, int64_t n)
{
    enum { LINE = 64 / sizeof(real), MANY = 64 * LINE };
    if (n < LINE || n > MANY)
        memcpy(y, x, (size_t)n * sizeof(real));
    else
        for (int64_t i = 0; i < n; i += LINE) {
            const int64_t at = least(i, n - LINE);
            memcpy(y + at, x + at, 64);
        }
}

/* The run of the last axis, all at once. */
static void pull_run(const struct ct_index_plan *plan, const real *restrict x, real *restrict y)
{
    const int64_t begin = plan->run.begin, count = (plan->run.end - begin) * plan->block;
    if (count == 0)
        return;
    x += plan->offset[plan->axes - 1][begin], y += begin * plan->block;
    if (plan->run.step > 0)
        copy(x, y, count);
    else
        for (int64_t i = 0; i < count; i++)
            y[i] = x[-i];
}

static void push_run(const struct ct_index_plan *plan, const real *restrict y, real *restrict x)
{
    const int64_t begin = plan->run.begin, count = (plan->run.end - begin) * plan->block;
    if (count == 0)
        return;
    x += plan->offset[plan->axes - 1][begin], y += begin * plan->block;
    if (plan->run.step > 0)
        add(y, x, count);
    else
        for (int64_t i = 0; i < count; i++)
            x[-i] += y[i];
}

/* Entries [begin, end) of an axis, one by one. */
static void pull_each(const struct ct_index_plan *plan, int axis, int64_t begin, int64_t end, const real *x, real *y)
{
    const int64_t *offset = plan->offset[axis], stride = plan->stride[axis];
    if (of_single_values(plan, axis)) {
        for (int64_t i = begin; i < end; i++)
            y[i] = offset[i] < 0 ? 0 : x[offset[i]];
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        if (offset[i] < 0)
            memset(y + i * stride, 0, (size_t)stride * sizeof(real));
        else
            pull(plan, axis + 1, x + offset[i], y + i * stride);
    }
}

static void push_each(const struct ct_index_plan *plan, int axis, int64_t begin, int64_t end, const real *y, real *x)
{
    const int64_t *offset = plan->offset[axis], stride = plan->stride[axis];
    const bool single = of_single_values(plan, axis);
    for (int64_t i = begin; i < end; i++) {
        if (offset[i] >= 0 && single)
            x[offset[i]] += y[i];
        else if (offset[i] >= 0)
            push(plan, axis + 1, y + i * stride, x + offset[i]);
    }
}

static void pull(const struct ct_index_plan *plan, int axis, const real *x, real *y)
{
    if (axis == plan->axes) {
        copy(x, y, plan->block);
        return;
    }
    if (axis + 1 < plan->axes) {
        pull_each(plan, axis, 0, plan->length[axis], x, y);
        return;
    }
    if (plan->run.alone) {
        const int64_t before = plan->run.begin * plan->stride[axis], to = plan->run.end * plan->stride[axis];
        memset(y, 0, (size_t)before * sizeof(real));
        memset(y + to, 0, (size_t)(plan->length[axis] * plan->stride[axis] - to) * sizeof(real));
        pull_run(plan, x, y);
        return;
    }
    pull_each(plan, axis, 0, plan->run.begin, x, y);
    pull_run(plan, x, y);
    pull_each(plan, axis, plan->run.end, plan->length[axis], x, y);
}

static void push(const struct ct_index_plan *plan, int axis, const real *y, real *x)
{
    if (axis == plan->axes) {
        add(y, x, plan->block);
        return;
    }
    if (axis + 1 < plan->axes) {
        push_each(plan, axis, 0, plan->length[axis], y, x);
        return;
    }
    push_each(plan, axis, 0, plan->run.begin, y, x);
    push_run(plan, y, x);
    push_each(plan, axis, plan->run.end, plan->length[axis], y, x);
}

static void pull_planes(void *context, int64_t begin, int64_t end)
{
    const struct index_job *job = context;
    for (int64_t p = begin; p < end; p++)
        pull(job->plan, 0, job->from + p * job->plan->source, job->to + p * job->plan->extent);
}

static void push_planes(void *context, int64_t begin, int64_t end)
{
    const struct index_job *job = context;
    const struct ct_index_plan *plan = job->plan;
    if (plan->source > 0)
        memset(job->to + begin * plan->source, 0, (size_t)((end - begin) * plan->source) * sizeof(real));
    if (plan->extent == 0)
        return;
    for (int64_t p = begin; p < end; p++)
        push(plan, 0, job->from + p * plan->extent, job->to + p * plan->source);
}

void X(ct_kernel_index)(const struct ct_index_plan *plan, const void *x, void *y)
{
    struct index_job job = { plan, x, y };
    ct_parallel_for(plan->planes, ct_grain(plan->extent), pull_planes, &job);
}

void X(ct_kernel_index_adjoint)(const struct ct_index_plan *plan, const void *y, void *x)
{
    struct index_job job = { plan, y, x };
    ct_parallel_for(plan->planes, ct_grain(plan->extent + plan->source), push_planes, &job);
}

/* ---- permute ---- */

struct permute_job {
    ct_shape shape;
    const int64_t *stride;
    const real *x;
    real *y;
    int row; /* x's last axis, where y's last is another one */
    int64_t row_step, stripes;
};

/* Where combination `number` of the axes before y's last, but `skipped`, lies in x and in y. */
struct place {
    int64_t x, y;
};

static struct place place_of(const struct permute_job *job, int64_t number, int skipped)
{
    struct place place = { 0, 0 };
    int64_t step = job->shape.extent[job->shape.rank - 1];
    for (int axis = job->shape.rank - 2; axis >= 0; step *= job->shape.extent[axis--]) {
        if (axis == skipped)
            continue;
        const int64_t index = number % job->shape.extent[axis];
        number /= job->shape.extent[axis];
        place.x += index * job->stride[axis], place.y += index * step;
    }
    return place;
}

/* The last axis stays the last: rows are copied. */
static void permute_rows(void *context, int64_t begin, int64_t end)
{
    const struct permute_job *job = context;
    const int64_t length = job->shape.extent[job->shape.rank - 1];
    for (int64_t row = begin; row < end; row++) {
        const struct place place = place_of(job, row, -1);
        copy(job->x + place.x, job->y + place.y, length);
    }
}

enum { SQUARE = 16, STRIPE = 4 * SQUARE };

/* y[i · to + j] ← x[j · from + i]. Lines of memory are read at once and written at once, for all the rows of a matrix may fall into the
 * same few places of the caches. */
static void turn_square(const real *restrict x, int64_t from, real *restrict y, int64_t to, int64_t rows, int64_t columns)
{
    real square[SQUARE][SQUARE];
    if (rows == SQUARE && columns == SQUARE) {
        for (int j = 0; j < SQUARE; j++)
            memcpy(square[j], x + j * from, sizeof square[j]);
        for (int i = 0; i < SQUARE; i++)
            for (int j = 0; j < SQUARE; j++)
                y[i * to + j] = square[j][i];
    } else {
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                y[i * to + j] = x[j * from + i];
    }
}

/* Stripes of matrices of x's last axis and y's. */
static void permute_stripes(void *context, int64_t begin, int64_t end)
{
    const struct permute_job *job = context;
    const int last = job->shape.rank - 1;
    const int64_t from = job->stride[last], to = job->row_step, columns = job->shape.extent[last];
    for (int64_t piece = begin; piece < end; piece++) {
        const struct place place = place_of(job, piece / job->stripes, job->row);
        const int64_t first = piece % job->stripes * STRIPE, rows = least(STRIPE, job->shape.extent[job->row] - first);
        const real *x = job->x + place.x + first;
        real *y = job->y + place.y + first * to;
        for (int64_t j = 0; j < columns; j += SQUARE)
            for (int64_t i = 0; i < rows; i += SQUARE)
                turn_square(x + j * from + i, from, y + i * to + j, to, least(SQUARE, rows - i), least(SQUARE, columns - j));
    }
}

void X(ct_kernel_permute)(ct_shape shape, const int64_t stride[], const void *x, void *y)
{
    struct permute_job job = { .shape = shape, .stride = stride, .x = x, .y = y, .row = shape.rank - 1, .row_step = 1 };
    const int64_t count = ct_shape_count(shape), length = shape.extent[shape.rank - 1];
    while (job.row > 0 && stride[job.row] != 1)
        job.row_step *= shape.extent[job.row--];
    job.stripes = (shape.extent[job.row] - 1) / STRIPE + 1;
    if (job.row == shape.rank - 1)
        ct_parallel_for(count / length, ct_grain(length), permute_rows, &job);
    else
        ct_parallel_for(count / length / shape.extent[job.row] * job.stripes, ct_grain(STRIPE * length), permute_stripes, &job);
}

/* ---- gather ---- */

static int64_t is_index(real value, int64_t size)
{
    return value >= 0 && value < (real)size && value == M(floor)(value) && (int64_t)value < size;
}

int64_t X(ct_kernel_index_check)(const void *index, int64_t count, int64_t size)
{
    enum { SOME = 1024 };
    const real *value = index;
    for (int64_t at = 0; at < count; at += SOME) {
        const int64_t end = least(at + SOME, count);
        int64_t good = 0;
        for (int64_t i = at; i < end; i++)
            good += is_index(value[i], size);
        for (int64_t i = at; good < end - at && i < end; i++)
            if (!is_index(value[i], size))
                return i;
    }
    return -1;
}

struct gather_job {
    int64_t length, size, inner;
    const real *from, *index;
    real *to;
};

/* Rows of `inner` values, `length` to a plane; where a row is one value, stretches of them. */
static void gather_rows(void *context, int64_t begin, int64_t end)
{
    const struct gather_job *job = context;
    const int64_t inner = job->inner;
    for (int64_t row = begin, stop; row < end; row = stop) {
        const int64_t a = row / job->length;
        const real *restrict from = job->from + a * job->size * inner, *restrict index = job->index;
        real *restrict to = job->to;
        stop = inner == 1 ? least(end, (a + 1) * job->length) : row + 1;
        if (inner == 1)
            for (int64_t i = row; i < stop; i++)
                to[i] = from[(int64_t)index[i]];
        else
            for (int64_t b = 0; b < inner; b++)
                to[row * inner + b] = from[(int64_t)index[row * inner + b] * inner + b];
    }
}

static void scatter_planes(void *context, int64_t begin, int64_t end)
{
    const struct gather_job *job = context;
    const int64_t inner = job->inner, plane = job->size * inner;
    if (plane > 0)
        memset(job->to + begin * plane, 0, (size_t)((end - begin) * plane) * sizeof(real));
    for (int64_t a = begin; a < end; a++) {
        const real *restrict from = job->from + a * job->length * inner, *restrict index = job->index + a * job->length * inner;
        real *restrict to = job->to + a * plane;
        if (inner == 1)
            for (int64_t i = 0; i < job->length; i++)
                to[(int64_t)index[i]] += from[i];
        else
            for (int64_t j = 0; j < job->length; j++)
                for (int64_t b = 0; b < inner; b++)
                    to[(int64_t)index[j * inner + b] * inner + b] += from[j * inner + b];
    }
}

void X(ct_kernel_gather)(const int64_t extents[4], const void *x, const void *index, void *y)
{
    struct gather_job job = { extents[1], extents[2], extents[3], x, index, y };
    ct_parallel_for(extents[0] * extents[1], ct_grain(extents[3]), gather_rows, &job);
}

void X(ct_kernel_gather_adjoint)(const int64_t extents[4], const void *y, const void *index, void *x)
{
    struct gather_job job = { extents[1], extents[2], extents[3], y, index, x };
    ct_parallel_for(extents[0], ct_grain((extents[1] + extents[2]) * extents[3]), scatter_planes, &job);
}
