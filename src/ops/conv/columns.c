/* Columns and OpenBLAS. The work is cut into pieces by the shape alone, and the pieces are dealt to a fixed number of lanes, each
 * with its own scratch, so the bits do not depend on the threads. A piece owns what it writes:
 *
 *     conv            (image, group, tile of output positions)   its part of y
 *     conv_transpose  (image, group, block of channels)          its planes of x
 *     conv_weight     (part of the batch, group, block of channels), where there are several parts summed over them in order
 */
#include "conv.h"
#include "../../tensor/whole.h"

#include <pthread.h>
#include <string.h>

#include <cblas.h>

#include "../kernels/conv_columns.h"

#define MAX_LANES 32
#define MAX_PARTS 8
#define MAX_SUMS (1 << 20) /* numbers of all parts, but of one */
#define TILE_NUMBERS (1 << 16) /* aimed at, of one piece's columns */

typedef void kernel(const ct_conv_form *form, const ct_columns_piece *piece, const void *a, const void *b, void *out, void *scratch);
typedef void sum_kernel(const void *partial, int64_t partials, int64_t count, void *out, int64_t begin, int64_t end);

struct job {
    kernel *kernel;
    sum_kernel *sum;
    const ct_conv_form *form;
    ct_conv_map map;
    const void *a, *b;
    char *out, *scratch;
    size_t element;
    int64_t block, blocks;      /* channels of a piece; pieces of a group's channels */
    int64_t tile, tiles;        /* positions of a tile; tiles of an image, where each is a piece */
    int64_t parts;              /* of the batch, for conv_weight */
    int64_t pieces, lanes, lane_numbers, weights;
};

static void run_piece(const struct job *job, int64_t number, void *scratch)
{
    const ct_conv_form *form = job->form;
    int64_t in = form->x_channels / form->groups, positions = ct_conv_volume(form->y);
    int64_t tile = number % job->tiles, block = number / job->tiles % job->blocks;
    int64_t group = number / job->tiles / job->blocks % form->groups, image = number / job->tiles / job->blocks / form->groups;
    ct_columns_piece piece = {
        .image = image,
        .group = group,
        .channel = block * job->block,
        .channels = least(job->block, in - block * job->block),
        .begin = job->tiles > 1 ? tile * job->tile : 0,
        .end = job->tiles > 1 ? least((tile + 1) * job->tile, positions) : positions,
        .tile = job->tile,
    };

    if (job->map != CT_MAP_WEIGHT) {
        job->kernel(form, &piece, job->a, job->b, job->out, scratch);
        return;
    }
    int64_t part = image, first = part * form->batch / job->parts, last = (part + 1) * form->batch / job->parts;
    for (piece.image = first; piece.image < last; piece.image++, piece.add = true)
        job->kernel(form, &piece, job->a, job->b, job->out + (size_t)(part * job->weights) * job->element, scratch);
}

static void run_lanes(void *context, int64_t begin, int64_t end)
{
    const struct job *job = context;

    for (int64_t lane = begin; lane < end; lane++)
        for (int64_t i = lane * job->pieces / job->lanes; i < (lane + 1) * job->pieces / job->lanes; i++)
            run_piece(job, i, job->scratch + (size_t)(lane * job->lane_numbers) * job->element);
}

static void run_sum(void *context, int64_t begin, int64_t end)
{
    const struct job *job = context;
    job->sum(job->scratch, job->parts, job->weights, job->out, begin, end);
}

/* How a map is cut. */
static void cut(struct job *job)
{
    const ct_conv_form *form = job->form;
    int64_t in = form->x_channels / form->groups, taps = ct_conv_volume(form->k), positions = ct_conv_volume(form->y);
    int64_t images = job->map == CT_MAP_WEIGHT ? job->parts : form->batch;

    /* Blocks of channels only where the batch alone gives too few pieces, and none of under 128 rows. */
    job->blocks = 1;
    if (job->map != CT_MAP_CONV)
        job->blocks = least(ceil_divide(MAX_LANES, images * form->groups), ceil_divide(in * taps, 128));
    job->blocks = least(job->blocks, in);
    job->block = ceil_divide(in, job->blocks);
    job->blocks = ceil_divide(in, job->block);

    int64_t rows = job->block * taps;
    job->tile = least(positions, TILE_NUMBERS / rows > 64 ? TILE_NUMBERS / rows : 64);
    job->tiles = job->map == CT_MAP_CONV ? ceil_divide(positions, job->tile) : 1;
    job->pieces = images * form->groups * job->blocks * job->tiles;
    job->lanes = least(job->pieces, ct_conv_work(form) < CT_CONV_GRAIN ? 1 : MAX_LANES);
    job->lane_numbers = (rows * job->tile + 15) / 16 * 16;
}

/* Threads are ours: one product, one thread. */
static void one_thread(void) { openblas_set_num_threads(1); }

/* BLAS counts in int. */
static bool fits(const ct_conv_form *form)
{
    int64_t wide, in = form->x_channels / form->groups;
    return !__builtin_mul_overflow(in, ct_conv_volume(form->k), &wide) && wide <= INT32_MAX / 64 && ct_conv_volume(form->y) <= INT32_MAX;
}

/* ---- a kernel that covers all of x ---- */

typedef void dense_kernel(const ct_conv_form *form, ct_conv_map map, const void *a, const void *b, void *out, int64_t begin, int64_t end);

struct dense_job {
    dense_kernel *kernel;
    const ct_conv_form *form;
    ct_conv_map map;
    const void *a, *b;
    void *out;
};

static void run_dense(void *context, int64_t begin, int64_t end)
{
    const struct dense_job *job = context;
    job->kernel(job->form, job->map, job->a, job->b, job->out, begin, end);
}

bool ct_conv_is_dense(const ct_conv_form *f)
{
    bool dense = f->groups == 1 && ct_conv_volume(f->y) == 1 && f->batch <= INT32_MAX;
    for (int a = 0; a < CT_MAX_SPATIAL; a++)
        dense &= f->x[a] == f->k[a] && f->padding[a] == 0 && (f->k[a] == 1 || f->dilation[a] == 1); /* dilated, it ends in the padding */
    return dense && fits(f);
}

bool ct_conv_run_columns(ct_tape *tape, const ct_conv_form *form, ct_conv_map map, ct_dtype dtype, const void *a, const void *b,
                         void *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    kernel *const kernels[CT_MAPS] = {
        CT_KERNEL_OF(dtype, ct_k_columns_y),
        CT_KERNEL_OF(dtype, ct_k_columns_x),
        CT_KERNEL_OF(dtype, ct_k_columns_w),
    };
    struct job job = {
        .kernel = kernels[map],
        .sum = CT_KERNEL_OF(dtype, ct_k_columns_sum),
        .form = form,
        .map = map,
        .a = a,
        .b = b,
        .out = out,
        .element = ct_dtype_size(dtype),
        .weights = form->y_channels * (form->x_channels / form->groups) * ct_conv_volume(form->k),
    };
    ct_tensor *partial = NULL;

    if (!fits(form))
        return ct_conv_run_reference(tape, form, map, dtype, a, b, out);
    pthread_once(&once, one_thread);
    if (ct_conv_is_dense(form)) {
        int64_t columns = map == CT_MAP_CONV ? form->y_channels : form->x_channels * ct_conv_volume(form->k);
        ct_parallel_for(columns, map == CT_MAP_CONV ? 32 : 512, run_dense,
                        &(struct dense_job){ CT_KERNEL_OF(dtype, ct_k_dense), form, map, a, b, out });
        return true;
    }
    job.parts = least(least(form->batch, MAX_PARTS), most(1, MAX_SUMS / job.weights));
    cut(&job);

    ct_tensor *scratch = ct_tape_tensor(tape, dtype, CT_SHAPE(job.lanes, job.lane_numbers));
    if (!scratch)
        return false;
    job.scratch = ct_data(scratch);
    if (map == CT_MAP_WEIGHT && job.parts > 1) {
        partial = ct_tape_tensor(tape, dtype, CT_SHAPE(job.parts, job.weights));
        if (!partial) {
            ct_tape_drop(tape, scratch);
            return false;
        }
        job.out = ct_data(partial);
    }

    ct_parallel_for(job.lanes, 1, run_lanes, &job);

    if (partial) {
        job.scratch = job.out, job.out = out;
        ct_parallel_for(job.weights, 1 << 12, run_sum, &job);
        ct_tape_drop(tape, partial);
    }
    ct_tape_drop(tape, scratch);
    return true;
}
