/* Index maps and what is made of them: slice, flip, pad, and their adjoints. One pair of ops, each the other's derivative. */
#include "index.h"

#include <string.h>

#include "kernels/move.h"

#define MAX_EXTENT ((int64_t)1 << 48)

struct index_attributes {
    int rank;
    struct ct_axis_map map[CT_MAX_RANK];
};

/* ---- the maps ---- */

/* Where entry i comes from; −1: from nowhere. */
static int64_t map_position(const struct ct_axis_map *map, int64_t i)
{
    int64_t n = map->source, p = map->start + i * map->step;
    switch (map->mode) {
    case CT_MAP_REFLECT:
        return p < 0 ? -p : p >= n ? 2 * (n - 1) - p : p;
    case CT_MAP_REPLICATE:
        return p < 0 ? 0 : p >= n ? n - 1 : p;
    case CT_MAP_CIRCULAR:
        return (p % n + n) % n;
    case CT_MAP_NEAREST:
        return (int64_t)((__int128)i * n / map->extent);
    default:
        return p < 0 || p >= n ? -1 : p;
    }
}

static bool map_is_same(const struct ct_axis_map *map)
{
    return map->source == map->extent && (map->mode == CT_MAP_NEAREST || (map->start == 0 && map->step == 1));
}

/* The longest stretch of entries whose sources are neighbours. Against their order only where an entry is a single value. */
static void find_run(const int64_t offset[], int64_t length, struct ct_index_plan *plan)
{
    plan->run.begin = plan->run.end = 0;
    for (int64_t begin = 0, end, step; begin < length; begin = end) {
        step = plan->block == 1 && begin + 1 < length && offset[begin + 1] == offset[begin] - 1 ? -1 : 1;
        for (end = begin + 1; end < length && offset[begin] >= 0 && offset[end] == offset[end - 1] + step * plan->block && offset[end] >= 0;
             end++)
            ;
        if (offset[begin] >= 0 && end - begin > plan->run.end - plan->run.begin)
            plan->run.begin = begin, plan->run.end = end, plan->run.step = step;
    }
    plan->run.alone = plan->run.end - plan->run.begin < length;
    for (int64_t i = 0; i < length; i++)
        plan->run.alone &= offset[i] < 0 || (i >= plan->run.begin && i < plan->run.end);
}

/* Axes in front that do not change become planes, those behind a contiguous block. */
static bool plan_make(const struct index_attributes *a, struct ct_index_plan *plan)
{
    int begin = 0, end = a->rank;
    *plan = (struct ct_index_plan){ .planes = 1, .block = 1 };
    while (end > 0 && map_is_same(&a->map[end - 1]))
        plan->block *= a->map[--end].extent;
    while (begin < end && map_is_same(&a->map[begin]))
        plan->planes *= a->map[begin++].extent;
    plan->axes = end - begin;
    plan->source = plan->extent = plan->block;
    for (int axis = plan->axes - 1; axis >= 0; axis--) {
        const struct ct_axis_map *map = &a->map[begin + axis];
        plan->length[axis] = map->extent;
        plan->stride[axis] = plan->extent;
        plan->offset[axis] = ct_allocate_array((size_t)map->extent, sizeof(int64_t));
        if (!plan->offset[axis] && map->extent > 0)
            return false;
        for (int64_t i = 0; i < map->extent; i++) {
            int64_t p = map_position(map, i);
            plan->offset[axis][i] = p < 0 ? -1 : p * plan->source;
        }
        if (axis == plan->axes - 1)
            find_run(plan->offset[axis], map->extent, plan);
        plan->source *= map->source;
        plan->extent *= map->extent;
    }
    return true;
}

static void plan_free(struct ct_index_plan *plan)
{
    for (int axis = 0; axis < plan->axes; axis++)
        ct_release(plan->offset[axis], (size_t)plan->length[axis] * sizeof(int64_t));
}

/* ---- the pair of ops ---- */

static ct_shape side_shape(const struct index_attributes *a, bool source)
{
    ct_shape shape = { .rank = a->rank };
    for (int axis = 0; axis < a->rank; axis++)
        shape.extent[axis] = source ? a->map[axis].source : a->map[axis].extent;
    return shape;
}

static bool shape_from(ct_tape *tape, const ct_call *call, bool source, ct_shape *out)
{
    ct_shape expected = side_shape(call->attributes, source);
    *out = side_shape(call->attributes, !source);
    if (ct_shape_equal(call->in[0]->shape, expected))
        return true;
    ct_fail(tape, CT_BAD_SHAPE, "%s: x has shape %s, its maps take %s", call->op->name, CT_TEXT(call->in[0]->shape),
            CT_TEXT(expected));
    return false;
}

static bool index_shape(ct_tape *tape, const ct_call *call, ct_shape *out) { return shape_from(tape, call, true, out); }
static bool adjoint_shape(ct_tape *tape, const ct_call *call, ct_shape *out) { return shape_from(tape, call, false, out); }

typedef void index_kernel(const struct ct_index_plan *, const void *, void *);

static bool run(ct_tape *tape, ct_call *call, const struct index_attributes *a, index_kernel *kernel)
{
    if (call->out->count == 0)
        return true;
    if (call->in[0]->count == 0) {
        memset(CT_OUT(call), 0, (size_t)call->out->count * ct_dtype_size(call->out->dtype));
        return true;
    }
    struct ct_index_plan plan;
    bool made = plan_make(a, &plan);
    if (made)
        kernel(&plan, CT_IN(call, 0), CT_OUT(call));
    else
        ct_fail(tape, CT_NO_MEMORY, "%s: no memory for the map of an axis", call->op->name);
    plan_free(&plan);
    return made;
}

static bool index_forward(ct_tape *tape, ct_call *call)
{
    return run(tape, call, call->attributes, CT_KERNEL_OF(call->out->dtype, ct_kernel_index));
}

/* Where no source is read twice along any axis, the adjoint of the maps is maps too. */
static bool invert(const struct index_attributes *a, struct index_attributes *inverse)
{
    *inverse = *a;
    for (int axis = 0; axis < a->rank; axis++) {
        const struct ct_axis_map *map = &a->map[axis];
        if (!map_is_same(map) && (map->mode != CT_MAP_ZEROS || (map->step != 1 && map->step != -1)))
            return false;
        inverse->map[axis].source = map->extent, inverse->map[axis].extent = map->source;
        inverse->map[axis].start = -map->step * map->start;
    }
    return true;
}

static bool adjoint_forward(ct_tape *tape, ct_call *call)
{
    struct index_attributes inverse;
    if (invert(call->attributes, &inverse))
        return run(tape, call, &inverse, CT_KERNEL_OF(call->out->dtype, ct_kernel_index));
    return run(tape, call, call->attributes, CT_KERNEL_OF(call->out->dtype, ct_kernel_index_adjoint));
}

static ct_tensor *apply(ct_tape *tape, const ct_op *op, ct_tensor *x, const struct ct_axis_map map[])
{
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: x is NULL", op->name);
    struct index_attributes a;
    memset(&a, 0, sizeof a);
    a.rank = x->shape.rank;
    memcpy(a.map, map, (size_t)a.rank * sizeof *map);
    return ct_apply(tape, op, 1, &x, &a, sizeof a);
}

ct_tensor *ct_index_map(ct_tape *tape, ct_tensor *x, const struct ct_axis_map map[])
{
    return apply(tape, &ct_op_index, x, map);
}

ct_tensor *ct_index_map_adjoint(ct_tape *tape, ct_tensor *x, const struct ct_axis_map map[])
{
    return apply(tape, &ct_op_index_adjoint, x, map);
}

static ct_tensor *index_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *cotangent)
{
    (void)operand;
    return ct_index_map_adjoint(tape, cotangent, ((const struct index_attributes *)call->attributes)->map);
}

static ct_tensor *adjoint_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *cotangent)
{
    (void)operand;
    return ct_index_map(tape, cotangent, ((const struct index_attributes *)call->attributes)->map);
}

const ct_op ct_op_index = {
    .name = "index", .arity = 1, .shape = index_shape, .forward = index_forward, .vjp = index_vjp, .jvp = ct_multilinear_jvp,
};

const ct_op ct_op_index_adjoint = {
    .name = "index_adjoint", .arity = 1, .shape = adjoint_shape, .forward = adjoint_forward, .vjp = adjoint_vjp,
    .jvp = ct_multilinear_jvp,
};

/* ---- slice, flip ---- */

static void maps_same(ct_shape shape, struct ct_axis_map map[])
{
    for (int axis = 0; axis < shape.rank; axis++)
        map[axis] = ct_axis_same(shape.extent[axis]);
}

/* The axis counted from the front, with every map set to the same; false after ct_fail. */
static bool open_axis(ct_tape *tape, const char *name, const ct_tensor *x, int *axis, struct ct_axis_map map[])
{
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: x is NULL", name), false;
    int given = *axis;
    if (!ct_axis_normalize(x->shape.rank, axis))
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: axis %d of a tensor of rank %d", name, given, x->shape.rank), false;
    maps_same(x->shape, map);
    return true;
}

static int64_t python_bound(int64_t position, int64_t extent)
{
    if (position < 0)
        position += extent;
    return position < 0 ? 0 : position > extent ? extent : position;
}

ct_tensor *ct_slice(ct_tape *tape, ct_tensor *x, int axis, int64_t start, int64_t stop, int64_t step)
{
    struct ct_axis_map map[CT_MAX_RANK];
    if (!open_axis(tape, "slice", x, &axis, map))
        return NULL;
    if (step < 1)
        return ct_fail(tape, CT_BAD_ARGUMENT, "slice: step %lld; a step is at least 1", (long long)step);
    int64_t extent = x->shape.extent[axis], begin = python_bound(start, extent), end = python_bound(stop, extent);
    map[axis].start = begin;
    map[axis].extent = end > begin ? (end - begin - 1) / step + 1 : 0;
    map[axis].step = step < extent ? step : extent; /* as far as one step can go: no overflow behind */
    return ct_index_map(tape, x, map);
}

ct_tensor *ct_slice_adjoint(ct_tape *tape, ct_tensor *x, int axis, int64_t start, int64_t size, int64_t step)
{
    struct ct_axis_map map[CT_MAX_RANK];
    if (!open_axis(tape, "slice_adjoint", x, &axis, map))
        return NULL;
    int64_t count = x->shape.extent[axis];
    if (start < 0 || step < 1 || size < 0 || size > MAX_EXTENT ||
        (count > 0 && (start >= size || count - 1 > (size - 1 - start) / step)))
        return ct_fail(tape, CT_BAD_ARGUMENT,
                       "slice_adjoint: %lld values from %lld in steps of %lld do not fit in %lld (start ≥ 0, step ≥ 1)",
                       (long long)count, (long long)start, (long long)step, (long long)size);
    map[axis] = (struct ct_axis_map){ size, count, start < size ? start : 0, step < size ? step : size, CT_MAP_ZEROS };
    return ct_index_map_adjoint(tape, x, map);
}

ct_tensor *ct_flip(ct_tape *tape, ct_tensor *x, ct_axes axes)
{
    struct ct_axis_map map[CT_MAX_RANK];
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "flip: x is NULL");
    if (axes.count < 0 || axes.count > CT_MAX_RANK)
        return ct_fail(tape, CT_BAD_ARGUMENT, "flip: %d axes; a tensor has at most %d", axes.count, CT_MAX_RANK);
    maps_same(x->shape, map);
    for (int i = 0; i < axes.count; i++) {
        int axis = axes.axis[i];
        if (!ct_axis_normalize(x->shape.rank, &axis))
            return ct_fail(tape, CT_BAD_ARGUMENT, "flip: axis %d of a tensor of rank %d", axes.axis[i], x->shape.rank);
        if (map[axis].step < 0)
            return ct_fail(tape, CT_BAD_ARGUMENT, "flip: axis %d is given twice", axis);
        map[axis].start = x->shape.extent[axis] - 1;
        map[axis].step = -1;
    }
    return ct_index_map(tape, x, map);
}

/* ---- pad ---- */

/* The maps that pad a tensor of this shape; false after ct_fail. */
static bool pad_maps(ct_tape *tape, const char *name, ct_shape shape, int count, const int64_t pad[], ct_padding_mode mode,
                     struct ct_axis_map map[])
{
    static const char *const mode_name[] = { "zeros", "reflect", "replicate", "circular" };
    if (count > 0 && !pad)
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: pad is NULL", name), false;
    if (count < 0 || count % 2 || count > 2 * shape.rank)
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: %d numbers for a tensor of rank %d; it takes two an axis", name, count,
                       shape.rank), false;
    if ((unsigned)mode > CT_CIRCULAR)
        return ct_fail(tape, CT_BAD_ARGUMENT, "%s: padding mode %d is none", name, (int)mode), false;
    maps_same(shape, map);
    for (int i = 0; i < count / 2; i++) {
        int axis = shape.rank - 1 - i;
        int64_t extent = shape.extent[axis], begin = pad[2 * i], end = pad[2 * i + 1];
        int64_t least = mode == CT_ZEROS ? -MAX_EXTENT : 0, most = MAX_EXTENT;
        if (mode == CT_CIRCULAR || extent == 0)
            most = mode == CT_ZEROS ? MAX_EXTENT : extent;
        else if (mode == CT_REFLECT)
            most = extent - 1;
        if (begin < least || end < least || begin > most || end > most)
            return ct_fail(tape, CT_BAD_SHAPE, "%s: padding (%lld, %lld) of axis %d with extent %lld; %s allows %lld to %lld",
                           name, (long long)begin, (long long)end, axis, (long long)extent, mode_name[mode], (long long)least,
                           (long long)most), false;
        if (extent + begin + end < 0)
            return ct_fail(tape, CT_BAD_SHAPE, "%s: padding (%lld, %lld) crops more than axis %d has: %lld", name,
                           (long long)begin, (long long)end, axis, (long long)extent), false;
        map[axis] = (struct ct_axis_map){ extent, extent + begin + end, -begin, 1, (enum ct_map_mode)mode };
    }
    return true;
}

ct_tensor *ct_pad(ct_tape *tape, ct_tensor *x, int count, const int64_t pad[], ct_padding_mode mode)
{
    struct ct_axis_map map[CT_MAX_RANK];
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "pad: x is NULL");
    return pad_maps(tape, "pad", x->shape, count, pad, mode, map) ? ct_index_map(tape, x, map) : NULL;
}

ct_tensor *ct_pad_adjoint(ct_tape *tape, ct_tensor *x, ct_shape shape, int count, const int64_t pad[], ct_padding_mode mode)
{
    struct ct_axis_map map[CT_MAX_RANK];
    if (!x)
        return ct_fail(tape, CT_BAD_ARGUMENT, "pad_adjoint: x is NULL");
    if (!ct_shape_measure(shape, x->dtype, &(int64_t){ 0 }, &(size_t){ 0 }) || shape.rank != x->shape.rank)
        return ct_fail(tape, CT_BAD_SHAPE, "pad_adjoint: the unpadded shape has rank %d, x %d", shape.rank, x->shape.rank);
    return pad_maps(tape, "pad_adjoint", shape, count, pad, mode, map) ? ct_index_map_adjoint(tape, x, map) : NULL;
}
