/* Pictures: grids of images, and the losses as curves. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dcgan.h"

#define GAP 2 /* between images, before the zoom */

static uint8_t to_byte(double value)
{
    return (uint8_t)lround(fmax(0, fmin(255, (value + 1) * 127.5)));
}

ct_status picture_grid(const char *path, const ct_tensor *images, int columns, int zoom, ct_error *error)
{
    int64_t count = ct_tensor_size(images, 0);
    int channels = (int)ct_tensor_size(images, 1), size = (int)ct_tensor_size(images, 2), cell = size + GAP;
    columns = count < columns ? (int)count : columns;
    int rows = (int)((count + columns - 1) / columns);
    int width = (columns * cell + GAP) * zoom, height = (rows * cell + GAP) * zoom;
    uint8_t *pixels = malloc((size_t)width * (size_t)height * (size_t)channels);
    if (pixels == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "out of memory for %s", path);
    memset(pixels, 48, (size_t)width * (size_t)height * (size_t)channels);
    for (int64_t image = 0; image < count; image++)
        for (int c = 0; c < channels; c++)
            for (int y = 0; y < size * zoom; y++)
                for (int x = 0; x < size * zoom; x++) {
                    int64_t row = (image / columns * cell + GAP) * zoom + y, column = (image % columns * cell + GAP) * zoom + x;
                    int64_t source = ((image * channels + c) * size + y / zoom) * size + x / zoom;
                    pixels[(row * width + column) * channels + c] = to_byte(ct_tensor_at(images, source));
                }
    ct_status status = ct_png_write(path, width, height, channels, pixels, error);
    free(pixels);
    return status;
}

/* ---- losses ---- */

enum { WIDTH = 960, HEIGHT = 480, MARGIN = 24 };

struct canvas {
    uint8_t pixel[HEIGHT][WIDTH][3];
};

static void dot(struct canvas *canvas, int x, int y, const uint8_t colour[3])
{
    if (x >= 0 && x < WIDTH && y >= 0 && y < HEIGHT)
        memcpy(canvas->pixel[y][x], colour, 3);
}

/* A line two pixels thick. */
static void line(struct canvas *canvas, double x0, double y0, double x1, double y1, const uint8_t colour[3])
{
    int steps = (int)fmax(fabs(x1 - x0), fabs(y1 - y0)) + 1;
    for (int i = 0; i <= steps; i++) {
        int x = (int)lround(x0 + (x1 - x0) * i / steps), y = (int)lround(y0 + (y1 - y0) * i / steps);
        dot(canvas, x, y, colour);
        dot(canvas, x, y + 1, colour);
    }
}

static double d_loss(const struct dcgan_report *report)
{
    return report->d_loss;
}

static double g_loss(const struct dcgan_report *report)
{
    return report->g_loss;
}

/* One loss, smoothed over a fiftieth of the run; `top` is the loss at the upper edge. */
static void curve(struct canvas *canvas, const struct dcgan_report *report, int64_t count,
                  double (*loss)(const struct dcgan_report *), double top, const uint8_t colour[3])
{
    double smooth = loss(&report[0]), keep = exp(-50.0 / (double)(count > 50 ? count : 50)), last_x = 0, last_y = 0;
    for (int64_t i = 0; i < count; i++) {
        smooth = keep * smooth + (1 - keep) * loss(&report[i]);
        double x = MARGIN + (WIDTH - 2.0 * MARGIN) * (double)i / (double)(count > 1 ? count - 1 : 1);
        double y = HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * fmin(smooth / top, 1);
        if (i > 0)
            line(canvas, last_x, last_y, x, y, colour);
        last_x = x;
        last_y = y;
    }
}

ct_status picture_losses(const char *path, const struct dcgan_report *report, int64_t count, ct_error *error)
{
    static const uint8_t blue[3] = { 31, 98, 180 }, orange[3] = { 230, 120, 20 }, grey[3] = { 222, 222, 222 };
    if (count < 1)
        return CT_OK;
    struct canvas *canvas = malloc(sizeof *canvas);
    if (canvas == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "out of memory for %s", path);
    memset(canvas, 255, sizeof *canvas);
    double top = 1;
    for (int64_t i = count / 50; i < count; i++)
        top = fmax(top, fmax(report[i].d_loss, report[i].g_loss));
    top = fmin(ceil(top), 12);
    for (int level = 0; level <= (int)top; level++) { /* a grey line at each whole loss */
        double y = HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * level / top;
        line(canvas, MARGIN, y, WIDTH - MARGIN, y, grey);
    }
    curve(canvas, report, count, g_loss, top, orange);
    curve(canvas, report, count, d_loss, top, blue);
    ct_status status = ct_png_write(path, WIDTH, HEIGHT, 3, &canvas->pixel[0][0][0], error);
    free(canvas);
    return status;
}
