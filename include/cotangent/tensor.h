/* Values: status, memory, shapes, tensors, random numbers, threads.
 *
 * A tensor is a dense, contiguous, row-major array of float32 or float64, of rank 0 to 8,
 * with 64-byte aligned storage that is shared and reference-counted. Nothing here knows
 * of gradients but the few fields a leaf carries (see tape.h).
 */
#ifndef COTANGENT_TENSOR_H
#define COTANGENT_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cotangent/version.h>

/* ---- status ------------------------------------------------------------------------- */

typedef enum ct_status {
    CT_OK = 0,
    CT_NO_MEMORY,     /* an allocation failed */
    CT_BAD_ARGUMENT,  /* a value outside its range, or NULL where a value is needed */
    CT_BAD_SHAPE,     /* shapes that break an op's rule, or overflow */
    CT_BAD_DTYPE,     /* dtypes that differ */
    CT_BAD_STATE,     /* a freed graph, or a saved tensor that was changed in place */
    CT_NO_DERIVATIVE, /* a derivative of an order that has no rule */
    CT_NOT_FINITE,    /* anomaly mode met a NaN or an Inf */
    CT_IO_ERROR,      /* the system refused: open, read, write, rename … */
    CT_BAD_FORMAT     /* a file that breaks its format's rules */
} ct_status;

/* A short name of a status, as "bad shape". Never NULL. */
CT_API const char *ct_status_string(ct_status status);

/* What went wrong: a status, and a sentence that names the values and the rule. Functions that
 * take a ct_error * accept NULL, and write it only when they fail. */
typedef struct ct_error {
    ct_status status;
    char message[500];
} ct_error;

/* Writes error (when not NULL) as printf would, and returns status. */
CT_API ct_status ct_error_set(ct_error *error, ct_status status, const char *format, ...) CT_PRINTF(3, 4);

/* ---- memory ------------------------------------------------------------------------- */

/* Every allocation of the library passes through one of these. allocate returns size bytes at a
 * multiple of 64, or NULL; release gets the same size back. Both may be called from any thread. */
typedef struct ct_allocator {
    void *(*allocate)(void *context, size_t size);
    void (*release)(void *context, void *memory, size_t size);
    void *context;
} ct_allocator;

/* Replaces the allocator (NULL restores the default). Call it before anything is allocated: what one
 * allocator gave, another never takes back. */
CT_API void ct_set_allocator(const ct_allocator *allocator);

/* ---- shapes ------------------------------------------------------------------------- */

#define CT_MAX_RANK 8

typedef struct ct_shape {
    int rank;
    int64_t extent[CT_MAX_RANK]; /* the first `rank` count; each 0 … 2^48 */
} ct_shape;

/* CT_SHAPE(2, 3, 4) is a ct_shape of rank 3; CT_SCALAR is the shape of rank 0. */
#define CT_SHAPE(...)                                                                         \
    ((ct_shape){ (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), { __VA_ARGS__ } })
#define CT_SCALAR ((ct_shape){ 0, { 0 } })

/* Same rank and extents. */
CT_API bool ct_shape_equal(ct_shape a, ct_shape b);

/* Writes "(2, 3, 4)" into text (size bytes, always terminated) and returns text. */
CT_API char *ct_shape_text(ct_shape shape, char *text, size_t size);

/* ---- tensors ------------------------------------------------------------------------ */

typedef enum ct_dtype { CT_F32 = 0, CT_F64 = 1 } ct_dtype;

CT_API size_t ct_dtype_size(ct_dtype dtype);      /* 4 or 8 bytes */
CT_API const char *ct_dtype_name(ct_dtype dtype); /* "float32" or "float64" */

typedef struct ct_tensor ct_tensor;

/* Makers. What they return is the caller's, to be given to ct_tensor_release. They return NULL when memory is
 * out or the shape is not valid (rank > 8, an extent < 0 or > 2^48, a byte count that overflows); an op that
 * is given the NULL says so. `data` holds elements of the tensor's dtype, row-major, and is copied. */
CT_API ct_tensor *ct_tensor_empty(ct_dtype dtype, ct_shape shape); /* values unspecified */
CT_API ct_tensor *ct_tensor_zeros(ct_dtype dtype, ct_shape shape);
CT_API ct_tensor *ct_tensor_ones(ct_dtype dtype, ct_shape shape);
CT_API ct_tensor *ct_tensor_full(ct_dtype dtype, ct_shape shape, double value);
CT_API ct_tensor *ct_tensor_from(ct_dtype dtype, ct_shape shape, const void *data);
CT_API ct_tensor *ct_tensor_scalar(ct_dtype dtype, double value);
CT_API ct_tensor *ct_tensor_arange(ct_dtype dtype, int64_t count); /* 0, 1, …, count − 1 */
CT_API ct_tensor *ct_tensor_clone(const ct_tensor *tensor);        /* own storage, no gradient history */
CT_API ct_tensor *ct_tensor_cast(const ct_tensor *tensor, ct_dtype dtype);

/* Shares storage under another shape of the same count. */
CT_API ct_tensor *ct_tensor_view(ct_tensor *tensor, ct_shape shape);

/* One more, one less owner. NULL is allowed. Retain returns its argument. */
CT_API ct_tensor *ct_tensor_retain(ct_tensor *tensor);
CT_API void ct_tensor_release(ct_tensor *tensor);

CT_API ct_dtype ct_tensor_dtype(const ct_tensor *tensor);
CT_API ct_shape ct_tensor_shape(const ct_tensor *tensor);
CT_API int ct_tensor_rank(const ct_tensor *tensor);
CT_API int64_t ct_tensor_size(const ct_tensor *tensor, int axis); /* negative axes count from the end; −1 if none */
CT_API int64_t ct_tensor_count(const ct_tensor *tensor);          /* elements: 1 for rank 0 */

/* The elements, to read. */
CT_API const void *ct_tensor_data(const ct_tensor *tensor);

/* The elements, to write. Counts as a change in place: a backward that still needs the old
 * values becomes an error. Take it anew for each round of writing. */
CT_API void *ct_tensor_data_mutable(ct_tensor *tensor);

/* The value at a flat row-major position, as a double; NaN when out of range. */
CT_API double ct_tensor_at(const ct_tensor *tensor, int64_t position);

/* The value of a tensor of one element, as a double; NaN for any other. */
CT_API double ct_tensor_item(const ct_tensor *tensor);

/* Copies all elements out to (in from) `count` elements of `dtype`, converting. CT_BAD_SHAPE unless count is the
 * tensor's. */
CT_API ct_status ct_tensor_copy_out(const ct_tensor *tensor, ct_dtype dtype, void *data, int64_t count);
CT_API ct_status ct_tensor_copy_in(ct_tensor *tensor, ct_dtype dtype, const void *data, int64_t count);

/* to ← from, elementwise, converting; the shapes are equal. */
CT_API ct_status ct_tensor_assign(ct_tensor *to, const ct_tensor *from);

/* Exchanges the elements of two tensors of one dtype and shape by exchanging their storage: nothing is copied, and both count as changed
 * in place. Views keep the storage they had. CT_BAD_ARGUMENT, CT_BAD_DTYPE, CT_BAD_SHAPE: nothing has changed. */
CT_API ct_status ct_tensor_swap(ct_tensor *a, ct_tensor *b);

/* Every element ← value. */
CT_API ct_status ct_tensor_fill(ct_tensor *tensor, double value);

/* Prints as NumPy's print(array) does: aligned columns, 8 digits, `...` in arrays of over 1,000 elements. */
CT_API void ct_tensor_print(FILE *file, const ct_tensor *tensor);

/* The same, into memory: at most size bytes, always terminated; returns the length the whole text has. */
CT_API size_t ct_tensor_text(const ct_tensor *tensor, char *text, size_t size);

/* ---- random numbers ----------------------------------------------------------------- */

/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). */
CT_API void ct_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t result[4]);

/* A position in a random sequence: all the state there is, yours to copy and to save. Element i of a fill is
 * a function of (seed, stream, epoch, step, i) alone: no thread, no history. Each fill advances `step`. */
typedef struct ct_random {
    uint64_t seed;
    uint32_t stream, epoch, step;
} ct_random;

/* Every element ← uniform in [low, high), or normal with that mean and standard deviation (Box–Muller, computed
 * in float64). float32 and float64 draw different numbers. CT_BAD_ARGUMENT unless low ≤ high, deviation ≥ 0 and all finite. */
CT_API ct_status ct_uniform(ct_tensor *tensor, double low, double high, ct_random *random);
CT_API ct_status ct_normal(ct_tensor *tensor, double mean, double deviation, ct_random *random);

/* order ← a random permutation of 0 … count − 1 (Fisher–Yates). */
CT_API ct_status ct_permutation(int64_t *order, int64_t count, ct_random *random);

/* ---- threads ------------------------------------------------------------------------ */

/* Threads that the library's own loops use: 1 … 256; default the OpenMP runtime's. Never changes a bit of any result. */
CT_API ct_status ct_set_num_threads(int threads);
CT_API int ct_get_num_threads(void);

#endif
