/* matmul over OpenBLAS, and linear. */
#include "matmul.h"

#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

struct matmul_attributes {
    bool transpose_a, transpose_b;
};

/* The sizes of one product. */
struct matmul_size {
    int64_t m, n, k;
};

static struct matmul_size size_of(const ct_call *call)
{
    const struct matmul_attributes *t = call->attributes;
    ct_shape a = call->in[0]->shape, b = call->in[1]->shape;
    return (struct matmul_size){ a.extent[a.rank - 1 - !t->transpose_a], b.extent[b.rank - 1 - t->transpose_b],
                                 a.extent[a.rank - 1 - t->transpose_a] };
}

/* The axes before the last two. */
static ct_shape batch_of(ct_shape shape)
{
    shape.rank -= 2;
    return shape;
}

static bool matmul_shape(ct_tape *tape, const ct_call *call, ct_shape *out)
{
    const struct matmul_attributes *t = call->attributes;
    ct_shape a = call->in[0]->shape, b = call->in[1]->shape;
    if (!ct_shape_broadcast(batch_of(a), batch_of(b), out)) {
        ct_fail(tape, CT_BAD_SHAPE, "matmul: the batch axes of a %s and b %s do not broadcast", CT_TEXT(a), CT_TEXT(b));
        return false;
    }
    struct matmul_size size = size_of(call);
    int64_t b_k = b.extent[b.rank - 1 - !t->transpose_b];
    if (size.k != b_k) {
        ct_fail(tape, CT_BAD_SHAPE, "matmul: a%s %s and b%s %s: the inner extents %lld and %lld differ",
                t->transpose_a ? "ᵀ" : "", CT_TEXT(a), t->transpose_b ? "ᵀ" : "", CT_TEXT(b), (long long)size.k, (long long)b_k);
        return false;
    }
    if (size.m > INT_MAX || size.n > INT_MAX || size.k > INT_MAX) {
        ct_fail(tape, CT_BAD_SHAPE, "matmul: %lld × %lld × %lld; an extent is at most %d", (long long)size.m, (long long)size.n,
                (long long)size.k, INT_MAX);
        return false;
    }
    out->extent[out->rank++] = size.m;
    out->extent[out->rank++] = size.n;
    return true;
}

/* ---- forward: fixed tiles of the result, each one call over the whole of k ---- */

enum { TILE_ROWS = 128, TILE_COLUMNS = 512 };

struct matmul_job {
    struct matmul_size size;
    bool transpose_a, transpose_b;
    ct_dtype dtype;
    int64_t row_tiles, column_tiles;
    ct_shape batch, batch_a, batch_b; /* the result's and the operands' */
    const char *a, *b;
    char *y;
};

static int64_t at_most(int64_t value, int64_t limit) { return value < limit ? value : limit; }

/* The matrix of an operand that makes the result's matrix number `batch`: along an axis of extent 1 it is the same for all. */
static int64_t matrix_of(ct_shape operand, ct_shape result, int64_t batch)
{
    int64_t matrix = 0, step = 1;
    for (int back = 1; back <= operand.rank; back++) {
        const int64_t extent = operand.extent[operand.rank - back], whole = result.extent[result.rank - back];
        matrix += extent == 1 ? 0 : batch % whole * step;
        batch /= whole;
        step *= extent;
    }
    return matrix;
}

static void matmul_tile(const struct matmul_job *job, int64_t tile)
{
    int64_t m = job->size.m, n = job->size.n, k = job->size.k, bytes = (int64_t)ct_dtype_size(job->dtype);
    int64_t column = tile % job->column_tiles * TILE_COLUMNS, row = tile / job->column_tiles % job->row_tiles * TILE_ROWS;
    int64_t batch = tile / job->column_tiles / job->row_tiles;
    int rows = (int)at_most(m - row, TILE_ROWS), columns = (int)at_most(n - column, TILE_COLUMNS);
    int lda = (int)(job->transpose_a ? m : k), ldb = (int)(job->transpose_b ? k : n);
    int64_t matrix_a = matrix_of(job->batch_a, job->batch, batch), matrix_b = matrix_of(job->batch_b, job->batch, batch);
    const void *a = job->a + (matrix_a * m * k + row * (job->transpose_a ? 1 : k)) * bytes;
    const void *b = job->b + (matrix_b * k * n + column * (job->transpose_b ? k : 1)) * bytes;
    void *y = job->y + (batch * m * n + row * n + column) * bytes;
    CBLAS_TRANSPOSE ta = job->transpose_a ? CblasTrans : CblasNoTrans, tb = job->transpose_b ? CblasTrans : CblasNoTrans;
    if (job->dtype == CT_F32)
        cblas_sgemm(CblasRowMajor, ta, tb, rows, columns, (int)k, 1, a, lda, b, ldb, 0, y, (int)n);
    else
        cblas_dgemm(CblasRowMajor, ta, tb, rows, columns, (int)k, 1, a, lda, b, ldb, 0, y, (int)n);
}

static void matmul_tiles(void *context, int64_t begin, int64_t end)
{
    for (int64_t tile = begin; tile < end; tile++)
        matmul_tile(context, tile);
}

/* The threads are ours; OpenBLAS's own would cut the work by their number. */
static void single_thread(void) { openblas_set_num_threads(1); }

static bool matmul_forward(ct_tape *tape, ct_call *call)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const struct matmul_attributes *t = call->attributes;
    ct_shape out = call->out->shape;
    struct matmul_size size = size_of(call);
    (void)tape;
    if (call->out->count == 0)
        return true;
    if (size.k == 0) {
        memset(CT_OUT(call), 0, (size_t)call->out->count * ct_dtype_size(call->out->dtype));
        return true;
    }
    pthread_once(&once, single_thread);
    struct matmul_job job = {
        .size = size, .transpose_a = t->transpose_a, .transpose_b = t->transpose_b, .dtype = call->out->dtype,
        .row_tiles = (size.m - 1) / TILE_ROWS + 1, .column_tiles = (size.n - 1) / TILE_COLUMNS + 1,
        .batch = batch_of(out), .batch_a = batch_of(call->in[0]->shape), .batch_b = batch_of(call->in[1]->shape),
        .a = CT_IN(call, 0), .b = CT_IN(call, 1), .y = CT_OUT(call),
    };
    int64_t work = at_most(size.m, TILE_ROWS) * at_most(size.n, TILE_COLUMNS) * size.k;
    int64_t grain = work < 1 << 18 ? (1 << 18) / work : 1;
    ct_parallel_for(ct_shape_product(out, 0, out.rank - 2) * job.row_tiles * job.column_tiles, grain, matmul_tiles, &job);
    return true;
}

/* ---- derivatives ---- */

/* y = A B with A = a or aᵀ: A's cotangent is g Bᵀ, B's is Aᵀ g; a's is the transpose of A's where a was transposed. Summed over the
 * batches that one matrix served. */
static ct_tensor *matmul_vjp(ct_tape *tape, const ct_call *call, int operand, ct_tensor *g)
{
    const struct matmul_attributes *t = call->attributes;
    ct_tensor *a = call->in[0], *b = call->in[1], *each;
    if (operand == 0)
        each = t->transpose_a ? ct_matmul(tape, b, g, t->transpose_b, true) : ct_matmul(tape, g, b, false, !t->transpose_b);
    else
        each = t->transpose_b ? ct_matmul(tape, g, a, true, t->transpose_a) : ct_matmul(tape, a, g, !t->transpose_a, false);
    return ct_sum_to(tape, each, call->in[operand]->shape);
}

const ct_op ct_op_matmul = {
    .name = "matmul", .arity = 2, .multilinear = true, .shape = matmul_shape, .forward = matmul_forward,
    .vjp = matmul_vjp, .jvp = ct_multilinear_jvp,
};

/* ---- public ---- */

ct_tensor *ct_matmul(ct_tape *tape, ct_tensor *a, ct_tensor *b, bool transpose_a, bool transpose_b)
{
    if (!a || !b)
        return ct_fail(tape, CT_BAD_ARGUMENT, "matmul: %s is NULL", a ? "b" : "a");
    if (a->shape.rank < 2 || b->shape.rank < 2)
        return ct_fail(tape, CT_BAD_SHAPE, "matmul: a %s and b %s; each has rank 2 or more", CT_TEXT(a->shape),
                       CT_TEXT(b->shape));
    struct matmul_attributes attributes = { transpose_a, transpose_b };
    return ct_apply(tape, &ct_op_matmul, 2, (ct_tensor *[]){ a, b }, &attributes, sizeof attributes);
}

ct_tensor *ct_linear(ct_tape *tape, ct_tensor *x, ct_tensor *weight, ct_tensor *bias)
{
    if (!x || !weight)
        return ct_fail(tape, CT_BAD_ARGUMENT, "linear: %s is NULL", x ? "weight" : "x");
    int last = x->shape.rank - 1;
    if (last < 0 || weight->shape.rank != 2 || x->shape.extent[last] != weight->shape.extent[1])
        return ct_fail(tape, CT_BAD_SHAPE, "linear: x %s and weight %s; they are (…, in) and (out, in)", CT_TEXT(x->shape),
                       CT_TEXT(weight->shape));
    int64_t out_features = weight->shape.extent[0];
    if (bias && !ct_shape_equal(bias->shape, CT_SHAPE(out_features)))
        return ct_fail(tape, CT_BAD_SHAPE, "linear: bias %s for weight %s; it is (out)", CT_TEXT(bias->shape),
                       CT_TEXT(weight->shape));
    ct_shape shape = x->shape;
    ct_tensor *rows = last == 1 ? x : ct_reshape(tape, x, CT_SHAPE(ct_shape_product(shape, 0, last), shape.extent[last]));
    ct_tensor *y = ct_matmul(tape, rows, weight, false, true);
    shape.extent[last] = out_features;
    if (last != 1)
        y = ct_reshape(tape, y, shape);
    return bias ? ct_add(tape, y, bias) : y;
}
