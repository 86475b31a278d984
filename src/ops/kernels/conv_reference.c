/* T(x, w, y) = Σ y[n, o, q] w[o, c, k] x[n, c, q·stride − padding + k·dilation], contracted by loops; sums in float64. */
#include "conv_reference.h"

#include "real.h"

/* Where tap k of output q looks, as a flat position in the plane of x; −1 in the padding. */
static int64_t look(const ct_conv_form *f, const int64_t q[3], const int64_t k[3])
{
    int64_t place = 0;

    for (int a = 0; a < 3; a++) {
        int64_t at = q[a] * f->stride[a] - f->padding[a] + k[a] * f->dilation[a];
        if (at < 0 || at >= f->x[a])
            return -1;
        place = place * f->x[a] + at;
    }
    return place;
}

/* Which output's tap k looks at x position p; −1 if none does. */
static int64_t seen_by(const ct_conv_form *f, const int64_t p[3], const int64_t k[3])
{
    int64_t place = 0;

    for (int a = 0; a < 3; a++) {
        int64_t way = p[a] + f->padding[a] - k[a] * f->dilation[a];
        if (way < 0 || way % f->stride[a] || way / f->stride[a] >= f->y[a])
            return -1;
        place = place * f->y[a] + way / f->stride[a];
    }
    return place;
}

#define EACH(index, extent)                                                        \
    for (int64_t index[3] = { 0 }; index[0] < (extent)[0]; index[0]++)             \
        for (index[1] = 0; index[1] < (extent)[1]; index[1]++)                     \
            for (index[2] = 0; index[2] < (extent)[2]; index[2]++)

static int64_t volume(const int64_t extent[3]) { return extent[0] * extent[1] * extent[2]; }

void X(ct_k_conv_reference_y)(const ct_conv_form *f, const void *vx, const void *vw, void *vy, int64_t begin, int64_t end)
{
    const real *x = vx, *w = vw;
    real *y = (real *)vy + begin * volume(f->y);
    int64_t in = f->x_channels / f->groups, out = f->y_channels / f->groups, taps = volume(f->k), size = volume(f->x);

    for (int64_t plane = begin; plane < end; plane++) {
        int64_t n = plane / f->y_channels, o = plane % f->y_channels;
        const real *image = x + (n * f->x_channels + o / out * in) * size, *filter = w + o * in * taps;

        EACH(q, f->y) {
            double sum = 0;
            for (int64_t c = 0; c < in; c++) {
                int64_t tap = c * taps;
                EACH(k, f->k) {
                    int64_t place = look(f, q, k);
                    if (place >= 0)
                        sum += (double)filter[tap] * (double)image[c * size + place];
                    tap++;
                }
            }
            *y++ = (real)sum;
        }
    }
}

void X(ct_k_conv_reference_x)(const ct_conv_form *f, const void *vy, const void *vw, void *vx, int64_t begin, int64_t end)
{
    const real *y = vy, *w = vw;
    real *x = (real *)vx + begin * volume(f->x);
    int64_t in = f->x_channels / f->groups, out = f->y_channels / f->groups, taps = volume(f->k), size = volume(f->y);

    for (int64_t plane = begin; plane < end; plane++) {
        int64_t n = plane / f->x_channels, c = plane % f->x_channels, first = c / in * out;
        const real *image = y + (n * f->y_channels + first) * size, *filter = w + (first * in + c % in) * taps;

        EACH(p, f->x) {
            double sum = 0;
            for (int64_t o = 0; o < out; o++) {
                int64_t tap = o * in * taps;
                EACH(k, f->k) {
                    int64_t place = seen_by(f, p, k);
                    if (place >= 0)
                        sum += (double)filter[tap] * (double)image[o * size + place];
                    tap++;
                }
            }
            *x++ = (real)sum;
        }
    }
}

void X(ct_k_conv_reference_w)(const ct_conv_form *f, const void *vx, const void *vy, void *vw, int64_t begin, int64_t end)
{
    const real *x = vx, *y = vy;
    real *w = (real *)vw + begin * volume(f->k);
    int64_t in = f->x_channels / f->groups, out = f->y_channels / f->groups;

    for (int64_t plane = begin; plane < end; plane++) {
        int64_t o = plane / in, c = o / out * in + plane % in;

        EACH(k, f->k) {
            double sum = 0;
            for (int64_t n = 0; n < f->batch; n++) {
                const real *from = x + (n * f->x_channels + c) * volume(f->x), *by = y + (n * f->y_channels + o) * volume(f->y);
                EACH(q, f->y) {
                    int64_t place = look(f, q, k);
                    if (place >= 0)
                        sum += (double)*by * (double)from[place];
                    by++;
                }
            }
            *w++ = (real)sum;
        }
    }
}
