#include "move.h"

#include <string.h>

#include "real.h"

static int64_t grain(int64_t elements_each)
{
    int64_t each = elements_each > 0 ? elements_each : 1;
    return each < 16384 ? 16384 / each : 1;
}

/* ---- index maps ---- */

struct index_job {
    const struct ct_index_plan *plan;
    const real *from;
    real *to;
};

static void pull(const struct ct_index_plan *plan, int axis, const real *x, real *y)
{
    if (axis == plan->axes) {
        memcpy(y, x, (size_t)plan->block * sizeof(real));
        return;
    }
    const int64_t *offset = plan->offset[axis], length = plan->length[axis], stride = plan->stride[axis];
    if (axis + 1 == plan->axes && plan->block == 1) {
        for (int64_t i = 0; i < length; i++)
            y[i] = offset[i] < 0 ? 0 : x[offset[i]];
        return;
    }
    for (int64_t i = 0; i < length; i++) {
        if (offset[i] < 0)
            memset(y + i * stride, 0, (size_t)stride * sizeof(real));
        else
            pull(plan, axis + 1, x + offset[i], y + i * stride);
    }
}

static void push(const struct ct_index_plan *plan, int axis, const real *y, real *x)
{
    if (axis == plan->axes) {
        for (int64_t i = 0; i < plan->block; i++)
            x[i] += y[i];
        return;
    }
    for (int64_t i = 0; i < plan->length[axis]; i++)
        if (plan->offset[axis][i] >= 0)
            push(plan, axis + 1, y + i * plan->stride[axis], x + plan->offset[axis][i]);
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
    ct_parallel_for(plan->planes, grain(plan->extent), pull_planes, &job);
}

void X(ct_kernel_index_adjoint)(const struct ct_index_plan *plan, const void *y, void *x)
{
    struct index_job job = { plan, y, x };
    ct_parallel_for(plan->planes, grain(plan->extent + plan->source), push_planes, &job);
}

/* ---- permute ---- */

struct permute_job {
    ct_shape shape;
    const int64_t *stride;
    const real *x;
    real *y;
};

/* Rows of y, the last axis each; an odometer over the axes before gives a row's place in x. */
static void permute_rows(void *context, int64_t begin, int64_t end)
{
    const struct permute_job *job = context;
    int last = job->shape.rank - 1;
    int64_t length = job->shape.extent[last], stride = job->stride[last];
    int64_t index[CT_MAX_RANK] = { 0 }, place = 0;
    for (int64_t axis = last - 1, rest = begin; axis >= 0; axis--) {
        index[axis] = rest % job->shape.extent[axis];
        rest /= job->shape.extent[axis];
        place += index[axis] * job->stride[axis];
    }
    for (int64_t row = begin; row < end; row++) {
        const real *x = job->x + place;
        real *y = job->y + row * length;
        if (stride == 1)
            memcpy(y, x, (size_t)length * sizeof(real));
        else
            for (int64_t i = 0; i < length; i++)
                y[i] = x[i * stride];
        for (int axis = last - 1; axis >= 0; axis--) {
            place += job->stride[axis];
            if (++index[axis] < job->shape.extent[axis])
                break;
            place -= index[axis] * job->stride[axis];
            index[axis] = 0;
        }
    }
}

void X(ct_kernel_permute)(ct_shape shape, const int64_t stride[], const void *x, void *y)
{
    struct permute_job job = { shape, stride, x, y };
    int64_t length = shape.extent[shape.rank - 1];
    ct_parallel_for(ct_shape_count(shape) / length, grain(length), permute_rows, &job);
}

/* ---- gather ---- */

int64_t X(ct_kernel_index_check)(const void *index, int64_t count, int64_t size)
{
    const real *value = index;
    for (int64_t i = 0; i < count; i++)
        if (!(value[i] >= 0 && value[i] < (real)size && value[i] == M(floor)(value[i])) || (int64_t)value[i] >= size)
            return i;
    return -1;
}

struct gather_job {
    int64_t length, size, inner;
    const real *from, *index;
    real *to;
};

static void gather_planes(void *context, int64_t begin, int64_t end)
{
    const struct gather_job *job = context;
    for (int64_t a = begin; a < end; a++)
        for (int64_t j = 0; j < job->length; j++)
            for (int64_t b = 0; b < job->inner; b++) {
                int64_t i = (a * job->length + j) * job->inner + b;
                job->to[i] = job->from[(a * job->size + (int64_t)job->index[i]) * job->inner + b];
            }
}

static void scatter_planes(void *context, int64_t begin, int64_t end)
{
    const struct gather_job *job = context;
    int64_t plane = job->size * job->inner;
    if (plane > 0)
        memset(job->to + begin * plane, 0, (size_t)((end - begin) * plane) * sizeof(real));
    for (int64_t a = begin; a < end; a++)
        for (int64_t j = 0; j < job->length; j++)
            for (int64_t b = 0; b < job->inner; b++) {
                int64_t i = (a * job->length + j) * job->inner + b;
                job->to[(a * job->size + (int64_t)job->index[i]) * job->inner + b] += job->from[i];
            }
}

void X(ct_kernel_gather)(const int64_t extents[4], const void *x, const void *index, void *y)
{
    struct gather_job job = { extents[1], extents[2], extents[3], x, index, y };
    ct_parallel_for(extents[0], grain(extents[1] * extents[3]), gather_planes, &job);
}

void X(ct_kernel_gather_adjoint)(const int64_t extents[4], const void *y, const void *index, void *x)
{
    struct gather_job job = { extents[1], extents[2], extents[3], y, index, x };
    ct_parallel_for(extents[0], grain((extents[1] + extents[2]) * extents[3]), scatter_planes, &job);
}
