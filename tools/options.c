/* The command line of a verb: options from a table, and what to say when one is wrong. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

int complain(int code, const char *format, ...)
{
    char line[1000];
    va_list values;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    for (char *p = line; *p != '\0'; p++)
        *p = iscntrl((unsigned char)*p) ? '?' : *p; /* one line, whatever the words were */
    fprintf(stderr, "cotangent: %s\n", line);
    return code;
}

int print_json(json_t *json)
{
    int failed = json == NULL || json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) != 0;
    json_decref(json);
    if (failed)
        return complain(FAILED, "the JSON could not be written");
    putchar('\n');
    return DONE;
}

/* Edits from a to b: insertions, deletions, substitutions. */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    size_t row[LONGEST + 1], length = strnlen(b, LONGEST);
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0' && i < LONGEST; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 1; j <= length; j++) {
            size_t best = diagonal + (a[i] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[length];
}

const char *nearest_name(const char *word, const char *const names[])
{
    const char *nearest = names[0];
    for (int i = 1; names[0] != NULL && names[i] != NULL; i++)
        if (distance(word, names[i]) < distance(word, nearest))
            nearest = names[i];
    return nearest;
}

/* A whole number from low to high at the beginning of text; *end is behind it. */
static bool read_whole(const char *text, const struct setting *setting, int64_t *value, char **end)
{
    errno = 0;
    *value = strtoll(text, end, 10);
    return errno == 0 && *end != text && *value >= setting->low && *value <= setting->high;
}

static bool read_sizes(const char *text, const struct setting *setting)
{
    struct sizes *sizes = setting->sizes;
    char *end = NULL;
    for (sizes->count = 0; sizes->count < CT_MAX_SPATIAL; text = end + 1) {
        int axis = sizes->count++;
        if (!read_whole(text, setting, &sizes->value[axis], &end))
            return false;
        sizes->end[axis] = sizes->value[axis];
        if (setting->ends && *end == ':' && !read_whole(end + 1, setting, &sizes->end[axis], &end))
            return false;
        if (*end != 'x' && *end != ',')
            break;
    }
    return *end == '\0';
}

static int set(const char *verb, const struct setting *setting, const char *value)
{
    char *end = NULL;
    if (setting->flag != NULL)
        *setting->flag = true;
    else if (setting->text != NULL)
        *setting->text = value;
    else if (setting->whole != NULL && (!read_whole(value, setting, setting->whole, &end) || *end != '\0'))
        return complain(MISUSED, "%s --%s %s: needs a whole number from %" PRId64 " to %" PRId64, verb, setting->name, value,
                        setting->low, setting->high);
    else if (setting->sizes != NULL && !read_sizes(value, setting))
        return complain(MISUSED,
                        "%s --%s %s: needs whole numbers from %" PRId64 " to %" PRId64 ", one for all axes or up to %d as in %s",
                        verb, setting->name, value, setting->low, setting->high, CT_MAX_SPATIAL, setting->ends ? "1:2x0" : "5x6");
    return -1;
}

enum { MOST_OPTIONS = 24, HELP = 256, FIRST };

static int refuse(const char *verb, const char *given, const struct setting *settings, int count)
{
    const char *names[MOST_OPTIONS + 2] = { "help" };
    for (int i = 0; i < count; i++)
        names[i + 1] = settings[i].name;
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(given, "="), given);
    return complain(MISUSED, "%s: no option %s; the nearest is --%s", verb, word, nearest_name(word + strspn(word, "-"), names));
}

int read_settings(int argc, char **argv, const struct setting *settings, int count, const char **operand, const char *help)
{
    struct option longs[MOST_OPTIONS + 2] = { { "help", no_argument, NULL, HELP } };
    const char *verb = argv[0];
    bool given[MOST_OPTIONS] = { false };
    for (int i = 0; i < count && i < MOST_OPTIONS; i++)
        longs[i + 1] = (struct option){ settings[i].name, settings[i].flag ? no_argument : required_argument, NULL, FIRST + i };

    opterr = 0;
    for (int found; (found = getopt_long(argc, argv, ":h", longs, NULL)) != -1;) {
        if (found == HELP || found == 'h') {
            fputs(help, stdout);
            return DONE;
        }
        if (found == ':')
            return complain(MISUSED, "%s: %s needs a value", verb, argv[optind - 1]);
        if (found == '?' && optopt >= FIRST)
            return complain(MISUSED, "%s: %s takes no value", verb, argv[optind - 1]);
        if (found == '?')
            return refuse(verb, argv[optind - 1], settings, count);
        const struct setting *setting = &settings[found - FIRST];
        if (given[found - FIRST])
            return complain(MISUSED, "%s: --%s is given twice", verb, setting->name);
        given[found - FIRST] = true;
        int code = set(verb, setting, optarg);
        if (code >= 0)
            return code;
    }
    if (operand != NULL && optind < argc)
        *operand = argv[optind++];
    if (optind < argc)
        return complain(MISUSED, "%s: what is \"%s\"? Options begin with --", verb, argv[optind]);
    return -1;
}
