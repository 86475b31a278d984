/* The wire format: a key, field << 3 | type, then a varint, 4 or 8 bytes, or a length and as many bytes. */
#include <string.h>

#include "protobuf.h"

enum { VARINT = 0, EIGHT_BYTES = 1, LENGTH = 2, FOUR_BYTES = 5, LONGEST_VARINT = 10 };

static bool reserve(struct ct_proto *proto, size_t size)
{
    size_t needed = proto->size + size, room = proto->room > 0 ? proto->room : 256; /* what lies in memory has a size that fits */
    if (proto->failed)
        return false;
    if (needed <= proto->room)
        return true;
    while (room < needed)
        room *= 2;
    char *data = ct_allocate(room);
    if (data == NULL) {
        proto->failed = true;
        return false;
    }
    if (proto->size > 0)
        memcpy(data, proto->data, proto->size);
    ct_release(proto->data, proto->room);
    proto->data = data, proto->room = room;
    return true;
}

void ct_proto_clear(struct ct_proto *proto)
{
    ct_release(proto->data, proto->room);
    *proto = (struct ct_proto){ .size = 0 };
}

static void append(struct ct_proto *proto, const void *data, size_t size)
{
    if (size == 0 || !reserve(proto, size))
        return;
    memcpy(proto->data + proto->size, data, size);
    proto->size += size;
}

static size_t varint(uint64_t value, uint8_t bytes[LONGEST_VARINT])
{
    size_t size = 0;
    for (; value > 127; value >>= 7)
        bytes[size++] = (uint8_t)(value | 128);
    bytes[size++] = (uint8_t)value;
    return size;
}

static void append_varint(struct ct_proto *proto, uint64_t value)
{
    uint8_t bytes[LONGEST_VARINT];
    append(proto, bytes, varint(value, bytes));
}

static void append_key(struct ct_proto *proto, int field, int type) { append_varint(proto, (uint64_t)(field << 3 | type)); }

void ct_proto_integer(struct ct_proto *proto, int field, int64_t value)
{
    append_key(proto, field, VARINT);
    append_varint(proto, (uint64_t)value);
}

void ct_proto_float(struct ct_proto *proto, int field, float value)
{
    append_key(proto, field, FOUR_BYTES);
    append(proto, &value, sizeof value);
}

void ct_proto_double(struct ct_proto *proto, int field, double value)
{
    append_key(proto, field, EIGHT_BYTES);
    append(proto, &value, sizeof value);
}

void ct_proto_length(struct ct_proto *proto, int field, size_t size)
{
    append_key(proto, field, LENGTH);
    append_varint(proto, size);
}

void ct_proto_bytes(struct ct_proto *proto, int field, const void *data, size_t size)
{
    ct_proto_length(proto, field, size);
    append(proto, data, size);
}

void ct_proto_text(struct ct_proto *proto, int field, const char *text) { ct_proto_bytes(proto, field, text, strlen(text)); }

size_t ct_proto_open(struct ct_proto *proto, int field)
{
    append_key(proto, field, LENGTH);
    return proto->size;
}

/* The length comes first but is known last: the message moves over to make room. */
void ct_proto_close(struct ct_proto *proto, size_t opened)
{
    uint8_t bytes[LONGEST_VARINT];
    size_t length = proto->size - opened, size = varint(length, bytes);
    if (!reserve(proto, size))
        return;
    memmove(proto->data + opened + size, proto->data + opened, length);
    memcpy(proto->data + opened, bytes, size);
    proto->size += size;
}
