/* Event files, read back by the definition of the format: records, CRCs, and the messages' bytes. */
#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>

#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

#include "files.h"

TestSuite(events, .init = into_a_folder, .fini = remove_the_folder);

/* CRC-32C as polynomial division over GF(2), most significant bit first, on reflected bytes. */
static uint32_t crc32c(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 8; bit++) {
            uint32_t in = data[i] >> bit & 1u, out = crc >> 31;
            crc = crc << 1 ^ (in ^ out ? 0x1edc6f41u : 0);
        }
    uint32_t reflected = 0;
    for (int bit = 0; bit < 32; bit++)
        reflected |= (crc >> bit & 1u) << (31 - bit);
    return ~reflected;
}

static uint32_t number(const uint8_t *at) { return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24; }

static bool crc_good(const uint8_t *data, size_t size, const uint8_t *stored)
{
    uint32_t crc = crc32c(data, size);
    return number(stored) == ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

/* The next record's event, its wall time taken off; NULL at the end. Fails on anything torn. */
static const uint8_t *next_event(const uint8_t *bytes, size_t size, size_t *at, size_t *length)
{
    if (*at == size)
        return NULL;
    cr_assert(*at + 12 <= size);
    const uint8_t *record = bytes + *at;
    *length = number(record);
    cr_assert(number(record + 4) == 0 && crc_good(record, 8, record + 8));
    cr_assert(*at + 16 + *length <= size && crc_good(record + 12, *length, record + 12 + *length));
    *at += 16 + *length;
    cr_assert(*length >= 9 && record[12] == 0x09, "wall_time comes first");
    double wall_time;
    memcpy(&wall_time, record + 13, 8);
    cr_assert(wall_time > 1.7e9 && wall_time < 1e11);
    *length -= 9;
    return record + 21;
}

/* The only file of the folder. */
static uint8_t *read_only_file(size_t *size)
{
    char name[300] = "";
    DIR *here = opendir(".");
    for (struct dirent *entry; (entry = readdir(here)) != NULL;)
        if (entry->d_name[0] != '.') {
            cr_assert(name[0] == '\0');
            snprintf(name, sizeof name, "%s", entry->d_name);
        }
    closedir(here);
    cr_assert(strncmp(name, "events.out.tfevents.", 20) == 0 && strspn(name + 20, "0123456789") == 10, "%s", name);
    return read_bytes(name, size);
}

Test(events, crc_of_this_test_is_that_of_rfc_3720)
{
    static const uint8_t zeros[32] = { 0 };
    cr_expect_eq(crc32c(zeros, 32), 0x8a9136aau);
    cr_expect_eq(crc32c((const uint8_t *)"123456789", 9), 0xe3069283u);
}

Test(events, records_are_the_messages_of_the_format)
{
    ct_error error = { CT_OK, "" };
    ct_events *events = ct_events_open(".", 300, &error);
    cr_assert_not_null(events, "%s", error.message);
    cr_expect_eq(ct_events_scalar(events, "loss/d", 301, 1.5, &error), CT_OK, "%s", error.message);
    cr_expect_eq(ct_events_image(events, "g", 0, 2, 1, 3, (uint8_t[]){ 255, 0, 0, 0, 0, 255 }, &error), CT_OK, "%s", error.message);
    cr_expect_eq(ct_events_close(events, &error), CT_OK, "%s", error.message);
    cr_expect_eq(ct_png_write(".png", 2, 1, 3, (uint8_t[]){ 255, 0, 0, 0, 0, 255 }, NULL), CT_OK);
    size_t png_size, size, at = 0, length;
    uint8_t *png = read_bytes(".png", &png_size), *bytes = read_only_file(&size);

    static const struct {
        const char *event;
        size_t size;
    } expected[] = {
        { "\x1a\x0d" "brain.Event:2", 15 },                                      /* 3: file_version */
        { "\x10\xac\x02" "\x3a\x02\x08\x01", 7 },                                /* 2: step 300; 7: SessionLog{ 1: START } */
        { "\x10\xad\x02" "\x2a\x0f\x0a\x0d\x0a\x06loss/d\x15\0\0\xc0\x3f", 20 }, /* 5: { 1: { 1: tag, 2: 1.5f } } */
    };
    for (int i = 0; i < 3; i++) {
        const uint8_t *event = next_event(bytes, size, &at, &length);
        cr_assert(event != NULL && length == expected[i].size && memcmp(event, expected[i].event, length) == 0, "record %d", i);
    }
    /* 5: { 1: { 1: "g", 4: { 1: 1, 2: 2, 3: 3, 4: png } } }, step 0 left out */
    const uint8_t *event = next_event(bytes, size, &at, &length);
    cr_assert(png_size < 110 && event != NULL && length == png_size + 17);
    const uint8_t head[] = { 0x2a, (uint8_t)(png_size + 15), 0x0a, (uint8_t)(png_size + 13), 0x0a, 1, 'g', 0x22, (uint8_t)(png_size + 8),
                             0x08, 1, 0x10, 2, 0x18, 3, 0x22, (uint8_t)png_size };
    cr_expect(memcmp(event, head, 17) == 0 && memcmp(event + 17, png, png_size) == 0);
    cr_expect_null(next_event(bytes, size, &at, &length));
    free(bytes), free(png);
}

Test(events, two_files_of_one_second_have_two_names)
{
    ct_events *a = ct_events_open(".", 0, NULL), *b = ct_events_open(".", 0, NULL);
    cr_assert(a != NULL && b != NULL);
    cr_expect(ct_events_close(a, NULL) == CT_OK && ct_events_close(b, NULL) == CT_OK);
}

Test(events, refuses)
{
    cr_expect_null(ct_events_open("nowhere", 0, NULL));
    cr_expect_null(ct_events_open(".", -1, NULL));
    cr_expect_null(ct_events_open(NULL, 0, NULL));
    cr_expect_eq(ct_events_scalar(NULL, "a", 0, 1, NULL), CT_BAD_ARGUMENT);
    ct_events *events = ct_events_open(".", 0, NULL);
    cr_expect_eq(ct_events_scalar(events, NULL, 0, 1, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_events_scalar(events, "a", -1, 1, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_events_image(events, "a", 0, 0, 1, 1, (uint8_t[]){ 0 }, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_events_image(events, "a", 0, 1, 1, 1, NULL, NULL), CT_BAD_ARGUMENT);
    cr_expect_eq(ct_events_image(events, NULL, 0, 1, 1, 1, (uint8_t[]){ 0 }, NULL), CT_BAD_ARGUMENT);
    char path[4097];
    memset(path, 'x', sizeof path - 1), path[sizeof path - 1] = '\0';
    cr_expect_null(ct_events_open(path, 0, NULL));
    cr_expect_eq(ct_events_close(events, NULL), CT_OK);
    cr_expect_eq(ct_events_close(NULL, NULL), CT_OK);
}

/* A disk that is full for a while: the record is an error, and the file stays whole before and after. */
Test(events, a_record_that_does_not_fit_is_taken_back)
{
    signal(SIGXFSZ, SIG_IGN);
    ct_error error = { CT_OK, "" };
    ct_events *events = ct_events_open(".", 0, NULL);
    struct rlimit before, full;
    getrlimit(RLIMIT_FSIZE, &before);
    for (rlim_t limit = 40; limit < 160; limit++) {
        full = (struct rlimit){ limit, before.rlim_max };
        setrlimit(RLIMIT_FSIZE, &full);
        cr_expect_eq(ct_events_scalar(events, "a tag that is long enough not to fit below any of the limits, not even the last and largest "
                                              "of them, which is 160 bytes",
                                      1, 2, &error), CT_IO_ERROR);
    }
    setrlimit(RLIMIT_FSIZE, &before);
    cr_expect_eq(ct_events_scalar(events, "small", 7, 2, NULL), CT_OK);
    cr_assert_eq(ct_events_close(events, NULL), CT_OK);
    size_t size, at = 0, length, count = 0;
    uint8_t *bytes = read_only_file(&size);
    while (next_event(bytes, size, &at, &length) != NULL)
        count++;
    cr_expect_eq(count, 3);
    free(bytes);
}
