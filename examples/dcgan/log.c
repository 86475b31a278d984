/* The logs: a line a step. Rows that a stopped run wrote after its last checkpoint are cut off when it goes on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dcgan.h"

enum { MOST_SCALARS = 10000 }; /* of a tag among the events: a chart shows no more */

struct log {
    FILE *csv, *json;
    ct_events *events;
    int64_t stride; /* steps between events */
};

#define AS_HEADER(name) "," #name
#define AS_VALUE(name) fprintf(log->csv, ",%.9g", report->name);
#define AS_EVENT(name) \
    if (status == CT_OK) \
        status = ct_events_scalar(log->events, #name, step, report->name, error);
#define AS_JSON(name) fprintf(log->json, ", \"" #name "\": %.9g", report->name);

/* Where the line after the one of `step` begins: lines hold their step as their first number, a heading none. −1: the file cannot be read. */
static long end_of_step(FILE *file, int64_t step)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    long end = 0;
    for (; (length = getline(&line, &room, file)) > 0 && line[length - 1] == '\n'; end += length)
        if (strtoll(line + strcspn(line, "0123456789"), NULL, 10) > step)
            break;
    free(line);
    return ferror(file) || (length < 0 && !feof(file)) ? -1 : end;
}

/* *end: the size of what is kept. */
static FILE *open_after(const char *folder, const char *name, int64_t step, long *end, ct_error *error)
{
    char path[4200];
    *end = 0;
    snprintf(path, sizeof path, "%.4000s/%s", folder, name);
    FILE *file = fopen(path, step > 0 ? "r+" : "w");
    if (file == NULL && errno == ENOENT)
        file = fopen(path, "w");
    if (file != NULL && step > 0) {
        *end = end_of_step(file, step);
        if (*end < 0 || ftruncate(fileno(file), *end) != 0 || fseek(file, *end, SEEK_SET) != 0) {
            fclose(file);
            file = NULL;
        }
    }
    if (file == NULL)
        ct_error_set(error, CT_IO_ERROR, "cannot write %.300s: %s", path, strerror(errno));
    return file;
}

struct log *log_open(const char *folder, int64_t step, int64_t steps, ct_error *error)
{
    struct log *log = calloc(1, sizeof *log);
    if (log == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "out of memory for the logs");
        return NULL;
    }
    long kept, other;
    log->csv = open_after(folder, "log.csv", step, &kept, error);
    log->json = log->csv != NULL ? open_after(folder, "log.jsonl", step, &other, error) : NULL;
    log->events = log->json != NULL ? ct_events_open(folder, step + 1, error) : NULL;
    log->stride = (steps + MOST_SCALARS - 1) / MOST_SCALARS;
    if (log->events == NULL) {
        log_close(log, NULL);
        return NULL;
    }
    if (kept == 0)
        fputs("step" REPORT_FIELDS(AS_HEADER) ",images_per_second\n", log->csv);
    return log;
}

ct_status log_step(struct log *log, int64_t step, const struct dcgan_report *report, double images_per_second, ct_error *error)
{
    ct_status status = CT_OK;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    fprintf(log->csv, "%lld", (long long)step);
    REPORT_FIELDS(AS_VALUE)
    fprintf(log->csv, ",%.1f\n", images_per_second);
    fprintf(log->json, "{\"step\": %lld", (long long)step);
    REPORT_FIELDS(AS_JSON)
    fprintf(log->json, ", \"time\": %.3f, \"images_per_second\": %.1f}\n", (double)now.tv_sec + (double)now.tv_nsec * 1e-9,
            images_per_second);
    if (step % log->stride == 0) {
        REPORT_FIELDS(AS_EVENT)
    }
    return status;
}

ct_status log_picture(struct log *log, int64_t step, int width, int height, int channels, const uint8_t *pixels, ct_error *error)
{
    return ct_events_image(log->events, "samples", step, width, height, channels, pixels, error);
}

ct_status log_flush(struct log *log, ct_error *error)
{
    if (fflush(log->csv) == 0 && fflush(log->json) == 0 && !ferror(log->csv) && !ferror(log->json))
        return CT_OK;
    return ct_error_set(error, CT_IO_ERROR, "cannot write the logs: %s", strerror(errno));
}

static bool sync_one(FILE *file)
{
    return fsync(fileno(file)) == 0 || errno == EINVAL || errno == EROFS;
}

ct_status log_sync(struct log *log, ct_error *error)
{
    ct_status status = log_flush(log, error);
    if (status == CT_OK && !(sync_one(log->csv) && sync_one(log->json)))
        status = ct_error_set(error, CT_IO_ERROR, "cannot write the logs: %s", strerror(errno));
    return status;
}

ct_status log_close(struct log *log, ct_error *error)
{
    bool good = true;
    if (log != NULL) {
        good = log->csv == NULL || fclose(log->csv) == 0;
        good = (log->json == NULL || fclose(log->json) == 0) && good;
        good = ct_events_close(log->events, NULL) == CT_OK && good;
        free(log);
    }
    return good ? CT_OK : ct_error_set(error, CT_IO_ERROR, "cannot write the logs: %s", strerror(errno));
}
