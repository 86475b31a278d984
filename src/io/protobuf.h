/* Protocol buffers, written only: the two formats that need them have a dozen small messages. Not installed.
 * https://protobuf.dev/programming-guides/encoding/ */
#ifndef CT_IO_PROTOBUF_H
#define CT_IO_PROTOBUF_H

#include "internal.h"

/* An encoded message that grows; zeroed to begin with. After a failed allocation it stays as it is and says `failed`. */
struct ct_proto {
    char *data;
    size_t size, room;
    bool failed;
};

void ct_proto_clear(struct ct_proto *proto); /* gives the memory back */

void ct_proto_integer(struct ct_proto *proto, int field, int64_t value);
void ct_proto_float(struct ct_proto *proto, int field, float value);
void ct_proto_double(struct ct_proto *proto, int field, double value);
void ct_proto_bytes(struct ct_proto *proto, int field, const void *data, size_t size);
void ct_proto_text(struct ct_proto *proto, int field, const char *text);

/* What is written between the two becomes the field's message. */
size_t ct_proto_open(struct ct_proto *proto, int field);
void ct_proto_close(struct ct_proto *proto, size_t opened);

/* The beginning of a message of that many bytes, which follow elsewhere. */
void ct_proto_length(struct ct_proto *proto, int field, size_t size);

#endif
