/* Planes of pixels, to where their products are and back. */
#include "lanes.h"

#define SHUFFLE __builtin_shufflevector
#if defined __AVX512F__
#define EVEN(a, b) SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#elif defined __AVX__
#define EVEN(a, b) SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#else
#define EVEN(a, b) SHUFFLE(a, b, 0, 2, 4, 6)
#endif

/* VL columns of a row from `from` on, those that are there, and 0. */
ALWAYS vec some_of(const ct_plane_copy *p, const float *from, int64_t column, int64_t step)
{
    const whole_numbers lane = LANES;
    vec v;

    if (from >= p->data && p->end - from >= step * VL) {
        v = step == 1 ? (vec)*(const loose *)from : (vec)EVEN(*(const loose *)from, *(const loose *)(from + VL));
        const whole_numbers there = (lane >= (int32_t)most(p->left - column, 0)) & (lane < (int32_t)least(p->right - column, VL));
        return (vec)((whole_numbers)v & there);
    }
    for (int64_t l = 0; l < VL; l++)
        v[l] = column + l >= p->left && column + l < p->right ? from[l * step] : 0;
    return v;
}

ALWAYS void rows_of(const ct_plane_copy *p, int64_t step)
{
    for (int64_t i = p->top; i < p->bottom; i++) {
        const float *from = p->data + p->first + i * p->row;
        float *to = p->to + i * p->columns;
        for (int64_t j = 0; j < p->columns; j += VL) {
            __builtin_prefetch(from + j * step + p->ahead);
            *(loose *)(to + j) = step == 1 && j >= p->left && j + VL <= p->right ? (vec)*(const loose *)(from + j)
                                                                                  : some_of(p, from + j * step, j, step);
        }
    }
}

static void zero(float *to, int64_t count)
{
    for (int64_t j = 0; j < count; j += VL)
        *(loose *)(to + j) = (vec){ 0 };
}

void V(ct_load_plane)(const ct_plane_copy *p)
{
    zero(p->to, p->top * p->columns);
    if (p->step == 1)
        rows_of(p, 1);
    else if (p->step == 2)
        rows_of(p, 2);
    else
        for (int64_t i = p->top; i < p->bottom; i++)
            for (int64_t j = 0; j < p->columns; j++)
                p->to[i * p->columns + j] = j >= p->left && j < p->right ? p->data[p->first + i * p->row + j * p->step] : 0;
    zero(p->to + p->bottom * p->columns, (p->rows - p->bottom) * p->columns + VL);
}

void V(ct_store_rows)(const ct_rows *r)
{
    const float *from = r->from;
    float *to = r->to;
    int64_t i = 0, columns = r->columns;

    if (r->step > 1) {
        for (; i < r->rows; i++, from += r->from_row, to += r->to_row)
            for (int64_t j = 0; j < columns; j++)
                to[j * r->step] = from[j];
    } else if (columns >= VL) {
        for (; i < r->rows; i++, from += r->from_row, to += r->to_row) {
            for (int64_t j = 0; j < columns - VL; j += VL) {
                __builtin_prefetch(to + j + r->ahead, 1);
                *(loose *)(to + j) = *(const loose *)(from + j);
            }
            __builtin_prefetch(to + columns - VL + r->ahead, 1);
            *(loose *)(to + columns - VL) = *(const loose *)(from + columns - VL);
        }
    } else {
        for (; i < r->rows && r->end - to >= VL; i++, from += r->from_row, to += r->to_row) {
            __builtin_prefetch(to + r->ahead, 1);
            *(loose *)to = *(const loose *)from;
        }
        for (; i < r->rows; i++, from += r->from_row, to += r->to_row)
            store_some(to, from, columns);
    }
}
