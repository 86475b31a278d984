/* What tests/faults/run breaks: one save, rotation, log or reading, between two calls of getppid(2) that mark it in a trace.
 *   subject save|rotate|log FOLDER NUMBER    subject read FOLDER
 *   subject saved|latest|logged FOLDER       say what is there now
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cotangent/cotangent.h>

enum { FLOATS = 10000 };

static ct_error error;

static ct_status save(const char *path, double number)
{
    ct_tensor *tensor[3] = { ct_tensor_full(CT_F32, CT_SHAPE(FLOATS), number), ct_tensor_full(CT_F32, CT_SHAPE(3), number),
                             ct_tensor_full(CT_F64, CT_SHAPE(2), number) };
    const char *const metadata[] = { "step", "1" };
    ct_status status = ct_safetensors_write_with(path, 3, (const char *[]){ "a", "b", "c" }, tensor, 1, metadata, &error);
    for (int i = 0; i < 3; i++)
        ct_tensor_release(tensor[i]);
    return status;
}

static ct_status do_save(const char *folder, int number)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/c.safetensors", folder);
    return save(path, number);
}

static ct_status do_rotate(const char *folder, int number)
{
    char path[4096];
    const ct_rotation rotation = { folder, "c-", ".safetensors", 2 };
    ct_status status = ct_rotation_path(&rotation, number, path, sizeof path, &error);
    if (status == CT_OK)
        status = save(path, number);
    return status == CT_OK ? ct_rotate(&rotation, number, &error) : status;
}

static ct_status do_log(const char *folder, int number)
{
    ct_status status = CT_OK;
    ct_events *events = ct_events_open(folder, 0, &error);
    if (events == NULL)
        return error.status;
    for (int step = 0; step < 3 && status == CT_OK; step++)
        status = ct_events_scalar(events, "loss", step, number, &error);
    ct_status closed = ct_events_close(events, status == CT_OK ? &error : NULL);
    return status == CT_OK ? closed : status;
}

/* Prints a number that depends on every value. */
static ct_status do_read(const char *folder, int number)
{
    static const char *const sources[] = { "pictures", "idx.gz", "floats.npy" };
    char path[4096];
    float to[3 * 8 * 8];
    double sum = 0;
    (void)number;
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, sources[i]);
        ct_source *source = ct_source_open(path, &(ct_source_options){ .size = 8 }, &error);
        if (source == NULL)
            return error.status;
        for (int64_t k = 0; k < ct_source_count(source); k++) {
            if (ct_source_read(source, k, to, &error) != CT_OK) {
                ct_source_free(source);
                return error.status;
            }
            for (int j = 0; j < 3 * 8 * 8; j++)
                sum += (j + 1) * (double)to[j];
        }
        ct_source_free(source);
    }
    printf("%.17g\n", sum);
    return CT_OK;
}

/* ---- what is there ---- */

/* The number that fills the file; −1 after a message. */
static int number_in(const char *path)
{
    ct_safetensors *file = ct_safetensors_read(path, &error);
    ct_tensor *a = file != NULL ? ct_safetensors_find(file, "a") : NULL, *c = file != NULL ? ct_safetensors_find(file, "c") : NULL;
    int number = -1;
    if (a != NULL && c != NULL && ct_tensor_count(a) == FLOATS) {
        number = (int)ct_tensor_at(a, 0);
        for (int64_t i = 0; i < FLOATS; i++)
            if ((int)ct_tensor_at(a, i) != number || (int)ct_tensor_at(c, 1) != number)
                number = -1;
    }
    ct_safetensors_free(file);
    return number;
}

static ct_status say_saved(const char *folder, int number)
{
    char path[4096];
    (void)number;
    snprintf(path, sizeof path, "%s/c.safetensors", folder);
    printf("%d\n", number_in(path));
    return CT_OK;
}

static ct_status say_latest(const char *folder, int number)
{
    char path[4096];
    (void)number;
    snprintf(path, sizeof path, "%s/c-latest.safetensors", folder);
    printf("%d\n", number_in(path));
    return CT_OK;
}

/* How many records the event file has; −1 if it does not end with one. */
static ct_status say_logged(const char *path, int number)
{
    FILE *file = fopen(path, "rb");
    uint64_t length;
    long at = 0, size;
    int count = 0;
    (void)number;
    if (file == NULL)
        return ct_error_set(&error, CT_IO_ERROR, "no %s", path);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    while (at + 16 <= size && fseek(file, at, SEEK_SET) == 0 && fread(&length, 8, 1, file) == 1) {
        at += 16 + (long)length;
        count++;
    }
    fclose(file);
    printf("%d\n", at == size ? count : -1);
    return CT_OK;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        ct_status (*run)(const char *folder, int number);
    } verbs[] = { { "save", do_save }, { "rotate", do_rotate }, { "log", do_log }, { "read", do_read },
                  { "saved", say_saved }, { "latest", say_latest }, { "logged", say_logged } };
    for (size_t i = 0; argc > 2 && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(argv[1], verbs[i].name) == 0) {
            getppid();
            ct_status status = verbs[i].run(argv[2], argc > 3 ? atoi(argv[3]) : 0);
            getppid();
            if (status != CT_OK)
                fprintf(stderr, "subject: %s\n", error.message);
            return status == CT_OK && fflush(stdout) == 0 ? 0 : 1;
        }
    return 2;
}
