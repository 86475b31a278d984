/* Between planes, a channel after the other, and vectors of channels: transposition in registers, VL rows by VL columns. */
#include "lanes.h"

#include <string.h>

#define SHUFFLE __builtin_shufflevector
#if defined __AVX512F__
#define LOW_1(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH_1(a, b) SHUFFLE(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW_2(a, b) SHUFFLE(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH_2(a, b) SHUFFLE(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define LOW_HALF(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define HIGH_HALF(a, b) SHUFFLE(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#define EVEN_4(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define ODD_4(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
#elif defined __AVX__
#define LOW_1(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH_1(a, b) SHUFFLE(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_2(a, b) SHUFFLE(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_2(a, b) SHUFFLE(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define LOW_HALF(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH_HALF(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#else
#define LOW_1(a, b) SHUFFLE(a, b, 0, 4, 1, 5)
#define HIGH_1(a, b) SHUFFLE(a, b, 2, 6, 3, 7)
#define LOW_2(a, b) SHUFFLE(a, b, 0, 1, 4, 5)
#define HIGH_2(a, b) SHUFFLE(a, b, 2, 3, 6, 7)
#endif

/* Rows become columns. First within squares of four, then the quarters of the vectors among themselves. */
ALWAYS void transpose(vec row[VL])
{
    vec half[VL], quad[VL];

    UNROLL
    for (int i = 0; i < VL; i += 2) {
        half[i] = LOW_1(row[i], row[i + 1]);
        half[i + 1] = HIGH_1(row[i], row[i + 1]);
    }
    UNROLL
    for (int i = 0; i < VL; i += 4) {
        quad[i] = LOW_2(half[i], half[i + 2]);
        quad[i + 1] = HIGH_2(half[i], half[i + 2]);
        quad[i + 2] = LOW_2(half[i + 1], half[i + 3]);
        quad[i + 3] = HIGH_2(half[i + 1], half[i + 3]);
    }
    UNROLL
    for (int j = 0; j < 4; j++) {
#if defined __AVX512F__
        vec a = LOW_HALF(quad[j], quad[4 + j]), b = HIGH_HALF(quad[j], quad[4 + j]);
        vec c = LOW_HALF(quad[8 + j], quad[12 + j]), d = HIGH_HALF(quad[8 + j], quad[12 + j]);
        row[j] = EVEN_4(a, c), row[4 + j] = ODD_4(a, c);
        row[8 + j] = EVEN_4(b, d), row[12 + j] = ODD_4(b, d);
#elif defined __AVX__
        row[j] = LOW_HALF(quad[j], quad[4 + j]), row[4 + j] = HIGH_HALF(quad[j], quad[4 + j]);
#else
        row[j] = quad[j];
#endif
    }
}

/* A vector's worth from p on, 0 at and behind the end. */
static vec load_until(const float *p, const float *end)
{
    vec row = { 0 };
    if (p < end)
        memcpy(&row, p, (size_t)(end - p) * sizeof(float));
    return row;
}

/* Lanes are `apart`, or at their own places. */
ALWAYS void gather(const float *from, const float *end, const int64_t *place, int64_t apart, int valid, int64_t count, float *to,
                   int64_t step)
{
    int64_t farthest = (VL - 1) * apart;

    for (int l = 0; place && l < valid; l++)
        farthest = farthest > place[l] ? farthest : place[l];
    for (int64_t j = 0; j < count; j += VL, from += VL, to += VL * step) {
        vec row[VL];
        if (valid == VL && end - from >= farthest + VL) {
            UNROLL
            for (int l = 0; l < VL; l++) {
                const float *p = from + (place ? place[l] : l * apart);
                row[l] = *(const loose *)p;
                __builtin_prefetch(p + 128);
            }
        } else {
            for (int l = 0; l < VL; l++) {
                const float *p = l < valid ? from + (place ? place[l] : l * apart) : end;
                row[l] = end - p >= VL ? (vec)*(const loose *)p : load_until(p, end);
            }
        }
        transpose(row);
        if (count - j >= VL) {
            UNROLL
            for (int l = 0; l < VL; l++)
                *(loose *)(to + l * step) = row[l];
        } else {
            for (int l = 0; l < count - j; l++)
                *(loose *)(to + l * step) = row[l];
        }
    }
}

void V(ct_gather)(const float *from, const float *end, int64_t apart, int valid, int64_t count, float *to, int64_t step)
{
    gather(from, end, NULL, apart, valid, count, to, step);
}

void V(ct_gather_at)(const float *from, const float *end, const int64_t *place, int valid, int64_t count, float *to, int64_t step)
{
    gather(from, end, place, 0, valid, count, to, step);
}

void V(ct_scatter)(const float *from, int64_t step, int64_t count, float *to, int64_t apart, int valid)
{
    for (int64_t j = 0; j < count; j += VL) {
        int64_t back = count - j < VL && count >= VL ? VL - (count - j) : 0; /* the last ones again rather than few */
        const float *source = from + (j - back) * step;
        int64_t some = count - j + back < VL ? count - j : VL;
        vec row[VL];

        if (some == VL) {
            UNROLL
            for (int l = 0; l < VL; l++)
                row[l] = *(const loose *)(source + l * step);
        } else {
            for (int l = 0; l < VL; l++)
                row[l] = l < some ? (vec)*(const loose *)(source + l * step) : (vec){ 0 };
        }
        transpose(row);
        float *place = to + j - back;
        if (valid == VL && some == VL) {
            UNROLL
            for (int l = 0; l < VL; l++)
                *(loose *)(place + l * apart) = row[l];
        } else if (some == VL) {
            for (int l = 0; l < valid; l++)
                *(loose *)(place + l * apart) = row[l];
        } else {
            for (int l = 0; l < valid; l++)
                store_some(place + l * apart, (const float *)&row[l], some);
        }
    }
}
