/* Pictures of one pixel, for tests that read many. */
#ifndef TESTS_PICTURES_H
#define TESTS_PICTURES_H

#include <criterion/criterion.h>

#include <cotangent/cotangent.h>

static const ct_source_options grey4 = { .channels = 1, .size = 4 };

__attribute__((unused)) static void make_png(const char *path, uint8_t value)
{
    cr_assert_eq(ct_png_write(path, 1, 1, 1, &value, NULL), CT_OK);
}

#endif
