/* Shapes: the only place that multiplies sizes. */
#include <inttypes.h>

#include "internal.h"

static const int64_t largest_extent = (int64_t)1 << 48;

static bool rank_fits(ct_shape shape) { return shape.rank >= 0 && shape.rank <= CT_MAX_RANK; }

bool ct_size_multiply(size_t a, size_t b, size_t *product) { return !__builtin_mul_overflow(a, b, product); }

bool ct_shape_measure(ct_shape shape, ct_dtype dtype, int64_t *count, size_t *bytes)
{
    if (!rank_fits(shape) || (dtype != CT_F32 && dtype != CT_F64))
        return false;
    /* An extent of 0 does not excuse the others: products over some of the axes must not overflow either. */
    size_t product = ct_dtype_size(dtype);
    bool empty = false;
    for (int axis = 0; axis < shape.rank; axis++) {
        int64_t extent = shape.extent[axis];
        if (extent < 0 || extent > largest_extent)
            return false;
        empty |= extent == 0;
        if (!ct_size_multiply(product, extent ? (size_t)extent : 1, &product) || product > PTRDIFF_MAX)
            return false;
    }
    *bytes = empty ? 0 : product;
    *count = (int64_t)(*bytes / ct_dtype_size(dtype));
    return true;
}

int64_t ct_shape_product(ct_shape shape, int begin, int end)
{
    int64_t product = 1;
    for (int axis = begin; axis < end; axis++)
        product *= shape.extent[axis];
    return product;
}

int64_t ct_shape_count(ct_shape shape) { return ct_shape_product(shape, 0, shape.rank); }

bool ct_shape_equal(ct_shape a, ct_shape b)
{
    if (a.rank != b.rank || !rank_fits(a))
        return false;
    for (int axis = 0; axis < a.rank; axis++)
        if (a.extent[axis] != b.extent[axis])
            return false;
    return true;
}

bool ct_shape_broadcast(ct_shape a, ct_shape b, ct_shape *result)
{
    *result = (ct_shape){ .rank = a.rank > b.rank ? a.rank : b.rank };
    if (!rank_fits(a) || !rank_fits(b))
        return false;
    for (int back = 1; back <= result->rank; back++) {
        int64_t of_a = back <= a.rank ? a.extent[a.rank - back] : 1;
        int64_t of_b = back <= b.rank ? b.extent[b.rank - back] : 1;
        if (of_a < 0 || of_b < 0 || (of_a != of_b && of_a != 1 && of_b != 1))
            return false;
        result->extent[result->rank - back] = of_a == 1 ? of_b : of_a;
    }
    return true;
}

bool ct_axis_normalize(int rank, int *axis)
{
    if (*axis < -rank || *axis >= rank)
        return false;
    if (*axis < 0)
        *axis += rank;
    return true;
}

char *ct_shape_text(ct_shape shape, char *text, size_t size)
{
    char whole[CT_MAX_RANK * 24 + 8] = "(";
    size_t length = 1;
    int rank = shape.rank < 0 ? 0 : shape.rank > CT_MAX_RANK ? CT_MAX_RANK : shape.rank;
    for (int axis = 0; axis < rank; axis++)
        length += (size_t)snprintf(whole + length, sizeof whole - length, "%s%" PRId64, axis ? ", " : "", shape.extent[axis]);
    snprintf(whole + length, sizeof whole - length, rank == 1 ? ",)" : ")"); /* (3,), as Python writes it */
    if (size)
        snprintf(text, size, "%s", whole);
    return text;
}
