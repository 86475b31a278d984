/* The command line: defaults, then a configuration file, then what was typed, into a verb's struct. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "command.h"

enum { DONE = 0, FAILED = 1, MISUSED = 2, MOST_SETTINGS = 64 };

static const struct setting common[] = {
    WHOLE(struct common, threads, "threads", NULL, 1, 256, "threads; all cores by default, and no result depends on it"),
    TEXT(struct common, config, "config", "FILE", NULL, "settings from a JSON object, as settings.json; what is typed goes before"),
};
enum { COMMON = sizeof common / sizeof *common };

static const struct setting *setting_at(const struct verb *verb, int position)
{
    return position < verb->count ? &verb->settings[position] : &common[position - verb->count];
}

static int setting_count(const struct verb *verb)
{
    return verb->count + COMMON;
}

/* ---- names that were meant ---- */

/* Levenshtein's distance, one row at a time. */
static int distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    int row[LONGEST + 1], length = (int)strlen(b);
    if (length > LONGEST || strlen(a) > LONGEST)
        return LONGEST;
    for (int j = 0; j <= length; j++)
        row[j] = j;
    for (int i = 1; a[i - 1] != '\0'; i++) {
        int corner = row[0];
        row[0] = i;
        for (int j = 1; j <= length; j++) {
            int replaced = corner + (a[i - 1] != b[j - 1]), grown = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            corner = row[j];
            row[j] = replaced < grown ? replaced : grown;
        }
    }
    return row[length];
}

const char *command_nearest(const char *text, const void *names, int count, size_t step)
{
    const char *nearest = NULL;
    int least = 1 + (int)strlen(text) / 2;
    for (int i = 0; i < count; i++) {
        const char *name = *(const char *const *)((const char *)names + (size_t)i * step);
        int apart = distance(text, name);
        if (apart < least)
            least = apart, nearest = name;
    }
    return nearest;
}

/* ", did you mean …?", or nothing. */
static const char *suggest(const struct verb *verb, const char *dashes, const char *name, char text[100])
{
    const char *names[MOST_SETTINGS + 1] = { "help" }, *nearest;
    const int extra = dashes[0] != '\0'; /* no setting, but an option */
    for (int i = 0; i < setting_count(verb); i++)
        names[extra + i] = setting_at(verb, i)->name;
    nearest = command_nearest(name, names, extra + setting_count(verb), sizeof *names);
    text[0] = '\0';
    if (nearest != NULL)
        snprintf(text, 100, "; did you mean %s%s?", dashes, nearest);
    return text;
}

/* ---- one setting ---- */

static ct_status out_of_range(const struct setting *setting, const char *value, ct_error *error)
{
    return ct_error_set(error, CT_BAD_ARGUMENT, "--%s %.80s: needs a %s %.12g … %.12g", setting->name, value,
                        setting->kind == SETTING_WHOLE ? "whole number" : "number", setting->low, setting->high);
}

static ct_status set_text(const struct setting *setting, void *options, const char *value, ct_error *error)
{
    void *field = (char *)options + setting->offset;
    char *end = NULL;
    errno = 0;
    if (setting->kind == SETTING_TEXT && value[0] == '\0') {
        return ct_error_set(error, CT_BAD_ARGUMENT, "--%s needs a value", setting->name);
    } else if (setting->kind == SETTING_TEXT) {
        *(const char **)field = value;
    } else if (setting->kind == SETTING_FLAG) {
        *(bool *)field = true;
    } else if (setting->kind == SETTING_WHOLE) {
        long long whole = strtoll(value, &end, 10);
        if (errno != 0 || end == value || *end != '\0' || (double)whole < setting->low || (double)whole > setting->high)
            return out_of_range(setting, value, error);
        *(int64_t *)field = whole;
    } else {
        double real = strtod(value, &end);
        if (errno != 0 || end == value || *end != '\0' || !(real >= setting->low && real <= setting->high))
            return out_of_range(setting, value, error);
        *(double *)field = real;
    }
    return CT_OK;
}

static ct_status set_json(const struct setting *setting, void *options, const json_t *value, const char *path, ct_error *error)
{
    char text[400];
    bool good = setting->kind == SETTING_TEXT    ? json_is_string(value)
                : setting->kind == SETTING_FLAG  ? json_is_boolean(value)
                : setting->kind == SETTING_WHOLE ? json_is_integer(value)
                                                 : json_is_number(value);
    if (!good)
        return ct_error_set(error, CT_BAD_ARGUMENT, "%.200s: \"%s\" needs %s", path, setting->name,
                            setting->kind == SETTING_TEXT    ? "a text"
                            : setting->kind == SETTING_FLAG  ? "true or false"
                            : setting->kind == SETTING_WHOLE ? "a whole number"
                                                             : "a number");
    if (setting->kind == SETTING_TEXT)
        return set_text(setting, options, json_string_value(value), error);
    if (setting->kind == SETTING_FLAG) {
        *(bool *)((char *)options + setting->offset) = json_is_true(value);
        return CT_OK;
    }
    if (setting->kind == SETTING_WHOLE)
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    else
        snprintf(text, sizeof text, "%.17g", json_number_value(value));
    return set_text(setting, options, text, error);
}

/* ---- configuration ---- */

/* Jansson's reader (2.14) loses letters, and its way, where memory for a token is out: see src/io/json.c. So it is given [0.00…0,text]. */
enum { LONGEST = 16 << 10 }; /* letters of a text */

struct reading {
    const char *letters;
    size_t number, size, at; /* letters of [ and the number; of all; read so far */
    bool exhausted;
};

static size_t read_on(void *buffer, size_t room, void *context)
{
    struct reading *reading = context;
    const size_t left = (reading->at < reading->number ? reading->number : reading->size) - reading->at, count = left < room ? left : room;
    reading->exhausted |= reading->at == reading->number && errno == ENOMEM;
    if (reading->exhausted)
        return 0;
    memcpy(buffer, reading->letters + reading->at, count);
    reading->at += count;
    return count;
}

/* The size of the text, which is followed by room for one letter and preceded by room for the number. */
static json_t *parse(char *text, size_t size, bool *exhausted, json_error_t *where)
{
    size_t number = size + 8;
    number += (number & (number - 1)) == 0;
    char *begin = text - 1 - number;
    memset(begin, '0', number);
    memcpy(begin, "[0.", 3);
    text[-1] = ',', text[size] = ']';
    struct reading reading = { .letters = begin, .number = number, .size = number + 1 + size + 1 };
    errno = 0;
    json_t *both = json_load_callback(read_on, &reading, JSON_REJECT_DUPLICATES, where);
    json_t *root = json_array_size(both) == 2 ? json_incref(json_array_get(both, 1)) : NULL;
    *exhausted = reading.exhausted || (both == NULL && where->text[0] == '\0');
    if (both != NULL && root == NULL)
        strcpy(where->text, "more than one value");
    json_decref(both);
    return root;
}

json_t *command_read_json(const char *path, ct_error *error)
{
    char letters[2 * LONGEST + 16], *text = letters + LONGEST + 12;
    FILE *file = fopen(path, "r");
    const size_t size = file != NULL ? fread(text, 1, LONGEST + 1, file) : 0;
    const bool read = file != NULL && !ferror(file);
    const int reason = errno;
    if (file != NULL)
        fclose(file);
    if (!read) {
        ct_error_set(error, CT_IO_ERROR, "cannot read %.300s: %s", path, strerror(reason));
        return NULL;
    }
    if (size > LONGEST) {
        ct_error_set(error, CT_BAD_FORMAT, "%.200s: more than %d bytes, which no settings have", path, LONGEST);
        return NULL;
    }
    json_error_t where = { .text = "" };
    bool exhausted;
    json_t *root = parse(text, size, &exhausted, &where);
    if (exhausted)
        ct_error_set(error, CT_NO_MEMORY, "cannot read %.300s: out of memory", path);
    else if (root == NULL)
        ct_error_set(error, CT_BAD_FORMAT, "%.200s, line %d: %s", path, where.line, where.text);
    return root;
}

static ct_status read_config(const struct verb *verb, const char *path, void *options, ct_error *error)
{
    json_t *root = command_read_json(path, error);
    if (root == NULL)
        return error->status;
    ((struct common *)options)->held = root;
    if (!json_is_object(root))
        return ct_error_set(error, CT_BAD_FORMAT, "%.200s: needs an object of settings, as {\"steps\": 2000}", path);
    const char *name, *text = NULL;
    json_t *value;
    json_object_foreach (root, name, value) {
        const struct setting *setting = NULL;
        char hint[100];
        for (int i = 0; i < verb->count && setting == NULL; i++)
            if (strcmp(verb->settings[i].name, name) == 0 && !verb->settings[i].passing)
                setting = &verb->settings[i];
        if (setting == NULL && strcmp(name, text = "verb") == 0 && json_is_string(value) &&
            strcmp(json_string_value(value), verb->name) == 0)
            continue;
        if (setting == NULL)
            return ct_error_set(error, CT_BAD_ARGUMENT, "%.200s: %s has no setting \"%.60s\"%s", path, verb->name, name,
                                suggest(verb, "", name, hint));
        ct_status status = set_json(setting, options, value, path, error);
        if (status != CT_OK)
            return status;
    }
    return CT_OK;
}

/* Digits that give a number back exactly: 15 for what people type, 17 at most. */
static size_t digits_of(double value)
{
    size_t digits = 15;
    for (char text[40]; digits < 17 && (snprintf(text, sizeof text, "%.*g", (int)digits, value), strtod(text, NULL) != value);)
        digits++;
    return digits;
}

/* A text or number that has no default may be missing. */
static bool given(const struct setting *setting, const void *field)
{
    return setting->kind == SETTING_TEXT   ? *(const char *const *)field != NULL
           : setting->kind == SETTING_REAL ? !isnan(*(const double *)field)
                                           : true;
}

/* json_dumps, whose buffer loses a key where it cannot grow (Jansson 2.14); this one need not grow. */
static char *dump(const json_t *root, size_t flags)
{
    const size_t length = json_dumpb(root, NULL, 0, flags); /* 0 when memory is out */
    char *text = length > 0 ? malloc(length + 1) : NULL;
    if (text == NULL || json_dumpb(root, text, length, flags) != length) {
        free(text);
        return NULL;
    }
    text[length] = '\0';
    return text;
}

char *command_json(const struct verb *verb, const void *options)
{
    json_t *root = json_object();
    size_t digits = 15;
    bool good = root != NULL;
    for (int i = 0; i < verb->count; i++) {
        const struct setting *setting = &verb->settings[i];
        const void *field = (const char *)options + setting->offset;
        if (setting->passing || !given(setting, field))
            continue;
        json_t *value = setting->kind == SETTING_TEXT    ? json_string(*(const char *const *)field)
                        : setting->kind == SETTING_FLAG  ? json_boolean(*(const bool *)field)
                        : setting->kind == SETTING_WHOLE ? json_integer(*(const int64_t *)field)
                                                         : json_real(*(const double *)field);
        if (json_is_real(value) && digits_of(json_real_value(value)) > digits)
            digits = digits_of(json_real_value(value));
        good = json_object_set_new(root, setting->name, value) == 0 && good;
    }
    char *text = good ? dump(root, JSON_INDENT(2) | JSON_REAL_PRECISION(digits)) : NULL;
    json_decref(root);
    return text;
}

/* ---- help ---- */

static void print_setting(const struct setting *setting)
{
    char name[64];
    snprintf(name, sizeof name, "--%s %s", setting->name, setting->argument != NULL ? setting->argument : "");
    printf("  %-26s  %s", name, setting->help);
    if (setting->value != NULL)
        printf(" (%s)", setting->value);
    printf("\n");
}

static void print_help(const char *program, const struct verb *verb)
{
    printf("%s %s [options]: %s\n\n", program, verb->name, verb->summary);
    for (int i = 0; i < setting_count(verb); i++)
        print_setting(setting_at(verb, i));
    printf("\n%s", verb->examples);
}

/* ---- the line ---- */

static ct_status parse_words(const struct verb *verb, int argc, char **argv, const char *typed[], bool *helped, ct_error *error)
{
    struct option longs[MOST_SETTINGS + 2] = { { "help", no_argument, NULL, 'h' } };
    char hint[100];
    for (int i = 0; i < setting_count(verb); i++)
        longs[i + 1] =
            (struct option){ setting_at(verb, i)->name,
                             setting_at(verb, i)->kind == SETTING_FLAG ? no_argument : required_argument, NULL, 256 + i };
    opterr = 0, optind = 0; /* 0: getopt starts anew */
    for (int found; (found = getopt_long(argc, argv, ":h", longs, NULL)) != -1;) {
        if (found == 'h') {
            *helped = true;
            return CT_OK;
        }
        const char *word = argv[optind - 1];
        if (found == ':')
            return ct_error_set(error, CT_BAD_ARGUMENT, "%.80s needs a value", word);
        if (found == '?' && optopt >= 256)
            return ct_error_set(error, CT_BAD_ARGUMENT, "--%s takes no value", setting_at(verb, optopt - 256)->name);
        if (found == '?') {
            char name[80];
            snprintf(name, sizeof name, "%s", word + strspn(word, "-"));
            name[strcspn(name, "=")] = '\0';
            return ct_error_set(error, CT_BAD_ARGUMENT, "%s has no option %.80s%s", verb->name, word,
                                suggest(verb, "--", name, hint));
        }
        typed[found - 256] = optarg != NULL ? optarg : "";
    }
    if (optind < argc)
        return ct_error_set(error, CT_BAD_ARGUMENT, "what is \"%.80s\"? %s --help explains", argv[optind], verb->name);
    return CT_OK;
}

ct_status command_parse(const char *program, const struct verb *verb, int argc, char **argv, void *options, bool *helped,
                        ct_error *error)
{
    const char *typed[MOST_SETTINGS] = { NULL }, *config = NULL, *resume = NULL;
    char path[4096];
    memset(options, 0, verb->size);
    *helped = false;
    ct_status status = parse_words(verb, argc, argv, typed, helped, error);
    if (*helped)
        print_help(program, verb);
    for (int i = 0; i < setting_count(verb) && status == CT_OK; i++) {
        const struct setting *setting = setting_at(verb, i);
        if (setting->kind == SETTING_REAL)
            *(double *)((char *)options + setting->offset) = NAN;
        if (setting->value != NULL)
            status = set_text(setting, options, setting->value, error);
        if (typed[i] != NULL && strcmp(setting->name, "config") == 0)
            config = typed[i];
        if (typed[i] != NULL && strcmp(setting->name, "resume") == 0)
            resume = typed[i];
    }
    if (config == NULL && resume != NULL) { /* a run goes on with its own settings */
        snprintf(path, sizeof path, "%s/settings.json", resume);
        config = path;
    }
    if (config != NULL && status == CT_OK)
        status = read_config(verb, config, options, error);
    for (int i = 0; i < setting_count(verb) && status == CT_OK; i++)
        if (typed[i] != NULL)
            status = set_text(setting_at(verb, i), options, typed[i], error);
    return status;
}

void command_close(void *options)
{
    json_decref(((struct common *)options)->held);
}

static int fail(const char *program, const char *verb, ct_status status, const ct_error *error)
{
    fprintf(stderr, "%s%s%s: %s\n", program, verb[0] != '\0' ? " " : "", verb, error->message);
    return status == CT_BAD_ARGUMENT ? MISUSED : FAILED;
}

/* What was printed is there, or the word "done" is none. */
static int finish(const char *program, const char *verb)
{
    ct_error error;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return DONE;
    return fail(program, verb, ct_error_set(&error, CT_IO_ERROR, "cannot write the output: %s", strerror(errno)), &error);
}

static int run_verb(const char *program, const struct verb *verb, int argc, char **argv)
{
    ct_error error = { CT_OK, "" };
    bool helped;
    void *options = malloc(verb->size);
    if (options == NULL)
        return fail(program, verb->name, ct_error_set(&error, CT_NO_MEMORY, "out of memory"), &error);
    ct_status status = command_parse(program, verb, argc, argv, options, &helped, &error);
    if (status == CT_OK && ((struct common *)options)->threads > 0)
        ct_set_num_threads((int)((struct common *)options)->threads);
    if (status == CT_OK && !helped)
        status = verb->run(options, &error);
    command_close(options);
    free(options);
    return status == CT_OK ? finish(program, verb->name) : fail(program, verb->name, status, &error);
}

int command_run(const char *program, const char *about, const struct verb *const verbs[], int count, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "help", *names[MOST_SETTINGS];
    if (argc > 2 && strcmp(word, "help") == 0) { /* help VERB is VERB --help */
        argv[1] = argv[2], argv[2] = "--help";
        word = argv[1], argc = 3;
    }
    for (int i = 0; i < count; i++) {
        names[i] = verbs[i]->name;
        if (strcmp(verbs[i]->name, word) == 0)
            return run_verb(program, verbs[i], argc - 1, argv + 1);
    }
    if (strcmp(word, "--version") == 0) {
        printf("%s %s\n", program, CT_VERSION);
        return finish(program, "");
    }
    if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        printf("%s", about);
        for (int i = 0; i < count; i++)
            printf("  %s %-12s %s\n", program, verbs[i]->name, verbs[i]->summary);
        printf("\n%s VERB --help lists its options with examples. Exit codes: 0 done, 1 failed, 2 wrong usage.\n", program);
        return finish(program, "");
    }
    const char *nearest = command_nearest(word, names, count, sizeof *names);
    fprintf(stderr, "%s: \"%.60s\" is no verb; %s%s%s%s --help lists them\n", program, word,
            nearest != NULL ? "did you mean " : "", nearest != NULL ? nearest : "", nearest != NULL ? "? " : "", program);
    return MISUSED;
}
