/* What the library's own files know of values. Not installed. */
#ifndef CT_TENSOR_INTERNAL_H
#define CT_TENSOR_INTERNAL_H

#include <stdatomic.h>

#include <cotangent/tensor.h>

#define CT_HIDDEN __attribute__((visibility("hidden")))
#define CT_ALIGNMENT 64

/* `make lint` sees one file at a time; this tells it what the function returns. */
#ifdef __clang_analyzer__
#define ct_error_set(error, status, ...) ((ct_error_set)(error, status, __VA_ARGS__), (status))
#endif

/* ---- memory ---- */

/* Through the ct_allocator; NULL when memory is out. ct_allocate_array checks count · size. */
void *ct_allocate(size_t size);
void *ct_allocate_zeroed(size_t size);
void *ct_allocate_array(size_t count, size_t size);
void ct_release(void *memory, size_t size); /* NULL is allowed */

/* A tape's store of memory blocks for reuse, by size class; not thread-safe, as its tape. Blocks outlive the
 * tape when a retained tensor still holds them. */
struct ct_pool;
struct ct_pool *ct_pool_new(void);
void ct_pool_close(struct ct_pool *pool); /* frees what is kept; the rest when it comes back */
void *ct_pool_take(struct ct_pool *pool, size_t size); /* pool NULL: straight from the allocator */
void *ct_pool_take_near(struct ct_pool *pool, size_t *size); /* perhaps a larger one; *size is what to give back */
void ct_pool_give(struct ct_pool *pool, void *memory, size_t size);
size_t ct_pool_bytes(const struct ct_pool *pool); /* in use and kept */

/* ---- shapes: the only place that multiplies sizes ---- */

/* Checks rank and extents, and gives the element count and byte size; false on any overflow. */
bool ct_shape_measure(ct_shape shape, ct_dtype dtype, int64_t *count, size_t *bytes);
bool ct_size_multiply(size_t a, size_t b, size_t *product);
int64_t ct_shape_count(ct_shape shape);                       /* of a valid shape */
int64_t ct_shape_product(ct_shape shape, int begin, int end); /* of extents [begin, end) of a valid shape */
bool ct_shape_broadcast(ct_shape a, ct_shape b, ct_shape *result); /* NumPy's rule */
bool ct_axis_normalize(int rank, int *axis);                  /* negative from the end; false when out of range */

/* ---- tensors ---- */

struct ct_storage {
    atomic_int references;
    uint64_t version; /* changes in place */
    size_t bytes;     /* of the whole block */
    struct ct_pool *pool;
    void *data;
};

struct ct_node;

struct ct_tensor {
    atomic_int references;
    int links; /* of the references, those that need the struct but not the data */
    ct_dtype dtype;
    ct_shape shape;
    int64_t count;
    struct ct_storage *storage; /* NULL once only links are left */
    struct ct_pool *pool; /* that this struct came from */
    ct_tensor *gradient;  /* a leaf's, accumulated */
    bool requires_grad;   /* a leaf's mark, or: some operand requires one */
    struct ct_node *node; /* that made it, or NULL for a leaf */
    bool orphan;          /* a backward has freed that node */
    ct_tensor *cotangent; /* only during a sweep of the tape */
    int64_t owner;        /* place in the tape's list of results, or −1 */
    bool wanted;          /* only during a sweep: a requested input, or depends on one */
    bool requested;       /* only during a sweep: its gradient was asked for */
};

/* pool NULL: plain memory. Values are unspecified. NULL when memory is out or the shape is not valid. */
ct_tensor *ct_tensor_new(struct ct_pool *pool, ct_dtype dtype, ct_shape shape);
ct_tensor *ct_tensor_share(struct ct_pool *pool, ct_tensor *tensor, ct_shape shape); /* a view of the same count */

/* A record holds tensors whose values no derivative reads by links: their data goes as soon as nobody else holds them. Only tensors
 * that require a gradient are linked, so that one thread counts. Loosen turns a reference into a link; unlink gives one back. */
void ct_tensor_link(ct_tensor *tensor);
void ct_tensor_loosen(ct_tensor *tensor);
void ct_tensor_unlink(ct_tensor *tensor);

static inline void *ct_data(const ct_tensor *tensor) { return tensor->storage->data; }

/* ---- threads ---- */

/* Calls body(context, begin, end) over [0, count) cut into chunks of `grain`, whatever the threads: the cut is by shape alone. */
void ct_parallel_for(int64_t count, int64_t grain, void (*body)(void *context, int64_t begin, int64_t end), void *context);

/* Calls body(context, lane, piece) for every piece of [0, count), in any order. Calls with one lane of [0, lanes) follow one another, so
 * that a lane can own scratch memory; lanes is what ct_parallel_lanes said of this count or a larger one, and depends on the threads. */
int ct_parallel_lanes(int64_t count);
void ct_parallel_pieces(int64_t count, int lanes, void (*body)(void *context, int lane, int64_t piece), void *context);

#endif
