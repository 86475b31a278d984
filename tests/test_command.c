/* The command line: defaults, configuration and typed words, in this order; what is wrong is named. */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "../examples/dcgan/command.h"
#include "json_memory.h"

struct options {
    struct common common;
    const char *text, *late;
    int64_t whole;
    double real, given;
    bool flag;
};

static const struct setting settings[] = {
    TEXT(struct options, text, "text", "WORD", "fallback", "a text"),
    WHOLE(struct options, whole, "whole", "3", 1, 10, "a whole number"),
    REAL(struct options, real, "real", NULL, 0, 1, "a real number"),
    REAL(struct options, given, "given", "0.25", 0, 1, "another"),
    FLAG(struct options, flag, "flag", "a flag"),
    { .name = "late", .argument = "X", .help = "of this call alone", .offset = offsetof(struct options, late), .passing = true },
};
static const struct verb verb = { "verb", "does", "", SETTINGS_OF(settings), sizeof(struct options), NULL };

static struct options options;
static ct_error error;

/* Parses the words; the last argument is NULL. */
static ct_status parse(const char *const words[])
{
    char *argv[16] = { (char *)"verb" };
    int argc = 1;
    bool helped;
    while (words[argc - 1] != NULL)
        argv[argc] = (char *)words[argc - 1], argc++;
    return command_parse("program", &verb, argc, argv, &options, &helped, &error);
}
#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

static void expect_refusal(ct_status status, const char *message)
{
    cr_expect_neq(status, CT_OK);
    cr_expect_str_eq(error.message, message);
    command_close(&options);
}

static char path[] = "/tmp/cotangent-command-XXXXXX";

static void write_config(const char *text)
{
    strcpy(path + strlen(path) - 6, "XXXXXX");
    int descriptor = mkstemp(path);
    cr_assert(descriptor >= 0 && write(descriptor, text, strlen(text)) == (ssize_t)strlen(text));
    close(descriptor);
}

Test(command, defaults_and_words)
{
    cr_assert_eq(parse((const char *const[]){ NULL }), CT_OK);
    cr_expect(strcmp(options.text, "fallback") == 0 && options.whole == 3 && isnan(options.real) && options.given == 0.25);
    cr_expect(!options.flag && options.late == NULL && options.common.threads == 0);
    cr_assert_eq(PARSE("--text", "word", "--whole=10", "--real", "1e-3", "--flag", "--late", "now", "--threads", "2"), CT_OK);
    cr_expect(strcmp(options.text, "word") == 0 && options.whole == 10 && options.real == 1e-3 && options.flag);
    cr_expect(strcmp(options.late, "now") == 0 && options.common.threads == 2);
}

Test(command, words_go_before_the_configuration)
{
    write_config("{\"verb\": \"verb\", \"text\": \"from file\", \"whole\": 7, \"real\": 1, \"flag\": true}");
    cr_assert_eq(PARSE("--whole", "8", "--config", path), CT_OK, "%s", error.message);
    cr_expect(strcmp(options.text, "from file") == 0 && options.whole == 8 && options.real == 1 && options.flag);
    unlink(path);

    /* What is written is read as the same settings; those of one call alone are left out. */
    options.given = 0.1 + 0.2;
    options.late = "now";
    char *text = command_json(&verb, &options);
    command_close(&options);
    cr_assert_not_null(text);
    cr_expect_null(strstr(text, "late"));
    write_config(text);
    free(text);
    cr_assert_eq(PARSE("--config", path), CT_OK, "%s", error.message);
    cr_expect(strcmp(options.text, "from file") == 0 && options.whole == 8 && options.real == 1 && options.flag);
    cr_expect_eq(options.given, 0.1 + 0.2);
    cr_expect_null(options.late);
    unlink(path);
    command_close(&options);
}

Test(command, wrong_words_are_named)
{
    expect_refusal(PARSE("--whoel", "3"), "verb has no option --whoel; did you mean --whole?");
    expect_refusal(PARSE("--txet=3"), "verb has no option --txet=3; did you mean --text?");
    expect_refusal(PARSE("--completely-different"), "verb has no option --completely-different");
    expect_refusal(PARSE("-x"), "verb has no option -x");
    expect_refusal(PARSE("--whole"), "--whole needs a value");
    expect_refusal(PARSE("--flag=1"), "--flag takes no value");
    expect_refusal(PARSE("word"), "what is \"word\"? verb --help explains");
    expect_refusal(PARSE("--whole", "0"), "--whole 0: needs a whole number 1 … 10");
    expect_refusal(PARSE("--whole", "3x"), "--whole 3x: needs a whole number 1 … 10");
    expect_refusal(PARSE("--whole", "99999999999999999999"), "--whole 99999999999999999999: needs a whole number 1 … 10");
    expect_refusal(PARSE("--whole", "-99999999999999999999"), "--whole -99999999999999999999: needs a whole number 1 … 10");
    expect_refusal(PARSE("--whole", "11"), "--whole 11: needs a whole number 1 … 10");
    expect_refusal(PARSE("--whole", "x"), "--whole x: needs a whole number 1 … 10");
    static const char *const reals[] = { "nan", "1e999", "1.5", "-0.5", "x", "0.5x" };
    for (int i = 0; i < 6; i++) {
        char sentence[100];
        snprintf(sentence, sizeof sentence, "--real %s: needs a number 0 … 1", reals[i]);
        expect_refusal(PARSE("--real", reals[i]), sentence);
    }
}

static void expect_config_refusal(const char *text, const char *part)
{
    write_config(text);
    cr_expect_neq(PARSE("--config", path), CT_OK, "%s", text);
    cr_expect_not_null(strstr(error.message, part), "%s: %s", text, error.message);
    command_close(&options);
    unlink(path);
}

Test(command, wrong_configurations_are_named)
{
    expect_config_refusal("{\"wohle\": 3}", "has no setting \"wohle\"; did you mean whole?");
    expect_config_refusal("{\"late\": \"x\"}", "has no setting \"late\"");
    expect_config_refusal("{\"whole\": 3.5}", "\"whole\" needs a whole number");
    expect_config_refusal("{\"whole\": 11}", "--whole 11: needs a whole number 1 … 10");
    expect_config_refusal("{\"text\": 3}", "\"text\" needs a text");
    expect_config_refusal("{\"flag\": 1}", "\"flag\" needs true or false");
    expect_config_refusal("{\"real\": \"0.5\"}", "\"real\" needs a number");
    expect_config_refusal("{\"verb\": 1}", "has no setting \"verb\"");
    expect_config_refusal("{\"verb\": \"sample\"}", "has no setting \"verb\"");
    expect_config_refusal("{\"whole\": 3, \"whole\": 4}", "duplicate");
    expect_config_refusal("[]", "needs an object");
    expect_config_refusal("{", "line 1");
    expect_config_refusal("{\"whole\": 3},\n{}", "more than one value");
    expect_config_refusal("{\"whole\": 3}]", "line 1");
    expect_config_refusal("", "line 1");
    expect_refusal(PARSE("--config", "/tmp"), "cannot read /tmp: Is a directory");
    expect_refusal(PARSE("--config", "/nonexistent/file"), "cannot read /nonexistent/file: No such file or directory");
}

/* As long as settings may be, and one letter longer. */
Test(command, long_configurations)
{
    static char text[(16 << 10) + 2];
    for (size_t over = 0; over <= 1; over++) {
        const size_t size = (16 << 10) + over;
        memset(text, 'x', size);
        memcpy(text, "{\"text\": \"", 10), memcpy(text + size - 2, "\"}", 2);
        write_config(text);
        const ct_status status = PARSE("--config", path);
        if (over == 0)
            cr_expect(status == CT_OK && strlen(options.text) == size - 12 && strspn(options.text, "x") == size - 12, "%s", error.message);
        else
            cr_expect(status == CT_BAD_FORMAT && strstr(error.message, ": more than 16384 bytes, which no settings have") != NULL, "%s", error.message);
        command_close(&options);
        unlink(path);
    }
}

/* Settings that memory left incomplete would be another run's. */
Test(command, settings_are_written_whole_or_not_at_all)
{
    static const char letters[] = "every length, so that a growing buffer ends in the middle of everything once";
    int told = 0;
    for (const char *text = letters; *text != '\0'; text++) {
        cr_assert_eq(PARSE("--text", text, "--whole=10", "--real", "1e-3", "--flag"), CT_OK);
        json_set_alloc_funcs(allocate_or_fail, free);
        allocations = failing = 0;
        char *whole = command_json(&verb, &options);
        cr_assert_not_null(whole);
        const long count = allocations;
        for (failing = 1; failing <= count; failing++) {
            allocations = 0;
            char *part = command_json(&verb, &options);
            cr_expect(part == NULL || strcmp(part, whole) == 0, "allocation %ld: %s", failing, part);
            told += part == NULL;
            free(part);
        }
        json_set_alloc_funcs(malloc, free);
        free(whole);
        command_close(&options);
    }
    cr_expect(told > 1000, "%d", told);
}

/* And read so: a text of any length, a letter of which is lost without a word where a buffer cannot grow. */
Test(command, settings_are_read_whole_or_not_at_all)
{
    char text[100] = "", config[200];
    int told = 0;
    for (int length = 1; length < 90; length++) {
        text[length - 1] = (char)('a' + length % 26);
        snprintf(config, sizeof config, "{\"text\": \"%s\", \"whole\": 10}", text);
        write_config(config);
        json_set_alloc_funcs(allocate_or_fail, free);
        allocations = failing = 0;
        cr_assert_eq(PARSE("--config", path), CT_OK, "%s", error.message);
        command_close(&options);
        const long count = allocations;
        for (failing = 1; failing <= count; failing++) {
            allocations = 0;
            ct_status status = PARSE("--config", path);
            told += status != CT_OK;
            cr_expect(status == CT_OK ? strcmp(options.text, text) == 0 && options.whole == 10 : error.message[0] != '\0', "%d letters, allocation %ld: %s", length, failing,
                      status == CT_OK ? options.text : error.message);
            command_close(&options);
        }
        json_set_alloc_funcs(malloc, free);
        unlink(path);
    }
    cr_expect(told > 500, "%d", told);
}

Test(command, the_nearest_name_is_meant)
{
    static const char *const names[] = { "train", "sample", "bench" };
    cr_expect_str_eq(command_nearest("trian", names, 3, sizeof *names), "train");
    cr_expect_str_eq(command_nearest("smaple", names, 3, sizeof *names), "sample");
    cr_expect_null(command_nearest("xyzzy", names, 3, sizeof *names));
    cr_expect_null(command_nearest("", names, 3, sizeof *names));
}
