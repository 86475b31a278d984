/* Commands that were built next to this program, run as their users do: exit codes, what they say, and their JSON. */
#ifndef TESTS_RUN_COMMAND_H
#define TESTS_RUN_COMMAND_H

#include <criterion/criterion.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char output[1 << 20];

/* Runs a command that was built next to this program, by the environment's EMULATOR if it has one. `arguments` goes through the shell,
 * which may redirect; what comes is in output. */
__attribute__((unused)) static int run_program(const char *name, const char *arguments)
{
    char program[PATH_MAX], command[PATH_MAX + 1000];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    cr_assert(length > 0);
    program[length] = '\0';
    const char *emulator = getenv("EMULATOR");
    snprintf(command, sizeof command, "%s '%.*s/%s' %s", emulator ? emulator : "", (int)(strrchr(program, '/') - program), program, name,
             arguments);
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    output[fread(output, 1, sizeof output - 1, pipe)] = '\0';
    int status = pclose(pipe);
    cr_assert(WIFEXITED(status), "%s was killed", arguments);
    return WEXITSTATUS(status);
}

__attribute__((unused)) static int run(const char *arguments) { return run_program("cotangent", arguments); }

__attribute__((unused)) static json_t *parsed_output(const char *arguments)
{
    json_error_t error;
    json_t *json = json_loads(output, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(json, "%s: line %d: %s", arguments, error.line, error.text);
    return json;
}

__attribute__((unused)) static json_t *run_json(const char *arguments)
{
    cr_assert_eq(run(arguments), 0, "%s", arguments);
    return parsed_output(arguments);
}

__attribute__((unused)) static void expect_numbers(const json_t *array, int count, const double wanted[], double tolerance)
{
    cr_assert_eq(json_array_size(array), (size_t)count);
    for (int i = 0; i < count; i++) {
        double got = json_number_value(json_array_get(array, (size_t)i));
        cr_expect(fabs(got - wanted[i]) <= tolerance, "[%d] is %.17g, not %g", i, got, wanted[i]);
    }
}

#define EXPECT_NUMBERS(array, tolerance, ...) \
    expect_numbers(array, (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ }, tolerance)

#endif
