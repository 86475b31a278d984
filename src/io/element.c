/* Element types of files, converted to float32 or float64. */
#include <string.h>

#include "element.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "data is copied as it lies: little-endian");

static double half_value(uint16_t bits)
{
    int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    double sign = bits >> 15 ? -1 : 1;
    if (exponent == 31)
        return mantissa ? __builtin_nan("") : sign * __builtin_inf();
    return sign * (exponent ? __builtin_ldexp(1024 + mantissa, exponent - 25) : __builtin_ldexp(mantissa, -24));
}

static double bfloat_value(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return (double)value;
}

/* Starts need not be aligned: each element is copied out. */
#define CONVERT(name, source, target, value)                       \
    static void name(void *to, const char *from, int64_t count)    \
    {                                                              \
        for (int64_t i = 0; i < count; i++) {                      \
            source x;                                              \
            memcpy(&x, from + (size_t)i * sizeof x, sizeof x);     \
            ((target *)to)[i] = (target)(value);                   \
        }                                                          \
    }
CONVERT(from_f32, float, float, x)
CONVERT(from_f64, double, double, x)
CONVERT(from_f16, uint16_t, float, half_value(x))
CONVERT(from_bf16, uint16_t, float, bfloat_value(x))
CONVERT(from_i8, int8_t, float, x)
CONVERT(from_u8, uint8_t, float, x)
CONVERT(from_i16, int16_t, float, x)
CONVERT(from_u16, uint16_t, float, x)
CONVERT(from_i32, int32_t, double, x)
CONVERT(from_u32, uint32_t, double, x)
CONVERT(from_i64, int64_t, double, x)
CONVERT(from_u64, uint64_t, double, x)

static const struct ct_element elements[] = {
    { "F32", "f4", 0x0d, 4, CT_F32, from_f32 }, { "F64", "f8", 0x0e, 8, CT_F64, from_f64 },
    { "F16", "f2", 0, 2, CT_F32, from_f16 },    { "BF16", "", 0, 2, CT_F32, from_bf16 },
    { "BOOL", "b1", 0, 1, CT_F32, from_u8 },    { "I8", "i1", 0x09, 1, CT_F32, from_i8 },
    { "U8", "u1", 0x08, 1, CT_F32, from_u8 },   { "I16", "i2", 0x0b, 2, CT_F32, from_i16 },
    { "U16", "u2", 0, 2, CT_F32, from_u16 },    { "I32", "i4", 0x0c, 4, CT_F64, from_i32 },
    { "U32", "u4", 0, 4, CT_F64, from_u32 },    { "I64", "i8", 0, 8, CT_F64, from_i64 },
    { "U64", "u8", 0, 8, CT_F64, from_u64 },
};

#define FIND(condition)                                                 \
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)     \
        if (condition)                                                  \
            return &elements[i];                                        \
    return NULL

const struct ct_element *ct_element_safetensors(const char *name) { FIND(strcmp(elements[i].safetensors, name) == 0); }
const struct ct_element *ct_element_npy(const char *name) { FIND(name[0] != '\0' && strcmp(elements[i].npy, name) == 0); }
const struct ct_element *ct_element_idx(int code) { FIND(code != 0 && elements[i].idx == code); }

bool ct_element_fills(const struct ct_element *element, ct_shape shape, size_t bytes)
{
    int64_t count;
    size_t widest; /* no element has more bytes than a float64, so their product is no larger than what was measured */
    return ct_shape_measure(shape, CT_F64, &count, &widest) && (size_t)count * element->size == bytes;
}

void ct_element_read(const struct ct_element *element, bool big_endian, void *to, const char *from, int64_t count)
{
    if (!big_endian || element->size == 1) {
        element->convert(to, from, count);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        char turned[8];
        for (size_t k = 0; k < element->size; k++)
            turned[k] = from[(size_t)(i + 1) * element->size - 1 - k];
        element->convert((char *)to + (size_t)i * ct_dtype_size(element->dtype), turned, 1);
    }
}
