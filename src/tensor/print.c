/* Tensors as text, as NumPy's print(array) writes them: precision 8, threshold 1,000, 3 edge items, 75 columns. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { PRECISION = 8, THRESHOLD = 1000, EDGE = 3, LINE_WIDTH = 75 };

/* ---- where the text goes: a file, or as much of a buffer as there is ---- */

struct sink {
    FILE *file;
    char *text;
    size_t size, length;
    int blanks; /* not yet written: those before a line's end never are */
};

static void put_raw(struct sink *sink, char c)
{
    if (sink->file)
        fputc(c, sink->file);
    else if (sink->length + 1 < sink->size)
        sink->text[sink->length] = c;
    sink->length++;
}

static void put(struct sink *sink, const char *text)
{
    for (; *text; text++) {
        if (*text == ' ') {
            sink->blanks++;
            continue;
        }
        for (; sink->blanks && *text != '\n'; sink->blanks--)
            put_raw(sink, ' ');
        sink->blanks = 0;
        put_raw(sink, *text);
    }
}

static void put_blanks(struct sink *sink, int count) { sink->blanks += count; }

/* ---- a number's decimal digits ---- */

struct decimal {
    char digits[64]; /* the first stands before the point, times 10^exponent */
    int count, exponent;
};

/* Reads what printf's %e or %f wrote, whatever the locale's point is; drops zeros at the end. */
static struct decimal parse_digits(const char *text)
{
    struct decimal decimal = { .exponent = -1 };
    bool point = false, leading = true;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9') {
            point |= *text != '-';
            continue;
        }
        leading &= *text == '0';
        decimal.exponent += !leading && !point ? 1 : leading && point ? -1 : 0;
        if (!leading && decimal.count < (int)sizeof decimal.digits - 1)
            decimal.digits[decimal.count++] = *text;
    }
    if (*text == 'e')
        decimal.exponent += atoi(text + 1);
    while (decimal.count > 0 && decimal.digits[decimal.count - 1] == '0')
        decimal.count--;
    if (decimal.count == 0) {
        decimal.digits[decimal.count++] = '0';
        decimal.exponent = 0;
    }
    return decimal;
}

/* The fewest digits that read back as the same value of that dtype. */
static struct decimal shortest(double value, ct_dtype dtype)
{
    char text[64];
    for (int digits = 0; digits < 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits, value);
        if (dtype == CT_F32 ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
            break;
    }
    return parse_digits(text);
}

static int fraction_length(const struct decimal *decimal, bool scientific)
{
    int length = decimal->count - 1 - (scientific ? 0 : decimal->exponent);
    return length > 0 ? length : 0;
}

/* The shortest digits, or the value rounded to 8 places when they are more; before the point only true digits. */
static struct decimal rounded(double value, ct_dtype dtype, bool scientific)
{
    struct decimal decimal = shortest(value, dtype);
    int places = fraction_length(&decimal, scientific);
    if (places > PRECISION || (!scientific && decimal.exponent >= decimal.count)) {
        char text[400];
        snprintf(text, sizeof text, scientific ? "%.*e" : "%.*f", places > PRECISION ? PRECISION : 0, value);
        decimal = parse_digits(text);
    }
    return decimal;
}

/* Writes sign, digits and point, and, when it has digits, the exponent; the fraction has at least min_fraction digits. */
static int write_decimal(char *text, size_t size, const struct decimal *decimal, bool negative, int exponent_digits,
                         int min_fraction)
{
    bool scientific = exponent_digits > 0;
    int exponent = scientific ? 0 : decimal->exponent, fraction = fraction_length(decimal, scientific);
    if (fraction < min_fraction)
        fraction = min_fraction;
    size_t length = 0;
    if (negative)
        text[length++] = '-';
    for (int place = exponent > 0 ? exponent : 0; place >= -fraction && length + 16 < size; place--) {
        int position = exponent - place;
        text[length++] = position >= 0 && position < decimal->count ? decimal->digits[position] : '0';
        if (place == 0)
            text[length++] = '.';
    }
    text[length] = '\0';
    if (scientific)
        length += (size_t)snprintf(text + length, size - length, "e%+0*d", exponent_digits + 1, decimal->exponent);
    return (int)length;
}

/* A scalar: all its digits, and at least one after the point. */
static void put_scalar(struct sink *sink, double value, ct_dtype dtype)
{
    char text[128];
    bool scientific = value != 0 && (fabs(value) < 1e-4 || fabs(value) >= 1e16);
    if (isfinite(value)) {
        struct decimal decimal = shortest(value, dtype);
        write_decimal(text, sizeof text, &decimal, signbit(value), scientific ? 2 : 0, !scientific);
        char *point = scientific && decimal.count == 1 ? strchr(text, '.') : NULL; /* 1e+20 has none */
        if (point)
            memmove(point, point + 1, strlen(point));
    }
    put(sink, isnan(value) ? "nan" : isinf(value) ? value < 0 ? "-inf" : "inf" : text);
}

/* ---- the elements that are shown, and the form that suits them all ---- */

struct layout {
    const ct_tensor *tensor;
    bool summary;    /* only 3 elements from each end of a longer axis */
    bool scientific;
    int left, right; /* columns before and after the point, the exponent not counted */
    int exponent_digits;
    bool any_special, any_minus_infinity;
    double smallest, largest; /* of the finite values' magnitudes but 0 */
};

/* The next position along an axis, jumping over what a summary leaves out. */
static int64_t next_shown(const struct layout *layout, int axis, int64_t position)
{
    int64_t extent = layout->tensor->shape.extent[axis];
    return layout->summary && extent > 2 * EDGE && position == EDGE - 1 ? extent - EDGE : position + 1;
}

static void for_each_shown(struct layout *layout, int axis, int64_t offset, void (*visit)(struct layout *, double))
{
    if (axis == layout->tensor->shape.rank) {
        visit(layout, ct_tensor_at(layout->tensor, offset));
        return;
    }
    int64_t extent = layout->tensor->shape.extent[axis];
    for (int64_t i = 0; i < extent; i = next_shown(layout, axis, i))
        for_each_shown(layout, axis + 1, offset * extent + i, visit);
}

static void visit_range(struct layout *layout, double value)
{
    double magnitude = fabs(value);
    layout->any_special |= !isfinite(value);
    layout->any_minus_infinity |= isinf(value) && value < 0;
    if (!isfinite(value) || magnitude == 0)
        return;
    layout->smallest = fmin(layout->smallest, magnitude);
    layout->largest = fmax(layout->largest, magnitude);
}

static void visit_width(struct layout *layout, double value)
{
    if (!isfinite(value))
        return;
    struct decimal decimal = rounded(value, layout->tensor->dtype, layout->scientific);
    int left = 1 + (signbit(value) != 0) + (!layout->scientific && decimal.exponent > 0 ? decimal.exponent : 0);
    int right = fraction_length(&decimal, layout->scientific);
    layout->left = left > layout->left ? left : layout->left;
    layout->right = right > layout->right ? right : layout->right;
    if (layout->scientific && layout->exponent_digits < 3)
        layout->exponent_digits = abs(decimal.exponent) >= 100 ? 3 : 2;
}

static int columns_right(const struct layout *layout)
{
    return layout->right + (layout->exponent_digits ? 2 + layout->exponent_digits : 0);
}

static void choose(struct layout *layout)
{
    for_each_shown(layout, 0, 0, visit_range);
    if (layout->largest > 0) {
        double ratio = layout->largest / layout->smallest;
        if (layout->tensor->dtype == CT_F32)
            ratio = (double)((float)layout->largest / (float)layout->smallest);
        layout->scientific = layout->largest >= 1e8 || layout->smallest < 1e-4 || ratio > 1000;
    }
    for_each_shown(layout, 0, 0, visit_width);
    int special = layout->any_special ? 3 + layout->any_minus_infinity - columns_right(layout) - 1 : 0;
    layout->left = special > layout->left ? special : layout->left;
}

/* ---- rows ---- */

static int write_word(const struct layout *layout, double value, char *text, size_t size)
{
    int width = layout->left + 1 + columns_right(layout);
    if (!isfinite(value))
        return snprintf(text, size, "%*s", width, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
    char number[128];
    struct decimal decimal;
    if (layout->scientific) { /* all have as many digits, true ones */
        snprintf(number, sizeof number, "%.*e", layout->right, value);
        decimal = parse_digits(number);
    } else {
        decimal = rounded(value, layout->tensor->dtype, false);
    }
    int length = write_decimal(number, sizeof number, &decimal, signbit(value), layout->exponent_digits,
                               layout->scientific ? layout->right : 0);
    int left = (int)strcspn(number, ".");
    return snprintf(text, size, "%*s%s%*s", layout->left - left, "", number, width - layout->left - (length - left), "");
}

/* One row; its words wrap at the line's width, under the first. `column` is where the line stands. */
static void put_row(struct sink *sink, const struct layout *layout, int64_t offset)
{
    int rank = layout->tensor->shape.rank, column = rank, limit = LINE_WIDTH - (rank - 1) - 1;
    int64_t extent = layout->tensor->shape.extent[rank - 1];
    for (int64_t i = 0, next; i < extent; i = next) {
        char words[2][160] = { "", "..." };
        next = next_shown(layout, rank - 1, i);
        write_word(layout, ct_tensor_at(layout->tensor, offset * extent + i), words[0], sizeof words[0]);
        for (int w = 0; w < (next > i + 1 && next < extent ? 2 : 1); w++) {
            int length = (int)strlen(words[w]);
            if (column + length > limit && column > rank) {
                put(sink, "\n");
                put_blanks(sink, rank);
                column = rank;
            }
            put(sink, words[w]);
            column += length;
            if (w == 1 || next < extent) {
                put(sink, " ");
                column++;
            }
        }
    }
}

static void put_axis(struct sink *sink, const struct layout *layout, int axis, int64_t offset)
{
    int rank = layout->tensor->shape.rank;
    put(sink, "[");
    if (axis == rank - 1) {
        put_row(sink, layout, offset);
    } else {
        int64_t extent = layout->tensor->shape.extent[axis];
        for (int64_t i = 0, next; i < extent; i = next) {
            next = next_shown(layout, axis, i);
            put_axis(sink, layout, axis + 1, offset * extent + i);
            for (int w = 0; next < extent && w < (next > i + 1 ? 2 : 1); w++) {
                for (int line = axis; line < rank - 1; line++)
                    put(sink, "\n");
                put_blanks(sink, axis + 1);
                put(sink, w == 0 && next > i + 1 ? "..." : "");
            }
        }
    }
    put(sink, "]");
}

static void put_tensor(struct sink *sink, const ct_tensor *tensor)
{
    struct layout layout = { .tensor = tensor, .smallest = INFINITY };
    if (!tensor) {
        put(sink, "NULL");
    } else if (tensor->count == 0) {
        put(sink, "[]");
    } else if (tensor->shape.rank == 0) {
        put_scalar(sink, ct_tensor_at(tensor, 0), tensor->dtype);
    } else {
        layout.summary = tensor->count > THRESHOLD;
        choose(&layout);
        put_axis(sink, &layout, 0, 0);
    }
}

void ct_tensor_print(FILE *file, const ct_tensor *tensor)
{
    struct sink sink = { .file = file };
    if (!file)
        return;
    put_tensor(&sink, tensor);
    put(&sink, "\n");
}

size_t ct_tensor_text(const ct_tensor *tensor, char *text, size_t size)
{
    struct sink sink = { .text = text, .size = size };
    put_tensor(&sink, tensor);
    if (size)
        text[sink.length < size ? sink.length : size - 1] = '\0';
    return sink.length;
}
