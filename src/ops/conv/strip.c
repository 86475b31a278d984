/* Strips. */
#include "strip.h"
#include "../../tensor/whole.h"

enum { MOST_COLUMNS = 128 };

static void measure(ct_cut *c, int64_t slack)
{
    c->pitch = ((c->wide - 1) * c->stride[2] + c->reach[2] + 1) * c->channels + slack;
    c->plane = ((c->high - 1) * c->stride[1] + c->reach[1] + 1) * c->pitch;
    c->floats = c->planes * c->plane;
}

ct_cut ct_cut_make(const ct_conv_form *f, bool to_x, int64_t channels, int64_t slack, int64_t floats, int64_t positions)
{
    ct_cut c = { .planes = f->k[0], .channels = channels };

    for (int a = 0; a < 3; a++) {
        c.stride[a] = to_x ? 1 : f->stride[a];
        c.reach[a] = f->dilation[a] * (f->k[a] - 1) / (to_x ? f->stride[a] : 1);
        c.extent[a] = !to_x ? f->y[a]
                      : a   ? (f->x[a] + f->padding[a] - 1) / f->stride[a] - f->padding[a] / f->stride[a] + 1
                            : f->x[a];
    }
    const int64_t row = least(positions, floats / (c.planes * c.stride[2] * channels)); /* where there is but one */
    c.across = ceil_divide(c.extent[2], c.extent[1] == 1 ? most(MOST_COLUMNS, row) : MOST_COLUMNS);
    c.wide = ceil_divide(c.extent[2], c.across);
    c.high = least(c.extent[1], positions / c.wide);
    c.high = c.high < 1 ? 1 : c.high;
    for (measure(&c, slack); c.high > 1 && c.floats > floats; measure(&c, slack))
        c.high--;
    c.down = ceil_divide(c.extent[1], c.high);
    c.high = ceil_divide(c.extent[1], c.down);
    measure(&c, slack);
    c.strips = c.down * c.across;
    return c;
}

ct_strip ct_strip_at(const ct_cut *c, int64_t number)
{
    int64_t column = number % c->across, row = number / c->across % c->down, rest = number / c->strips;
    ct_strip s = { rest / c->extent[0], rest % c->extent[0], row * c->high, column * c->wide, 0, 0 };

    s.high = least(c->high, c->extent[1] - s.row);
    s.wide = least(c->wide, c->extent[2] - s.column);
    return s;
}

int64_t ct_taps_of(const ct_conv_form *f, int axis, int64_t phase, int64_t taps[CT_MOST_TAPS], int64_t back[CT_MOST_TAPS])
{
    int64_t count = 0;

    for (int64_t k = f->k[axis] - 1; k >= 0; k--)
        if (k * f->dilation[axis] % f->stride[axis] == phase) {
            taps[count] = k;
            back[count++] = k * f->dilation[axis] / f->stride[axis];
        }
    return count;
}

int64_t ct_taps_before(const ct_conv_form *f, const int64_t phase[3])
{
    int64_t taps[CT_MOST_TAPS], back[CT_MOST_TAPS], before = 0, count[3];

    for (int a = 0; a < 3; a++)
        count[a] = ct_taps_of(f, a, phase[a], taps, back);
    /* Of whole phases along an axis, all taps of the axes after it. */
    for (int64_t p = 0; p < phase[0]; p++)
        before += ct_taps_of(f, 0, p, taps, back) * f->k[1] * f->k[2];
    for (int64_t p = 0; p < phase[1]; p++)
        before += count[0] * ct_taps_of(f, 1, p, taps, back) * f->k[2];
    for (int64_t p = 0; p < phase[2]; p++)
        before += count[0] * count[1] * ct_taps_of(f, 2, p, taps, back);
    return before;
}
