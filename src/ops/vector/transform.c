/* The one-dimensional transforms: each of an algorithm's three matrices and each transposed, unrolled so that zeros cost nothing. */
#include "lanes.h"

#include "bilinear_tables.h"

/* matrix[i · row + j · column] for output i, input j. All but the places are constants where this is inlined. */
ALWAYS void lines_by(const float *matrix, int rows, int columns, int row, int column, bool add, const float *in, ct_lines from,
                     float *out, ct_lines to, int64_t lines, int64_t groups)
{
    for (int64_t g = 0; g < groups; g++) {
        const float *source = in + g * from.group;
        float *target = out + g * to.group;

        for (int64_t n = 0; n < lines; n++, source += from.line, target += to.line) {
            vec x[6];
            UNROLL
            for (int j = 0; j < columns; j++)
                x[j] = *(const vec *)(source + j * from.step);
            UNROLL
            for (int i = 0; i < rows; i++) {
                vec sum = add ? *(vec *)(target + i * to.step) : (vec){ 0 };
                bool any = add;
                UNROLL
                for (int j = 0; j < columns; j++) {
                    float factor = matrix[i * row + j * column];
                    if (factor != 0) {
                        sum = any ? sum + factor * x[j] : factor * x[j];
                        any = true;
                    }
                }
                *(vec *)(target + i * to.step) = sum;
            }
        }
    }
}

#define PLACES const float *in, ct_lines from, float *out, ct_lines to, int64_t lines, int64_t groups
#define FORWARD(name, table, rows, columns, add)                                                                              \
    static void name(PLACES) { lines_by(&table[0][0], rows, columns, columns, 1, add, in, from, out, to, lines, groups); }
#define ADJOINT(name, table, rows, columns, add)                                                                              \
    static void name(PLACES) { lines_by(&table[0][0], columns, rows, 1, columns, add, in, from, out, to, lines, groups); }

/* Inputs overlap from tile to tile, so what is adjoint to reading them adds. */
#define ALGORITHM(id, m, r)                                              \
    FORWARD(input_##id, ct_f##id##_b, m + r - 1, m + r - 1, false)       \
    ADJOINT(input_adjoint_##id, ct_f##id##_b, m + r - 1, m + r - 1, true) \
    FORWARD(kernel_##id, ct_f##id##_g, m + r - 1, r, false)              \
    ADJOINT(kernel_adjoint_##id, ct_f##id##_g, m + r - 1, r, false)      \
    ADJOINT(output_##id, ct_f##id##_a, m + r - 1, m, false)              \
    FORWARD(output_adjoint_##id, ct_f##id##_a, m + r - 1, m, false)
CT_BILINEAR_ALGORITHMS(ALGORITHM)

#define ROW(id, m, r)                                  \
    {                                                  \
        [CT_INPUT] = input_##id,                       \
        [CT_INPUT_ADJOINT] = input_adjoint_##id,       \
        [CT_KERNEL_SIDE] = kernel_##id,                \
        [CT_KERNEL_ADJOINT] = kernel_adjoint_##id,     \
        [CT_OUTPUT] = output_##id,                     \
        [CT_OUTPUT_ADJOINT] = output_adjoint_##id,     \
    },
ct_transform *const V(ct_transforms)[][CT_TRANSFORMS] = { CT_BILINEAR_ALGORITHMS(ROW) };
