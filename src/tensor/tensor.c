/* Tensors: a struct over shared storage, and the gradient that a leaf carries. */
#include <math.h>
#include <string.h>

#include <cotangent/tape.h>

#include "internal.h"

/* The storage's header and its data are one block; the data begin at the next 64 bytes. */
enum { HEADER = (sizeof(struct ct_storage) + CT_ALIGNMENT - 1) / CT_ALIGNMENT * CT_ALIGNMENT, FILL_GRAIN = 1 << 16 };

size_t ct_dtype_size(ct_dtype dtype) { return dtype == CT_F32 ? sizeof(float) : sizeof(double); }
const char *ct_dtype_name(ct_dtype dtype) { return dtype == CT_F32 ? "float32" : "float64"; }

/* ---- life ---- */

static struct ct_storage *storage_new(struct ct_pool *pool, size_t data_bytes)
{
    size_t bytes = HEADER + data_bytes; /* data_bytes ≤ PTRDIFF_MAX */
    struct ct_storage *storage = ct_pool_take_near(pool, &bytes);
    if (!storage)
        return NULL;
    *storage = (struct ct_storage){ .bytes = bytes, .pool = pool, .data = (char *)storage + HEADER };
    atomic_init(&storage->references, 1);
    return storage;
}

static void storage_release(struct ct_storage *storage)
{
    if (atomic_fetch_sub(&storage->references, 1) == 1)
        ct_pool_give(storage->pool, storage, storage->bytes);
}

/* Takes over one reference to storage; NULL gives NULL. */
static ct_tensor *over_storage(struct ct_pool *pool, ct_dtype dtype, ct_shape shape, int64_t count, struct ct_storage *storage)
{
    if (!storage)
        return NULL;
    ct_tensor *tensor = ct_pool_take(pool, sizeof *tensor);
    if (!tensor) {
        storage_release(storage);
        return NULL;
    }
    *tensor = (ct_tensor){ .dtype = dtype, .shape = shape, .count = count, .storage = storage, .pool = pool, .owner = -1 };
    atomic_init(&tensor->references, 1);
    return tensor;
}

ct_tensor *ct_tensor_new(struct ct_pool *pool, ct_dtype dtype, ct_shape shape)
{
    int64_t count;
    size_t bytes;
    if (!ct_shape_measure(shape, dtype, &count, &bytes))
        return NULL;
    return over_storage(pool, dtype, shape, count, storage_new(pool, bytes));
}

ct_tensor *ct_tensor_share(struct ct_pool *pool, ct_tensor *tensor, ct_shape shape)
{
    int64_t count;
    size_t bytes;
    if (!tensor || !ct_shape_measure(shape, tensor->dtype, &count, &bytes) || count != tensor->count)
        return NULL;
    atomic_fetch_add(&tensor->storage->references, 1);
    return over_storage(pool, tensor->dtype, shape, count, tensor->storage);
}

ct_tensor *ct_tensor_retain(ct_tensor *tensor)
{
    if (tensor)
        atomic_fetch_add(&tensor->references, 1);
    return tensor;
}

static void let_go_of_data(ct_tensor *tensor)
{
    if (tensor->storage)
        storage_release(tensor->storage);
    tensor->storage = NULL;
}

void ct_tensor_release(ct_tensor *tensor)
{
    if (!tensor)
        return;
    const int links = tensor->links; /* before another thread may free it; only its one tape changes them */
    const int left = atomic_fetch_sub(&tensor->references, 1) - 1;
    if (left == 0) {
        ct_tensor_release(tensor->gradient);
        let_go_of_data(tensor);
        ct_pool_give(tensor->pool, tensor, sizeof *tensor);
    } else if (left == links) {
        let_go_of_data(tensor);
    }
}

void ct_tensor_link(ct_tensor *tensor)
{
    ct_tensor_retain(tensor);
    tensor->links++;
}

void ct_tensor_loosen(ct_tensor *tensor)
{
    tensor->links++;
    if (atomic_load(&tensor->references) == tensor->links)
        let_go_of_data(tensor);
}

void ct_tensor_unlink(ct_tensor *tensor)
{
    tensor->links--;
    ct_tensor_release(tensor);
}

/* ---- makers ---- */

ct_tensor *ct_tensor_empty(ct_dtype dtype, ct_shape shape) { return ct_tensor_new(NULL, dtype, shape); }
ct_tensor *ct_tensor_zeros(ct_dtype dtype, ct_shape shape) { return ct_tensor_full(dtype, shape, 0); }
ct_tensor *ct_tensor_ones(ct_dtype dtype, ct_shape shape) { return ct_tensor_full(dtype, shape, 1); }
ct_tensor *ct_tensor_scalar(ct_dtype dtype, double value) { return ct_tensor_full(dtype, CT_SCALAR, value); }

ct_tensor *ct_tensor_full(ct_dtype dtype, ct_shape shape, double value)
{
    ct_tensor *tensor = ct_tensor_empty(dtype, shape);
    if (tensor)
        ct_tensor_fill(tensor, value);
    return tensor;
}

ct_tensor *ct_tensor_from(ct_dtype dtype, ct_shape shape, const void *data)
{
    ct_tensor *tensor = ct_tensor_empty(dtype, shape);
    if (tensor && ct_tensor_copy_in(tensor, dtype, data, tensor->count) != CT_OK) {
        ct_tensor_release(tensor);
        return NULL;
    }
    return tensor;
}

ct_tensor *ct_tensor_arange(ct_dtype dtype, int64_t count)
{
    ct_tensor *tensor = ct_tensor_empty(dtype, CT_SHAPE(count));
    if (tensor && dtype == CT_F32)
        for (int64_t i = 0; i < count; i++)
            ((float *)ct_data(tensor))[i] = (float)i;
    else if (tensor)
        for (int64_t i = 0; i < count; i++)
            ((double *)ct_data(tensor))[i] = (double)i;
    return tensor;
}

ct_tensor *ct_tensor_clone(const ct_tensor *tensor) { return tensor ? ct_tensor_cast(tensor, tensor->dtype) : NULL; }

ct_tensor *ct_tensor_cast(const ct_tensor *tensor, ct_dtype dtype)
{
    ct_tensor *copy = tensor ? ct_tensor_empty(dtype, tensor->shape) : NULL;
    if (copy)
        ct_tensor_assign(copy, tensor);
    return copy;
}

ct_tensor *ct_tensor_view(ct_tensor *tensor, ct_shape shape) { return ct_tensor_share(NULL, tensor, shape); }

/* ---- what it is: all of these answer for NULL too, as an op that failed returns it ---- */

ct_dtype ct_tensor_dtype(const ct_tensor *tensor) { return tensor ? tensor->dtype : CT_F32; }
ct_shape ct_tensor_shape(const ct_tensor *tensor) { return tensor ? tensor->shape : CT_SHAPE(0); }
int ct_tensor_rank(const ct_tensor *tensor) { return ct_tensor_shape(tensor).rank; }
int64_t ct_tensor_count(const ct_tensor *tensor) { return tensor ? tensor->count : 0; }
const void *ct_tensor_data(const ct_tensor *tensor) { return tensor ? ct_data(tensor) : NULL; }

int64_t ct_tensor_size(const ct_tensor *tensor, int axis)
{
    return tensor && ct_axis_normalize(tensor->shape.rank, &axis) ? tensor->shape.extent[axis] : -1;
}

double ct_tensor_at(const ct_tensor *tensor, int64_t position)
{
    if (position < 0 || position >= ct_tensor_count(tensor))
        return NAN;
    const void *data = ct_data(tensor);
    return tensor->dtype == CT_F32 ? (double)((const float *)data)[position] : ((const double *)data)[position];
}

double ct_tensor_item(const ct_tensor *tensor) { return ct_tensor_count(tensor) == 1 ? ct_tensor_at(tensor, 0) : NAN; }

/* ---- values in and out; each change counts in the storage's version ---- */

void *ct_tensor_data_mutable(ct_tensor *tensor)
{
    if (!tensor)
        return NULL;
    tensor->storage->version++;
    return ct_data(tensor);
}

/* memmove where nothing is converted, for the two may be views of one storage. */
static void convert(ct_dtype to_dtype, void *to, ct_dtype from_dtype, const void *from, int64_t count)
{
    if (count == 0)
        return;
    if (to_dtype == from_dtype) {
        memmove(to, from, (size_t)count * ct_dtype_size(to_dtype));
    } else if (to_dtype == CT_F32) {
        for (int64_t i = 0; i < count; i++)
            ((float *)to)[i] = (float)((const double *)from)[i];
    } else {
        for (int64_t i = 0; i < count; i++)
            ((double *)to)[i] = (double)((const float *)from)[i];
    }
}

static ct_status check_copy(const ct_tensor *tensor, ct_dtype dtype, const void *data, int64_t count)
{
    if (!tensor || (dtype != CT_F32 && dtype != CT_F64) || (!data && count != 0))
        return CT_BAD_ARGUMENT;
    return count == tensor->count ? CT_OK : CT_BAD_SHAPE;
}

ct_status ct_tensor_copy_out(const ct_tensor *tensor, ct_dtype dtype, void *data, int64_t count)
{
    ct_status status = check_copy(tensor, dtype, data, count);
    if (status == CT_OK)
        convert(dtype, data, tensor->dtype, ct_data(tensor), count);
    return status;
}

ct_status ct_tensor_copy_in(ct_tensor *tensor, ct_dtype dtype, const void *data, int64_t count)
{
    ct_status status = check_copy(tensor, dtype, data, count);
    if (status == CT_OK)
        convert(tensor->dtype, ct_tensor_data_mutable(tensor), dtype, data, count);
    return status;
}

ct_status ct_tensor_assign(ct_tensor *to, const ct_tensor *from)
{
    if (!to || !from)
        return CT_BAD_ARGUMENT;
    if (!ct_shape_equal(to->shape, from->shape))
        return CT_BAD_SHAPE;
    return ct_tensor_copy_in(to, from->dtype, ct_data(from), from->count);
}

ct_status ct_tensor_swap(ct_tensor *a, ct_tensor *b)
{
    if (!a || !b || !a->storage || !b->storage)
        return CT_BAD_ARGUMENT;
    if (a->dtype != b->dtype)
        return CT_BAD_DTYPE;
    if (!ct_shape_equal(a->shape, b->shape))
        return CT_BAD_SHAPE;
    struct ct_storage *storage = a->storage;
    a->storage = b->storage;
    b->storage = storage;
    /* Later than anything a record has seen of either. */
    uint64_t version = 1 + (a->storage->version > b->storage->version ? a->storage->version : b->storage->version);
    a->storage->version = b->storage->version = version;
    return CT_OK;
}

struct fill {
    const ct_tensor *tensor;
    double value;
};

static void fill_chunk(void *context, int64_t begin, int64_t end)
{
    const struct fill *fill = context;
    if (fill->tensor->dtype == CT_F32)
        for (int64_t i = begin; i < end; i++)
            ((float *)ct_data(fill->tensor))[i] = (float)fill->value;
    else
        for (int64_t i = begin; i < end; i++)
            ((double *)ct_data(fill->tensor))[i] = fill->value;
}

ct_status ct_tensor_fill(ct_tensor *tensor, double value)
{
    if (!tensor)
        return CT_BAD_ARGUMENT;
    tensor->storage->version++;
    ct_parallel_for(tensor->count, FILL_GRAIN, fill_chunk, &(struct fill){ tensor, value });
    return CT_OK;
}

/* ---- the fields of a leaf (declared in tape.h) ---- */

ct_status ct_requires_grad(ct_tensor *tensor, bool required)
{
    if (!tensor || tensor->node || tensor->orphan)
        return CT_BAD_ARGUMENT;
    tensor->requires_grad = required;
    return CT_OK;
}

bool ct_tensor_requires_grad(const ct_tensor *tensor) { return tensor && tensor->requires_grad; }

ct_tensor *ct_gradient(const ct_tensor *tensor) { return tensor ? tensor->gradient : NULL; }

void ct_zero_gradient(ct_tensor *tensor)
{
    if (!tensor)
        return;
    ct_tensor_release(tensor->gradient);
    tensor->gradient = NULL;
}

ct_status ct_set_gradient(ct_tensor *tensor, ct_tensor *gradient)
{
    if (!tensor || tensor->node || tensor->orphan || gradient == tensor)
        return CT_BAD_ARGUMENT;
    if (gradient && gradient->dtype != tensor->dtype)
        return CT_BAD_DTYPE;
    if (gradient && !ct_shape_equal(gradient->shape, tensor->shape))
        return CT_BAD_SHAPE;
    ct_tensor_retain(gradient); /* before the release: it may be the one that is there */
    ct_zero_gradient(tensor);
    tensor->gradient = gradient;
    return CT_OK;
}
