/* Line charts as SVG: axes with round numbers, one line a series, and behind it the range of what the line averages. */
#include <math.h>
#include <stdlib.h>

#include "report.h"

enum { WIDTH = 720, HEIGHT = 300, LEFT = 56, RIGHT = 16, TOP = 16, BOTTOM = 40, TITLE = 28, POINTS = 360 };

static const char *const colours[] = { "#1f62b4", "#d9730d", "#2a8a4a", "#a33ea1" };

/* The largest of 1, 2, 5 · 10^k that cuts the span into at least `parts`. */
static double round_step(double span, int parts)
{
    double rough = span / parts, power = pow(10, floor(log10(rough)));
    return power * (rough >= 5 * power ? 5 : rough >= 2 * power ? 2 : 1);
}

struct frame {
    double x0, x1, y0, y1; /* what the edges show */
};

static double place_x(const struct frame *frame, double x)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (x - frame->x0) / (frame->x1 - frame->x0);
}

static double place_y(const struct frame *frame, double y)
{
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - frame->y0) / (frame->y1 - frame->y0);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* From the smallest to the largest value but for the outermost hundredth at each end, which would flatten the rest. *empty: no value is
 * finite. False when memory is out. */
static bool frame_of(struct frame *frame, bool *empty, int64_t count, const double *steps, int series, const struct chart_series list[])
{
    double *sorted = malloc((size_t)count * (size_t)series * sizeof *sorted);
    size_t finite = 0;
    if (sorted == NULL)
        return false;
    for (int s = 0; s < series; s++)
        for (int64_t i = 0; i < count; i++)
            if (isfinite(list[s].values[i]))
                sorted[finite++] = list[s].values[i];
    if (finite > 0) {
        qsort(sorted, finite, sizeof *sorted, ascending);
        *frame = (struct frame){ 0, steps[count - 1], sorted[finite / 100], sorted[finite - 1 - finite / 100] };
        double step = round_step(fmax(frame->y1 - frame->y0, 1e-9 + 1e-3 * fabs(frame->y1)), 4);
        frame->y0 = step * floor(frame->y0 / step);
        frame->y1 = step * ceil(frame->y1 / step + 1e-9);
    }
    free(sorted);
    *empty = finite == 0;
    return true;
}

static void draw_axes(FILE *out, const struct frame *frame)
{
    double step = round_step(frame->y1 - frame->y0, 4);
    for (double y = step * ceil(frame->y0 / step - 1e-9); y <= frame->y1 + step * 1e-9; y += step) {
        double at = place_y(frame, y);
        fprintf(out,
                "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%g</text>\n",
                LEFT, WIDTH - RIGHT, at, at, LEFT - 8, at + 4, fabs(y) < step / 1e6 ? 0 : y);
    }
    step = fmax(1, round_step(frame->x1 - frame->x0, 5));
    for (double x = frame->x0; x <= frame->x1; x += step)
        fprintf(out,
                "<line class=\"tick\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/><text x=\"%.1f\" y=\"%d\" "
                "text-anchor=\"middle\">%.0f</text>\n",
                place_x(frame, x), place_x(frame, x), HEIGHT - BOTTOM, HEIGHT - BOTTOM + 4, place_x(frame, x),
                HEIGHT - BOTTOM + 17, x);
    fprintf(out,
            "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/><text x=\"%d\" y=\"%d\" "
            "text-anchor=\"middle\">step</text>\n",
            LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, HEIGHT - BOTTOM, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6);
}

/* At most POINTS points, each the mean of its share of the steps. */
static void draw_series(FILE *out, const struct frame *frame, int64_t count, const double *steps,
                        const struct chart_series *series, const char *colour)
{
    int points = count < POINTS ? (int)count : POINTS, kept = 0;
    double x[POINTS], mean[POINTS], low[POINTS], high[POINTS];
    for (int p = 0; p < points; p++) {
        int64_t begin = count * p / points, end = count * (p + 1) / points, finite = 0;
        double sum = 0, least = INFINITY, most = -INFINITY;
        for (int64_t i = begin; i < end; i++)
            if (isfinite(series->values[i]))
                sum += series->values[i], least = fmin(least, series->values[i]), most = fmax(most, series->values[i]), finite++;
        if (finite == 0)
            continue;
        x[kept] = place_x(frame, (steps[begin] + steps[end - 1]) / 2);
        mean[kept] = place_y(frame, sum / (double)finite);
        low[kept] = place_y(frame, least);
        high[kept++] = place_y(frame, most);
    }
    if (count > POINTS) {
        fprintf(out, "<path fill=\"%s\" fill-opacity=\"0.16\" d=\"", colour);
        for (int p = 0; p < kept; p++)
            fprintf(out, "%c%.1f %.1f", p == 0 ? 'M' : 'L', x[p], high[p]);
        for (int p = kept; p-- > 0;)
            fprintf(out, "L%.1f %.1f", x[p], low[p]);
        fputs("Z\"/>\n", out);
    }
    fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" stroke-linejoin=\"round\" points=\"", colour);
    for (int p = 0; p < kept; p++)
        fprintf(out, "%.1f,%.1f ", x[p], mean[p]);
    fputs("\"/>\n", out);
}

static void draw(FILE *out, const struct frame *frame, int64_t count, const double *steps, int series,
                 const struct chart_series list[])
{
    draw_axes(out, frame);
    fprintf(out, "<svg x=\"0\" y=\"%d\" width=\"%d\" height=\"%d\" viewBox=\"0 %d %d %d\">\n", TOP, WIDTH, HEIGHT - TOP - BOTTOM,
            TOP, WIDTH, HEIGHT - TOP - BOTTOM); /* cuts off what is outside the frame */
    for (int s = 0; s < series; s++)
        draw_series(out, frame, count, steps, &list[s], colours[s]);
    fputs("</svg></svg>", out);
}

bool chart_figure(FILE *out, const char *title, int64_t count, const double *steps, int series, const struct chart_series list[])
{
    struct frame frame;
    bool empty = true;
    if (count > 1 && !frame_of(&frame, &empty, count, steps, series, list))
        return false;
    if (empty)
        return true;
    fprintf(out, "<figure><figcaption>%s", title);
    for (int s = 0; s < series; s++)
        fprintf(out, " <span class=\"key\" style=\"color:%s\">%s</span>", colours[s], list[s].name);
    fprintf(out, "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n", WIDTH, HEIGHT, title);
    draw(out, &frame, count, steps, series, list);
    fputs("</figure>\n", out);
    return true;
}

bool chart_svg(FILE *out, const char *title, int64_t count, const double *steps, int series, const struct chart_series list[])
{
    struct frame frame;
    bool empty = true;
    if (count > 0 && !frame_of(&frame, &empty, count, steps, series, list))
        return false;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 %d %d %d\">\n"
            "<style>text { font: 12px sans-serif; fill: #1c1c1c; } .grid { stroke: #ddd; } .axis, .tick { stroke: #888; }</style>\n"
            "<rect y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n<text x=\"%d\" y=\"-6\">%s",
            WIDTH, HEIGHT + TITLE, -TITLE, WIDTH, HEIGHT + TITLE, -TITLE, WIDTH, HEIGHT + TITLE, LEFT, title);
    for (int s = 0; s < series; s++)
        fprintf(out, "<tspan dx=\"14\" style=\"fill:%s\">● %s</tspan>", colours[s], list[s].name);
    fputs("</text>\n", out);
    if (!empty)
        draw(out, &frame, count, steps, series, list);
    else
        fputs("</svg>", out);
    fputs("\n", out);
    return true;
}
