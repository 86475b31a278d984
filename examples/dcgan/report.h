/* The report of a run: one HTML file that needs nothing else. */
#ifndef DCGAN_REPORT_H
#define DCGAN_REPORT_H

#include "dcgan.h"

/* ---- chart.c ---- */

struct chart_series {
    const char *name;
    const double *values;
};

/* Up to four series over the same steps, as a figure of an HTML page; nothing when there are fewer than two points. False when memory is
 * out. */
bool chart_figure(FILE *out, const char *title, int64_t count, const double *steps, int series, const struct chart_series list[]);

/* The same as a file of its own, without curves when there is nothing to show. */
bool chart_svg(FILE *out, const char *title, int64_t count, const double *steps, int series, const struct chart_series list[]);

#endif
