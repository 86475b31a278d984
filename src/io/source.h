/* A source: a table of functions and what it remembers. Not installed. */
#ifndef CT_IO_SOURCE_H
#define CT_IO_SOURCE_H

#include "pixels.h"

struct ct_source {
    int channels;
    int64_t size, count;
    ct_filter filter;
    ct_status (*read)(const struct ct_source *source, int64_t index, float *to, ct_error *error);
    char *(*name)(const struct ct_source *source, int64_t index, char *text, size_t size);
    void (*close)(struct ct_source *source);
    void *content;
};

/* A zeroed content of that size; the caller sets count and functions. NULL after a message. */
struct ct_source *ct_source_new(const ct_source_options *options, size_t content_size, ct_error *error);
void ct_source_drop(struct ct_source *source, size_t content_size); /* the struct and its content, not what that holds */

#endif
