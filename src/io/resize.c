/* Resampling, first along rows and then along columns: each output value is a weighted mean of the input cells near it. */
#include <math.h>
#include <string.h>

#include "pixels.h"

/* ---- weights along one axis ---- */

struct span {
    int64_t first, count;
};

struct axis {
    int64_t from, to, most; /* cells in, cells out, cells in that one cell out may see */
    struct span *span;      /* [to] */
    double *weight;         /* [to][most] */
};

static double sinc(double x) { return x == 0 ? 1 : sin(M_PI * x) / (M_PI * x); }

static double lanczos3(double x) { return fabs(x) < 3 ? sinc(x) * sinc(x / 3) : 0; }

static double overlap(double a0, double a1, double b0, double b1) { return fmax(0, fmin(a1, b1) - fmax(a0, b0)); }

/* The interval of the input that output cell i looks at. */
static void reach(const struct axis *axis, ct_filter filter, int64_t i, double *low, double *high)
{
    double scale = (double)axis->from / (double)axis->to;
    double half = filter == CT_LANCZOS ? 3 * fmax(scale, 1) : scale / 2;
    *low = ((double)i + 0.5) * scale - half;
    *high = *low + 2 * half;
}

static void weigh(struct axis *axis, ct_filter filter)
{
    double scale = (double)axis->from / (double)axis->to;
    for (int64_t i = 0; i < axis->to; i++) {
        double low, high, sum = 0, *weight = axis->weight + i * axis->most;
        reach(axis, filter, i, &low, &high);
        struct span *span = &axis->span[i];
        span->first = (int64_t)fmax(0, floor(low));
        span->count = (int64_t)fmin((double)axis->from, ceil(high)) - span->first;
        for (int64_t k = 0; k < span->count; k++) {
            double cell = (double)(span->first + k);
            weight[k] = filter == CT_LANCZOS ? lanczos3((cell + 0.5 - (low + high) / 2) / fmax(scale, 1))
                                             : overlap(low, high, cell, cell + 1);
            sum += weight[k];
        }
        for (int64_t k = 0; k < span->count; k++)
            weight[k] /= sum;
    }
}

static void axis_close(struct axis *axis)
{
    ct_release(axis->span, (size_t)axis->to * sizeof *axis->span);
    ct_release(axis->weight, (size_t)(axis->to * axis->most) * sizeof *axis->weight);
}

/* Closed by the caller also when it fails. */
static bool axis_open(struct axis *axis, int64_t from, int64_t to, ct_filter filter)
{
    *axis = (struct axis){ .from = from, .to = to };
    double low, high;
    reach(axis, filter, 0, &low, &high);
    axis->most = (int64_t)ceil(high - low) + 2;
    axis->span = ct_allocate_array((size_t)to, sizeof *axis->span);
    axis->weight = ct_allocate_array((size_t)to, (size_t)axis->most * sizeof *axis->weight);
    if (axis->span == NULL || axis->weight == NULL)
        return false;
    weigh(axis, filter);
    return true;
}

/* ---- images ---- */

static float value_at(const struct ct_view *view, int channel, int64_t row, int64_t column)
{
    int64_t at = channel * view->channel_stride + row * view->row_stride + column * view->column_stride;
    return view->bytes ? (float)((const uint8_t *)view->data)[at] / 127.5f - 1.0f : ((const float *)view->data)[at];
}

/* Row `row` of the rectangle, as the channel that is wanted: luminance by ITU-R BT.601, as JPEG's. */
static void fetch_row(const struct ct_view *view, struct ct_rectangle from, int64_t row, int channels, int channel, float *line)
{
    for (int64_t x = 0; x < from.width; x++) {
        int64_t r = from.top + row, c = from.left + x;
        if (view->channels == channels)
            line[x] = value_at(view, channel, r, c);
        else if (view->channels == 1)
            line[x] = value_at(view, 0, r, c);
        else
            line[x] = 0.299f * value_at(view, 0, r, c) + 0.587f * value_at(view, 1, r, c) + 0.114f * value_at(view, 2, r, c);
    }
}

static void resize_channel(const struct ct_view *view, struct ct_rectangle from, const struct axis *down, const struct axis *across,
                           int channels, int channel, float *line, float *narrow, float *to)
{
    for (int64_t y = 0; y < from.height; y++) {
        fetch_row(view, from, y, channels, channel, line);
        for (int64_t x = 0; x < across->to; x++) {
            const double *weight = across->weight + x * across->most;
            double sum = 0;
            for (int64_t k = 0; k < across->span[x].count; k++)
                sum += weight[k] * (double)line[across->span[x].first + k];
            narrow[y * across->to + x] = (float)sum;
        }
    }
    for (int64_t y = 0; y < down->to; y++)
        for (int64_t x = 0; x < across->to; x++) {
            const double *weight = down->weight + y * down->most;
            double sum = 0;
            for (int64_t k = 0; k < down->span[y].count; k++)
                sum += weight[k] * (double)narrow[(down->span[y].first + k) * across->to + x];
            to[y * across->to + x] = (float)sum;
        }
}

ct_status ct_view_resize(const struct ct_view *view, struct ct_rectangle from, ct_filter filter, int channels, int64_t height,
                         int64_t width, float *to, ct_error *error)
{
    struct axis down = { 0 }, across = { 0 };
    size_t line_bytes = (size_t)from.width * sizeof(float), narrow_bytes = (size_t)width * sizeof(float);
    bool good = axis_open(&down, from.height, height, filter) && axis_open(&across, from.width, width, filter);
    float *line = good ? ct_allocate(line_bytes) : NULL, *narrow = good ? ct_allocate_array((size_t)from.height, narrow_bytes) : NULL;
    ct_status status = CT_OK;
    if (line == NULL || narrow == NULL)
        status = ct_error_set(error, CT_NO_MEMORY, "resize: out of memory for %lld × %lld", (long long)width, (long long)height);
    for (int channel = 0; channel < channels && status == CT_OK; channel++)
        resize_channel(view, from, &down, &across, channels, channel, line, narrow, to + channel * height * width);
    for (int64_t i = 0; i < channels * height * width && status == CT_OK && filter == CT_LANCZOS; i++) /* overshoots at edges */
        to[i] = to[i] < -1 ? -1 : to[i] > 1 ? 1 : to[i];
    ct_release(narrow, (size_t)from.height * narrow_bytes);
    ct_release(line, line_bytes);
    axis_close(&across);
    axis_close(&down);
    return status;
}

struct ct_rectangle ct_view_square(const struct ct_view *view)
{
    int64_t side = view->height < view->width ? view->height : view->width;
    return (struct ct_rectangle){ (view->height - side) / 2, (view->width - side) / 2, side, side };
}
