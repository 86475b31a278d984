/* TensorBoard's event files: records of a length, its CRC, an Event message, its CRC.
 * https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto and summary.proto */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cotangent/events.h>

#include "protobuf.h"

#define PATH_SIZE 4096

/* Fields of the messages. */
enum { WALL_TIME = 1, STEP = 2, FILE_VERSION = 3, SUMMARY = 5, SESSION_LOG = 7 }; /* Event */
enum { STATUS = 1, START = 1 };                                                  /* SessionLog */
enum { VALUE = 1, TAG = 1, SIMPLE_VALUE = 2, IMAGE = 4 };                        /* Summary and its Value */
enum { HEIGHT = 1, WIDTH = 2, COLORSPACE = 3, ENCODED = 4 };                     /* Image */

struct ct_events {
    int descriptor;
    off_t end; /* of the last whole record */
    struct ct_proto event;
    char path[PATH_SIZE];
};

/* CRC-32C (Castagnoli), reflected, a bit at a time: a record a step is no work. */
static uint32_t crc32c(const void *data, size_t size)
{
    uint32_t crc = ~0u;
    for (const uint8_t *byte = data; size > 0; size--, byte++) {
        crc ^= *byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static uint32_t masked(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }

static ct_status failed(const ct_events *events, const char *what, ct_error *error)
{
    return ct_error_set(error, CT_IO_ERROR, "cannot %s %s: %s", what, events->path, strerror(errno));
}

static void begin(ct_events *events, int64_t step)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    events->event.size = 0;
    ct_proto_double(&events->event, WALL_TIME, (double)now.tv_sec + (double)now.tv_nsec / 1e9);
    if (step != 0)
        ct_proto_integer(&events->event, STEP, step);
}

/* Writes the event as a record, whole or not at all. */
static ct_status end(ct_events *events, ct_error *error)
{
    struct ct_proto *event = &events->event;
    uint64_t length = event->size;
    uint32_t length_crc = masked(crc32c(&length, sizeof length)), crc = masked(crc32c(event->data, event->size));
    if (event->failed) {
        event->failed = false;
        return ct_error_set(error, CT_NO_MEMORY, "events: out of memory");
    }
    char head[12];
    memcpy(head, &length, 8), memcpy(head + 8, &length_crc, 4);
    if (!ct_descriptor_write(events->descriptor, head, sizeof head) || !ct_descriptor_write(events->descriptor, event->data, event->size) ||
        !ct_descriptor_write(events->descriptor, (const char *)&crc, sizeof crc)) {
        ct_status status = failed(events, "write", error);
        if (ftruncate(events->descriptor, events->end) != 0)
            status = failed(events, "take a torn record back from", error);
        return status;
    }
    events->end += (off_t)(sizeof head + event->size + sizeof crc);
    return CT_OK;
}

static ct_status create(ct_events *events, const char *folder, ct_error *error)
{
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    for (int n = 0;; n++) {
        int length = snprintf(events->path, PATH_SIZE, "%s/events.out.tfevents.%010lld.%s.%ld.%d", folder, (long long)time(NULL), host,
                              (long)getpid(), n);
        if (length >= PATH_SIZE)
            return ct_error_set(error, CT_BAD_ARGUMENT, "events: the path in %.200s is too long", folder);
        events->descriptor = open(events->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (events->descriptor >= 0)
            return CT_OK;
        if (errno != EEXIST)
            return failed(events, "create", error);
    }
}

ct_events *ct_events_open(const char *folder, int64_t first_step, ct_error *error)
{
    if (folder == NULL || first_step < 0) {
        ct_error_set(error, CT_BAD_ARGUMENT, "events: no folder, or the first step is %lld", (long long)first_step);
        return NULL;
    }
    ct_events *events = ct_allocate_zeroed(sizeof *events);
    if (events == NULL) {
        ct_error_set(error, CT_NO_MEMORY, "events: out of memory");
        return NULL;
    }
    ct_status status = create(events, folder, error);
    if (status != CT_OK) {
        ct_release(events, sizeof *events);
        return NULL;
    }
    begin(events, 0);
    ct_proto_text(&events->event, FILE_VERSION, "brain.Event:2");
    status = end(events, error);
    if (status == CT_OK) {
        begin(events, first_step);
        size_t log = ct_proto_open(&events->event, SESSION_LOG);
        ct_proto_integer(&events->event, STATUS, START);
        ct_proto_close(&events->event, log);
        status = end(events, error);
    }
    if (status == CT_OK)
        return events;
    unlink(events->path);
    ct_events_close(events, NULL);
    return NULL;
}

/* Summary{ Value{ tag, … } }: opens both. */
static ct_status begin_value(ct_events *events, const char *tag, int64_t step, size_t opened[2], ct_error *error)
{
    if (events == NULL || tag == NULL || step < 0)
        return ct_error_set(error, CT_BAD_ARGUMENT, "events: NULL, or step %lld", (long long)step);
    begin(events, step);
    opened[0] = ct_proto_open(&events->event, SUMMARY);
    opened[1] = ct_proto_open(&events->event, VALUE);
    ct_proto_text(&events->event, TAG, tag);
    return CT_OK;
}

static ct_status end_value(ct_events *events, const size_t opened[2], ct_error *error)
{
    ct_proto_close(&events->event, opened[1]);
    ct_proto_close(&events->event, opened[0]);
    return end(events, error);
}

ct_status ct_events_scalar(ct_events *events, const char *tag, int64_t step, double value, ct_error *error)
{
    size_t opened[2] = { 0 };
    ct_status status = begin_value(events, tag, step, opened, error);
    if (status != CT_OK)
        return status;
    ct_proto_float(&events->event, SIMPLE_VALUE, (float)value);
    return end_value(events, opened, error);
}

ct_status ct_events_image(ct_events *events, const char *tag, int64_t step, int width, int height, int channels,
                          const uint8_t *pixels, ct_error *error)
{
    size_t opened[2] = { 0 };
    struct ct_png png;
    ct_status status = ct_png_encode(&png, "an event file", width, height, channels, 1, pixels == NULL ? NULL : &pixels, 0, error);
    if (status != CT_OK)
        return status;
    status = begin_value(events, tag, step, opened, error);
    if (status == CT_OK) {
        size_t image = ct_proto_open(&events->event, IMAGE);
        ct_proto_integer(&events->event, HEIGHT, height);
        ct_proto_integer(&events->event, WIDTH, width);
        ct_proto_integer(&events->event, COLORSPACE, channels);
        ct_proto_bytes(&events->event, ENCODED, png.data, png.size);
        ct_proto_close(&events->event, image);
        status = end_value(events, opened, error);
    }
    ct_release(png.data, png.room);
    return status;
}

ct_status ct_events_close(ct_events *events, ct_error *error)
{
    if (events == NULL)
        return CT_OK;
    ct_status status = ct_descriptor_sync(events->descriptor) ? CT_OK : failed(events, "sync", error);
    if (close(events->descriptor) != 0 && status == CT_OK)
        status = failed(events, "close", error);
    ct_proto_clear(&events->event);
    ct_release(events, sizeof *events);
    return status;
}
