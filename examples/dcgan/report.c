/* dcgan report: a run's folder as one HTML file: curves, pictures over time, settings, machine, and the checkpoint's hash. Beside it
 * the losses as a picture of their own. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <jansson.h>
#include <sha2.h>

#include "report.h"

enum { MOST_PICTURES = 11 }; /* a dozen with the real ones: whole rows of 2, 3, 4 and 6 */

static ct_status out_of_memory(ct_error *error)
{
    return ct_error_set(error, CT_NO_MEMORY, "out of memory for the report");
}

/* ---- the log ---- */

#define COUNT_FIELD(name) +1
#define FIELD_NAME(name) #name,
enum { FIELDS = REPORT_FIELDS(COUNT_FIELD) };
static const char *const field_name[] = { REPORT_FIELDS(FIELD_NAME) };

struct rows {
    int64_t count, room;
    double *step, *value[FIELDS];
};

static bool rows_grow(struct rows *rows)
{
    if (rows->count < rows->room)
        return true;
    int64_t room = rows->room > 0 ? rows->room * 2 : 1024;
    double **columns[FIELDS + 1] = { &rows->step };
    for (int f = 0; f < FIELDS; f++)
        columns[f + 1] = &rows->value[f];
    for (int c = 0; c <= FIELDS; c++) {
        double *larger = realloc(*columns[c], (size_t)room * sizeof **columns[c]);
        if (larger == NULL)
            return false;
        *columns[c] = larger;
    }
    rows->room = room;
    return true;
}

/* Adds the row if the line is a whole one, in the order of the fields; false when memory is out. */
static bool rows_add(struct rows *rows, const char *line)
{
    char *end;
    double step = strtod(line, &end), value[FIELDS];
    int fields = 0;
    for (const char *at = end; fields < FIELDS && *at == ',' && (value[fields] = strtod(at + 1, &end), end > at + 1); at = end)
        fields++;
    if (end == line || fields < FIELDS)
        return true;
    if (!rows_grow(rows))
        return false;
    rows->step[rows->count] = step;
    for (int f = 0; f < FIELDS; f++)
        rows->value[f][rows->count] = value[f];
    rows->count++;
    return true;
}

static ct_status rows_read(struct rows *rows, const char *path, ct_error *error)
{
    char line[512];
    ct_status status = CT_OK;
    *rows = (struct rows){ .count = 0 };
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return cannot("read", path, error);
    while (status == CT_OK && fgets(line, sizeof line, file) != NULL)
        if (!rows_add(rows, line))
            status = out_of_memory(error);
    if (status == CT_OK && ferror(file))
        status = cannot("read", path, error);
    fclose(file);
    return status;
}

static void rows_free(struct rows *rows)
{
    free(rows->step);
    for (int f = 0; f < FIELDS; f++)
        free(rows->value[f]);
}

static const double *column(const struct rows *rows, const char *name)
{
    int f = 0;
    while (strcmp(field_name[f], name) != 0)
        f++;
    return rows->value[f];
}

/* The losses, with `write` one of chart.c's. */
static bool write_losses(FILE *out, const struct rows *rows,
                         bool (*write)(FILE *, const char *, int64_t, const double *, int, const struct chart_series[]))
{
    const struct chart_series losses[] = { { "discriminator", column(rows, "d_loss") }, { "generator", column(rows, "g_loss") } };
    return write(out, "Losses", rows->count, rows->step, 2, losses);
}

static bool write_charts(FILE *out, const struct rows *rows, bool critic)
{
    const struct chart_series answers[] = { { "to real", column(rows, "d_real") }, { "to fake", column(rows, "d_fake") },
                                            { "to fake, after its step", column(rows, "d_fake_after") } };
    const struct chart_series penalty[] = { { "λ (‖gradient‖ − 1)²", column(rows, "penalty") } };
    return write_losses(out, rows, chart_figure) &&
           chart_figure(out, critic ? "The critic's mean answer" : "The discriminator's mean answer: the chance that a picture is real",
                        rows->count, rows->step, 3, answers) &&
           (!critic || chart_figure(out, "Gradient penalty", rows->count, rows->step, 1, penalty));
}

/* ---- text and bytes inside HTML ---- */

static void write_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *entity = *text == '<'   ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '&' ? "&amp;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity != NULL)
            fputs(entity, out);
        else
            fputc(*text, out);
    }
}

static void write_base64(FILE *out, FILE *in)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char bytes[3 * 1024];
    for (size_t size; (size = fread(bytes, 1, sizeof bytes, in)) > 0;)
        for (size_t at = 0; at < size; at += 3) {
            const size_t got = size - at < 3 ? size - at : 3;
            unsigned bits = 0;
            for (size_t i = 0; i < 3; i++)
                bits = bits << 8 | (i < got ? bytes[at + i] : 0u);
            for (size_t i = 0; i < 4; i++)
                fputc(i <= got ? digit[bits >> (18 - 6 * i) & 63] : '=', out);
        }
}

/* Nothing for a picture that is not there. */
static ct_status write_picture(FILE *out, const char *folder, const char *name, const char *caption, ct_error *error)
{
    char path[4400];
    snprintf(path, sizeof path, "%.4000s/%.300s", folder, name);
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return errno == ENOENT ? CT_OK : cannot("read", path, error);
    fprintf(out, "<figure class=\"picture\"><img alt=\"%s\" src=\"data:image/png;base64,", caption);
    write_base64(out, in);
    fprintf(out, "\"><figcaption>%s</figcaption></figure>\n", caption);
    ct_status status = ferror(in) ? cannot("read", path, error) : CT_OK;
    fclose(in);
    return status;
}

/* ---- the parts ---- */

static int is_sample(const struct dirent *entry)
{
    return fnmatch("samples-*.png", entry->d_name, 0) == 0;
}

/* The real pictures, then the generator's: at most eleven, as evenly apart as they come, the last among them. */
static ct_status write_pictures(FILE *out, const char *folder, ct_error *error)
{
    struct dirent **list = NULL;
    int count = scandir(folder, &list, is_sample, versionsort), shown = count < MOST_PICTURES ? count : MOST_PICTURES;
    if (count < 0)
        return cannot("list", folder, error);
    fputs("<h2>Pictures</h2>\n<div class=\"pictures\">\n", out);
    ct_status status = write_picture(out, folder, "real.png", "real: what the network learns from", error);
    for (int i = 0; i < shown && status == CT_OK; i++) {
        const char *name = list[shown < 2 ? 0 : (count - 1) * i / (shown - 1)]->d_name;
        char caption[64];
        snprintf(caption, sizeof caption, "step %lld", strtoll(name + strlen("samples-"), NULL, 10));
        status = write_picture(out, folder, name, caption, error);
    }
    fputs("</div>\n", out);
    for (int i = 0; i < count; i++)
        free(list[i]);
    free(list);
    return status;
}

static void write_row(FILE *out, const char *name, const char *value)
{
    fputs("<tr><th>", out);
    write_text(out, name);
    fputs("</th><td>", out);
    write_text(out, value);
    fputs("</td></tr>\n", out);
}

static bool write_settings(FILE *out, const json_t *settings)
{
    const char *name;
    json_t *value;
    bool good = true;
    fputs("<h2>Settings</h2>\n<table>\n", out);
    json_object_foreach ((json_t *)settings, name, value) {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
        good = good && text != NULL;
        write_row(out, name, json_is_string(value) ? json_string_value(value) : text != NULL ? text : "");
        free(text);
    }
    fputs("</table>\n", out);
    return good;
}

/* The processor's name as Linux knows it. */
static void processor(char *text, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[512];
    snprintf(text, size, "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(text, size, "%s", strchr(line, ':') + 2);
            break;
        }
    if (file != NULL)
        fclose(file);
}

static ct_status write_origin(FILE *out, const char *folder, ct_error *error)
{
    struct utsname system;
    char text[600], path[4200], hash[SHA256_DIGEST_STRING_LENGTH], target[300] = "";
    fputs("<h2>Where this comes from</h2>\n<table>\n", out);
    write_row(out, "program", "dcgan of Cotangent " CT_VERSION);
    processor(text, sizeof text);
    write_row(out, "processor", text);
    snprintf(text, sizeof text, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    write_row(out, "cores", text);
    if (uname(&system) == 0) {
        snprintf(text, sizeof text, "%s %s %s", system.sysname, system.release, system.machine);
        write_row(out, "system", text);
    }
    snprintf(path, sizeof path, "%.4000s/checkpoint-latest.safetensors", folder);
    bool there = readlink(path, target, sizeof target - 1) > 0 || errno == EINVAL; /* a copy may hold the file in the link's place */
    if (there && SHA256File(path, hash) != NULL) {
        write_row(out, "checkpoint", target[0] != '\0' ? target : "checkpoint-latest.safetensors");
        write_row(out, "its SHA-256", hash);
    } else if (errno != ENOENT) {
        return cannot("read", path, error);
    }
    fputs("</table>\n", out);
    return CT_OK;
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>dcgan: a training run</title>\n<style>\n"
    ":root { color-scheme: light dark; --ink: #1c1c1c; --faint: #8888; --line: #8883; }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e4e4e4; } .charts { filter: brightness(1.4); } }\n"
    "body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }\n"
    "h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }\n"
    ".charts, .pictures { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); }\n"
    ".charts { align-items: end; } .pictures { grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }\n"
    "figure { margin: 0; } figcaption { font-size: .9rem; } img { width: 100%; image-rendering: pixelated; }\n"
    "svg text { font-size: 12px; fill: var(--ink); } .grid { stroke: var(--line); } .axis, .tick { stroke: var(--faint); }\n"
    ".key::before { content: \"\\25CF\\00A0\"; } .key { display: inline-block; margin-right: .7rem; }\n"
    ".key:first-of-type { margin-left: .7rem; }\n"
    "table { border-collapse: collapse; } th { text-align: left; font-weight: 500; padding-right: 2rem; }\n"
    "td { font-family: ui-monospace, monospace; overflow-wrap: anywhere; } th, td { border-bottom: 1px solid var(--line); }\n"
    "</style></head><body>\n";

/* ---- the files ---- */

struct parts {
    const char *folder;
    json_t *settings;
    struct rows rows;
};

static ct_status write_page(FILE *out, const struct parts *parts, ct_error *error)
{
    const struct rows *rows = &parts->rows;
    const char *loss = json_string_value(json_object_get(parts->settings, "loss"));
    const char *data = json_string_value(json_object_get(parts->settings, "data"));
    fputs(head, out);
    fputs("<h1>dcgan: ", out);
    write_text(out, data != NULL ? data : "");
    fprintf(out, ", %.0f of %lld steps</h1>\n<div class=\"charts\">\n", rows->count > 0 ? rows->step[rows->count - 1] : 0,
            (long long)json_integer_value(json_object_get(parts->settings, "steps")));
    bool drawn = write_charts(out, rows, loss != NULL && strcmp(loss, "wgan-gp") == 0);
    fputs("</div>\n", out);
    ct_status status = drawn ? write_pictures(out, parts->folder, error) : out_of_memory(error);
    if (status == CT_OK && !write_settings(out, parts->settings))
        status = out_of_memory(error);
    if (status == CT_OK)
        status = write_origin(out, parts->folder, error);
    fputs("</body></html>\n", out);
    return status;
}

static ct_status write_picture_of_losses(FILE *out, const struct parts *parts, ct_error *error)
{
    return write_losses(out, &parts->rows, chart_svg) ? CT_OK : out_of_memory(error);
}

/* What is written to a stream, in memory. open_memstream's stream says nothing of what is lost where it cannot grow; this one's ferror does. */
struct text {
    char *bytes;
    size_t size, room;
};

static ssize_t append(void *cookie, const char *bytes, size_t size)
{
    struct text *text = cookie;
    if (text->room - text->size < size) {
        const size_t room = 2 * text->room + size;
        char *larger = realloc(text->bytes, room);
        if (larger == NULL)
            return 0;
        text->bytes = larger, text->room = room;
    }
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    return (ssize_t)size;
}

static ct_status write_file(const struct parts *parts, const char *name,
                            ct_status (*write)(FILE *, const struct parts *, ct_error *), ct_error *error)
{
    char path[4200], buffer[4096];
    struct text text = { .bytes = NULL };
    snprintf(path, sizeof path, "%.4000s/%s", parts->folder, name);
    FILE *out = fopencookie(&text, "w", (cookie_io_functions_t){ .write = append });
    if (out == NULL)
        return out_of_memory(error);
    setvbuf(out, buffer, _IOFBF, sizeof buffer);
    ct_status status = write(out, parts, error);
    bool good = !ferror(out);
    good = fclose(out) == 0 && good;
    if (status == CT_OK)
        status = good ? ct_file_write(path, text.bytes, text.size, error) : out_of_memory(error);
    free(text.bytes);
    return status;
}

ct_status report_write(const char *folder, ct_error *error)
{
    char path[4200];
    snprintf(path, sizeof path, "%.4000s/settings.json", folder);
    struct parts parts = { .folder = folder, .settings = command_read_json(path, error) };
    if (parts.settings == NULL)
        return error->status;
    snprintf(path, sizeof path, "%.4000s/log.csv", folder);
    ct_status status = rows_read(&parts.rows, path, error);
    if (status == CT_OK)
        status = write_file(&parts, "losses.svg", write_picture_of_losses, error);
    if (status == CT_OK)
        status = write_file(&parts, "report.html", write_page, error);
    rows_free(&parts.rows);
    json_decref(parts.settings);
    return status;
}

/* ---- the verb ---- */

struct report_options {
    struct common common;
    const char *run;
};

static const struct setting settings_of_report[] = {
    TEXT(struct report_options, run, "run", "FOLDER", "out/dcgan", "a folder that dcgan train wrote"),
};

static ct_status run(const void *given, ct_error *error)
{
    const struct report_options *options = given;
    ct_status status = report_write(options->run, error);
    if (status == CT_OK)
        printf("%s/report.html\n%s/losses.svg\n", options->run, options->run);
    return status;
}

const struct verb verb_report = {
    "report", "write report.html and losses.svg anew from a run's folder",
    "The report is one file that needs no network: curves, pictures over time, settings, machine, the checkpoint's SHA-256.\n"
    "losses.svg is its first chart alone. dcgan train writes both with every sample picture.\n\n"
    "Examples\n"
    "  dcgan report --run out/demo\n",
    SETTINGS_OF(settings_of_report), sizeof(struct report_options), run
};
