/* Columns: row (c, k), column q of a tile holds x[c, q·stride − padding + k·dilation], so that a conv is a matrix product. */
#include "conv_columns.h"
#include "../../tensor/whole.h"

#include <cblas.h>
#include <string.h>

#include "real.h"

#if CT_REAL == 32
#define GEMM cblas_sgemm
#else
#define GEMM cblas_dgemm
#endif

static int64_t volume(const int64_t extent[3]) { return extent[0] * extent[1] * extent[2]; }

static int64_t within(int64_t a, int64_t length) { return a < 0 ? 0 : least(a, length); }

static inline void take(const real *from, real *to, int64_t count, int64_t stride)
{
    for (int64_t j = 0; j < count; j++)
        to[j] = from[j * stride];
}

static inline void give(const real *from, real *to, int64_t count, int64_t stride)
{
    for (int64_t j = 0; j < count; j++)
        to[j * stride] += from[j];
}

/* The common strides are constants, so that the compiler vectorises them. */
#define BY_STRIDE(move, from, to, count, stride)                          \
    ((stride) == 1   ? move(from, to, count, 1)                           \
     : (stride) == 2 ? move(from, to, count, 2)                           \
                     : move(from, to, count, stride))

/* One row of the tile [begin, end), which is x's plane seen through tap k; `back` adds it to where it came from. */
static void row_of(const ct_conv_form *f, real *plane, const int64_t k[3], real *row, int64_t begin, int64_t end, bool back)
{
    const int64_t wide = f->y[2], stride = f->stride[2], first = k[2] * f->dilation[2] - f->padding[2];
    const int64_t low = ceil_divide(-first, stride), high = ceil_divide(f->x[2] - first, stride); /* outputs between lie in x */
    int64_t q = begin % wide, h = begin / wide % f->y[1], d = begin / wide / f->y[1];

    for (int64_t i = begin, length; i < end; i += length, row += length, q = 0) {
        int64_t at[2] = { d * f->stride[0] - f->padding[0] + k[0] * f->dilation[0], h * f->stride[1] - f->padding[1] + k[1] * f->dilation[1] };
        bool there = at[0] >= 0 && at[0] < f->x[0] && at[1] >= 0 && at[1] < f->x[1];

        length = least(wide - q, end - i);
        int64_t from = within(low - q, length), to = there ? within(high - q, length) : 0;
        real *x = to > from ? plane + (at[0] * f->x[1] + at[1]) * f->x[2] + first + (q + from) * stride : NULL;
        if (x && back) {
            BY_STRIDE(give, row + from, x, to - from, stride);
        } else if (!back) {
            if (!x || to - from < length)
                memset(row, 0, (size_t)length * sizeof *row);
            if (x)
                BY_STRIDE(take, x, row + from, to - from, stride);
        }
        if (++h == f->y[1])
            h = 0, d++;
    }
}

/* Fills the tile [begin, end) of columns from the piece's planes of x, or adds the columns back to where they came from. */
static void columns(const ct_conv_form *f, int64_t channels, real *x, real *column, int64_t begin, int64_t end, bool back)
{
    for (int64_t c = 0; c < channels; c++, x += volume(f->x))
        for (int64_t k[3] = { 0 }; k[0] < f->k[0]; k[0]++)
            for (k[1] = 0; k[1] < f->k[1]; k[1]++)
                for (k[2] = 0; k[2] < f->k[2]; k[2]++, column += end - begin)
                    row_of(f, x, k, column, begin, end, back);
}

/* Where the piece lies in the three tensors, and the sizes of its matrices. */
struct place {
    int64_t x, w, y;   /* offsets */
    int out, rows, wide; /* output channels of the group; rows of columns: channels · taps; a whole row of w: C/groups · taps */
    int64_t positions;
};

static struct place find_place(const ct_conv_form *f, const ct_columns_piece *p)
{
    int64_t in = f->x_channels / f->groups, out = f->y_channels / f->groups, taps = volume(f->k);

    return (struct place){
        .x = (p->image * f->x_channels + p->group * in + p->channel) * volume(f->x),
        .w = p->group * out * in * taps + p->channel * taps,
        .y = (p->image * f->y_channels + p->group * out) * volume(f->y),
        .out = (int)out,
        .rows = (int)(p->channels * taps),
        .wide = (int)(in * taps),
        .positions = volume(f->y),
    };
}

/* A kernel of one tap, no stride, no padding: x is its own columns. */
static bool is_columns(const ct_conv_form *f)
{
    bool same = volume(f->k) == 1 && volume(f->stride) == 1;
    for (int a = 0; a < 3; a++)
        same &= f->padding[a] == 0 && f->x[a] == f->y[a];
    return same;
}

void X(ct_k_columns_y)(const ct_conv_form *f, const ct_columns_piece *p, const void *x, const void *w, void *y, void *scratch)
{
    struct place at = find_place(f, p);

    for (int64_t q = p->begin; q < p->end; q += p->tile) {
        int64_t end = least(q + p->tile, p->end);
        const bool own = is_columns(f);
        if (!own)
            columns(f, p->channels, (real *)x + at.x, scratch, q, end, false);
        GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, at.out, (int)(end - q), at.rows, 1, (const real *)w + at.w, at.wide,
             own ? (const real *)x + at.x + q : scratch, (int)(own ? at.positions : end - q), 0, (real *)y + at.y + q,
             (int)at.positions);
    }
}

void X(ct_k_columns_x)(const ct_conv_form *f, const ct_columns_piece *p, const void *y, const void *w, void *x, void *scratch)
{
    struct place at = find_place(f, p);

    const bool own = is_columns(f);
    if (!own)
        memset((real *)x + at.x, 0, (size_t)(p->channels * volume(f->x)) * sizeof(real));
    for (int64_t q = p->begin; q < p->end; q += p->tile) {
        int64_t end = least(q + p->tile, p->end);
        GEMM(CblasRowMajor, CblasTrans, CblasNoTrans, at.rows, (int)(end - q), at.out, 1, (const real *)w + at.w, at.wide,
             (const real *)y + at.y + q, (int)at.positions, 0, own ? (real *)x + at.x + q : scratch,
             (int)(own ? at.positions : end - q));
        if (!own)
            columns(f, p->channels, (real *)x + at.x, scratch, q, end, true);
    }
}

void X(ct_k_columns_w)(const ct_conv_form *f, const ct_columns_piece *p, const void *x, const void *y, void *w, void *scratch)
{
    struct place at = find_place(f, p);

    for (int64_t q = p->begin; q < p->end; q += p->tile) {
        int64_t end = least(q + p->tile, p->end);
        const bool own = is_columns(f);
        if (!own)
            columns(f, p->channels, (real *)x + at.x, scratch, q, end, false);
        GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, at.out, at.rows, (int)(end - q), 1, (const real *)y + at.y + q,
             (int)at.positions, own ? (const real *)x + at.x + q : scratch, (int)(own ? at.positions : end - q),
             p->add || q > p->begin ? 1 : 0, (real *)w + at.w, at.wide);
    }
}

void X(ct_k_dense)(const ct_conv_form *f, ct_conv_map map, const void *va, const void *vb, void *vout, int64_t begin, int64_t end)
{
    const real *a = va, *b = vb;
    real *out = (real *)vout + begin;
    const int images = (int)f->batch, outs = (int)f->y_channels, wide = (int)(f->x_channels * volume(f->k)), some = (int)(end - begin);

    if (map == CT_MAP_CONV)
        GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, images, some, wide, 1, a, wide, b + begin * wide, wide, 0, out, outs);
    else if (map == CT_MAP_TRANSPOSE)
        GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, images, some, outs, 1, a, outs, b + begin, wide, 0, out, wide);
    else
        GEMM(CblasRowMajor, CblasTrans, CblasNoTrans, outs, some, images, 1, b, outs, a + begin, wide, 0, out, wide);
}

void X(ct_k_columns_sum)(const void *partial, int64_t partials, int64_t count, void *out, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) {
        double sum = 0;
        for (int64_t p = 0; p < partials; p++)
            sum += (double)((const real *)partial)[p * count + i];
        ((real *)out)[i] = (real)sum;
    }
}
