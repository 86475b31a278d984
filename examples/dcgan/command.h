/* The command line's grammar: a verb is a row of text and a table of settings that fill a struct. */
#ifndef DCGAN_COMMAND_H
#define DCGAN_COMMAND_H

#include <cotangent/cotangent.h>

enum setting_kind { SETTING_TEXT, SETTING_WHOLE, SETTING_REAL, SETTING_FLAG };

/* --name ARGUMENT, and "name": value in a configuration file. Fills the field at `offset`: const char *, int64_t, double, bool. */
struct setting {
    const char *name, *argument, *help;
    enum setting_kind kind;
    size_t offset;
    const char *value; /* the default, as one would type it; NULL: none, which is NULL, 0, NaN or false */
    double low, high;  /* of numbers, inclusive */
    bool passing;      /* of this call alone: not written with the results */
};

/* What every verb takes; its struct begins with this. */
struct common {
    int64_t threads;
    const char *config;
    void *held; /* the configuration's texts */
};

struct verb {
    const char *name, *summary, *examples;
    const struct setting *settings;
    int count;
    size_t size; /* of the struct */
    ct_status (*run)(const void *options, ct_error *error);
};

/* In a verb's table: TEXT(struct …, field, "--name", …) and so on. */
#define SETTINGS_OF(table) (table), (int)(sizeof(table) / sizeof *(table))
#define TEXT(type, field, text_name, text_argument, fallback, text_help) \
    { .name = (text_name), .argument = (text_argument), .help = (text_help), .kind = SETTING_TEXT, .offset = offsetof(type, field), \
      .value = (fallback) }
#define WHOLE(type, field, text_name, fallback, least, most, text_help) \
    { .name = (text_name), .argument = "N", .help = (text_help), .kind = SETTING_WHOLE, .offset = offsetof(type, field), \
      .value = (fallback), .low = (least), .high = (most) }
#define REAL(type, field, text_name, fallback, least, most, text_help) \
    { .name = (text_name), .argument = "X", .help = (text_help), .kind = SETTING_REAL, .offset = offsetof(type, field), \
      .value = (fallback), .low = (least), .high = (most) }
#define FLAG(type, field, text_name, text_help) \
    { .name = (text_name), .help = (text_help), .kind = SETTING_FLAG, .offset = offsetof(type, field) }

/* Runs the verb that argv[1] names; returns the exit code: 0 done, 1 failed, 2 wrong usage. */
int command_run(const char *program, const char *about, const struct verb *const verbs[], int count, int argc, char **argv);

/* Fills options (verb->size bytes) from defaults, then the configuration, then the command line; argv[0] is the verb. *helped: help
 * was asked for and printed. Give back with command_close. */
ct_status command_parse(const char *program, const struct verb *verb, int argc, char **argv, void *options, bool *helped,
                        ct_error *error);
void command_close(void *options);

/* The settings as a JSON object that --config reads; malloc'd, NULL when memory is out. */
char *command_json(const struct verb *verb, const void *options);

/* A JSON file; NULL after a message with its path. */
struct json_t *command_read_json(const char *path, ct_error *error);

/* Which of `count` names (step bytes apart) is nearest to text by edit distance; NULL when none is near. */
const char *command_nearest(const char *text, const void *names, int count, size_t step);

#endif
