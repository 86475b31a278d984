/* TrueType fonts of polygons, made here, so that their outlines are known. */
#ifndef TESTS_POLYGON_FONTS_H
#define TESTS_POLYGON_FONTS_H

#include "files.h"

enum { CORNERS = 8 };

struct polygon {
    int code;   /* the character */
    int points; /* those behind the corners are where the last one is */
    int16_t x[CORNERS], y[CORNERS];
};

struct bytes {
    size_t size;
    uint8_t data[64 << 10];
};

static void put(struct bytes *bytes, int width, uint64_t value)
{
    for (int i = width - 1; i >= 0; i--)
        bytes->data[bytes->size++] = (uint8_t)(value >> 8 * i);
}

static void put_all16(struct bytes *bytes, size_t count, const int values[])
{
    for (size_t i = 0; i < count; i++)
        put(bytes, 2, (uint64_t)(int64_t)values[i]);
}
#define PUT16(bytes, ...) put_all16(bytes, sizeof((int[]){ __VA_ARGS__ }) / sizeof(int), (int[]){ __VA_ARGS__ })

/* glyf's part of one polygon; nothing for one without points. */
static void put_polygon(struct bytes *glyf, const struct polygon *polygon)
{
    const int corners = polygon->points < CORNERS ? polygon->points : CORNERS;
    int x = 0, y = 0;
    if (polygon->points == 0)
        return;
    PUT16(glyf, 1, 0, -200, 5000, 1000, polygon->points - 1, 0); /* contours, a box that nobody reads, last point, no instructions */
    for (int i = 0; i < corners; i++)
        put(glyf, 1, 1); /* on the curve */
    for (int left = polygon->points - corners; left > 0; left -= 256)
        put(glyf, 1, 0x39), put(glyf, 1, (left < 256 ? (uint64_t)left : 256) - 1); /* that many more, none elsewhere */
    for (int i = 0; i < corners; x = polygon->x[i++])
        PUT16(glyf, polygon->x[i] - x);
    for (int i = 0; i < corners; y = polygon->y[i++])
        PUT16(glyf, polygon->y[i] - y);
    while (glyf->size % 4 != 0)
        put(glyf, 1, 0);
}

enum { CMAP, GLYF, HEAD, HHEA, HMTX, LOCA, MAXP, OS2, TABLES };

static void put_head_and_hhea(struct bytes table[TABLES], int metrics)
{
    PUT16(&table[HEAD], 1, 0, 1, 0, 0, 0, 0x5f0f, 0x3cf5, 0, 1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, -200, 5000, 1000, 0, 8, 2, 1, 0);
    PUT16(&table[HHEA], 1, 0, 1000, -200, 0, 5000, 0, 0, 5000, 1, 0, 0, 0, 0, 0, 0, 0, metrics);
}

/* Those that are empty left out. */
static struct bytes font_of_tables(const struct bytes table[TABLES])
{
    static const char *const tags[TABLES] = { "cmap", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "OS/2" };
    int tables = 0;
    for (int i = 0; i < TABLES; i++)
        tables += table[i].size > 0;
    struct bytes font = { 0 };
    put(&font, 4, 0x00010000), PUT16(&font, tables, 128, 3, 16 * tables - 128);
    for (int i = 0, at = 12 + 16 * tables; i < TABLES; at += (int)(table[i++].size + 3) / 4 * 4) {
        if (table[i].size == 0)
            continue;
        memcpy(font.data + font.size, tags[i], 4);
        font.size += 4;
        put(&font, 4, 0), put(&font, 4, (uint64_t)at), put(&font, 4, table[i].size);
    }
    for (int i = 0; i < TABLES; i++) {
        cr_assert(font.size + table[i].size + 4 < sizeof font.data);
        memcpy(font.data + font.size, table[i].data, table[i].size);
        font.size += (table[i].size + 3) / 4 * 4;
    }
    return font;
}

/* By code. weight 0: without the table that says it. `shared`: every character the first polygon. */
static struct bytes font_of(int count, const struct polygon *const polygons[], int weight, bool shared)
{
    static struct bytes table[TABLES];
    memset(table, 0, sizeof table);
    PUT16(&table[CMAP], 0, 1, 3, 10), put(&table[CMAP], 4, 12);
    PUT16(&table[CMAP], 12, 0), put(&table[CMAP], 4, 16 + 12 * (uint64_t)count), put(&table[CMAP], 4, 0), put(&table[CMAP], 4, (uint64_t)count);
    PUT16(&table[MAXP], 1, 0, count + 1, 100, 10, 100, 10, 1, 0, 0, 0, 0, 0, 0, 0, 0);
    put(&table[LOCA], 4, 0), put(&table[LOCA], 4, 0); /* glyph 0 is empty */
    for (int i = 0; i < count; i++) {
        put_polygon(&table[GLYF], polygons[i]);
        put(&table[LOCA], 4, table[GLYF].size);
        for (int k = 0; k < 2; k++)
            put(&table[CMAP], 4, (uint64_t)polygons[i]->code);
        put(&table[CMAP], 4, shared ? 1 : (uint64_t)i + 1);
        PUT16(&table[HMTX], 700, 0);
    }
    PUT16(&table[HMTX], 700, 0);
    put_head_and_hhea(table, count + 1);
    if (weight > 0) {
        PUT16(&table[OS2], 0, 500, weight, 5, 0);
        while (table[OS2].size < 78)
            put(&table[OS2], 2, 0);
    }
    return font_of_tables(table);
}

#define FONT(weight, ...) \
    font_of(sizeof((const struct polygon *[]){ __VA_ARGS__ }) / sizeof(void *), (const struct polygon *[]){ __VA_ARGS__ }, weight, false)

static void write_font(const char *path, struct bytes font)
{
    write_bytes(path, font.data, font.size);
}

#endif
