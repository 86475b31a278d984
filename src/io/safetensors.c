/* safetensors: u64 header length, a JSON header, the data. The reader proves every rule before it allocates a tensor. */
#include <string.h>

#include "element.h"
#include "json.h"

#define LARGEST_HEADER 100000000u
#define LARGEST_FILE ((size_t)1 << 40)
#define BAD(...) ct_error_set(error, CT_BAD_FORMAT, "safetensors: " __VA_ARGS__)

struct entry {
    char *name;
    size_t name_size;
    ct_tensor *tensor;
    const struct ct_element *type;
    ct_shape shape;
    size_t begin, end;
};

struct ct_safetensors {
    int count;
    size_t capacity;
    struct entry *entry;
    json_t *metadata; /* object of strings, or NULL */
};

/* ---- the header's rules ---- */

static bool natural(const json_t *value, size_t *number)
{
    if (json_typeof(value) != JSON_INTEGER || json_integer_value(value) < 0)
        return false;
    *number = (size_t)json_integer_value(value);
    return true;
}

static ct_status read_shape(const char *name, const json_t *list, struct entry *entry, size_t *bytes, ct_error *error)
{
    if (json_typeof(list) != JSON_ARRAY || json_array_size(list) > CT_MAX_RANK)
        return BAD("shape of \"%.80s\" is not a list of at most %d numbers", name, CT_MAX_RANK);
    entry->shape.rank = (int)json_array_size(list);
    bool empty = false;
    *bytes = entry->type->size;
    for (int i = 0; i < entry->shape.rank; i++) {
        size_t extent;
        if (!natural(json_array_get(list, (size_t)i), &extent) || extent > (size_t)1 << 48 ||
            !ct_size_multiply(*bytes, extent > 0 ? extent : 1, bytes)) /* a zero hides no overflow */
            return BAD("extent %d of \"%.80s\" is not a whole number in range: 0 … 2^48, and all of them a size in bytes", i, name);
        entry->shape.extent[i] = (int64_t)extent;
        empty |= extent == 0;
    }
    if (empty)
        *bytes = 0;
    return CT_OK;
}

static ct_status read_offsets(const char *name, const json_t *list, size_t bytes, size_t data_size, struct entry *entry, ct_error *error)
{
    if (json_array_size(list) != 2 || !natural(json_array_get(list, 0), &entry->begin) || !natural(json_array_get(list, 1), &entry->end))
        return BAD("data_offsets of \"%.80s\" are not two whole numbers", name);
    if (entry->begin > entry->end || entry->end > data_size)
        return BAD("data_offsets [%zu, %zu] of \"%.80s\" are not in order within %zu bytes of data", entry->begin, entry->end, name, data_size);
    if (entry->end - entry->begin != bytes)
        return BAD("data_offsets [%zu, %zu] of \"%.80s\" do not hold its %zu bytes", entry->begin, entry->end, name, bytes);
    return CT_OK;
}

static ct_status read_entry(const char *name, const json_t *value, size_t data_size, struct entry *entry, ct_error *error)
{
    static const char *const fields[] = { "dtype", "shape", "data_offsets" };
    if (name[0] == '\0')
        return BAD("a tensor without a name");
    if (json_typeof(value) != JSON_OBJECT)
        return BAD("\"%.80s\" is not an object", name);
    for (int i = 0; i < 3; i++)
        if (json_object_get(value, fields[i]) == NULL)
            return BAD("\"%.80s\" has no %s", name, fields[i]);
    if (json_object_size(value) != 3)
        return BAD("\"%.80s\" has fields besides dtype, shape and data_offsets", name);
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    entry->type = dtype != NULL ? ct_element_safetensors(dtype) : NULL;
    if (entry->type == NULL)
        return ct_error_set(error, CT_BAD_DTYPE, "safetensors: dtype %.20s of \"%.80s\" is not read", dtype ? dtype : "(not a text)", name);
    size_t bytes;
    ct_status status = read_shape(name, json_object_get(value, "shape"), entry, &bytes, error);
    if (status == CT_OK)
        status = read_offsets(name, json_object_get(value, "data_offsets"), bytes, data_size, entry, error);
    if (status != CT_OK)
        return status;
    entry->name_size = strlen(name) + 1;
    entry->name = ct_allocate(entry->name_size);
    if (entry->name == NULL)
        return ct_error_set(error, CT_NO_MEMORY, "safetensors: out of memory");
    memcpy(entry->name, name, entry->name_size);
    return CT_OK;
}

static bool metadata_good(json_t *metadata)
{
    for (void *at = json_object_iter(metadata); at != NULL; at = json_object_iter_next(metadata, at))
        if (json_typeof(json_object_iter_value(at)) != JSON_STRING)
            return false;
    return json_typeof(metadata) == JSON_OBJECT;
}

static int by_offset(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

static ct_status read_entries(ct_safetensors *file, json_t *header, size_t data_size, ct_error *error)
{
    for (void *at = json_object_iter(header); at != NULL; at = json_object_iter_next(header, at)) {
        const char *name = json_object_iter_key(at);
        json_t *value = json_object_iter_value(at);
        if (strcmp(name, "__metadata__") == 0) {
            if (!metadata_good(value))
                return BAD("__metadata__ is not an object of strings");
            file->metadata = json_incref(value);
            continue;
        }
        ct_status status = read_entry(name, value, data_size, &file->entry[file->count], error);
        if (status != CT_OK)
            return status;
        file->count++;
    }
    if (file->count > 0)
        qsort(file->entry, (size_t)file->count, sizeof *file->entry, by_offset);
    size_t covered = 0;
    for (int i = 0; i < file->count; covered = file->entry[i++].end)
        if (file->entry[i].begin != covered)
            return BAD("\"%.80s\" begins at %zu where %zu is due: a hole or an overlap", file->entry[i].name, file->entry[i].begin,
                       covered);
    if (covered != data_size)
        return BAD("%zu bytes after the last tensor", data_size - covered);
    return CT_OK;
}

static ct_status read_tensors(ct_safetensors *file, const char *data, ct_error *error)
{
    for (int i = 0; i < file->count; i++) {
        struct entry *entry = &file->entry[i];
        entry->tensor = ct_tensor_empty(entry->type->dtype, entry->shape);
        if (entry->tensor == NULL)
            return ct_error_set(error, CT_NO_MEMORY, "safetensors: out of memory for \"%.80s\"", entry->name);
        ct_element_read(entry->type, false, ct_tensor_data_mutable(entry->tensor), data + entry->begin, ct_tensor_count(entry->tensor));
    }
    return CT_OK;
}

/* ---- reading ---- */

/* A minus outside of texts: Jansson takes -0 for the integer 0. `text` is good JSON. */
static bool has_minus(const char *text, size_t length)
{
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && text[i] == '-')
            return true;
    }
    return false;
}

ct_safetensors *ct_safetensors_parse(const void *bytes, size_t size, ct_error *error)
{
    uint64_t length = 0;
    if (bytes != NULL && size >= 8)
        memcpy(&length, bytes, 8);
    if (bytes == NULL || size < 8 || length > LARGEST_HEADER || length > size - 8) {
        BAD("a header of %llu bytes in a file of %zu", (unsigned long long)length, size);
        return NULL;
    }
    json_error_t reason;
    json_t *header = ct_json_parse((const char *)bytes + 8, (size_t)length, &reason);
    if (!json_is_object(header)) {
        /* Without memory for its buffers Jansson fails without a word. */
        const bool exhausted = header == NULL && reason.text[0] == '\0';
        ct_error_set(error, exhausted ? CT_NO_MEMORY : CT_BAD_FORMAT, "safetensors: the header is not a JSON object: %s",
                     header ? "another type" : reason.text);
        json_decref(header);
        return NULL;
    }
    ct_status status = CT_NO_MEMORY;
    ct_safetensors *file = ct_allocate_zeroed(sizeof *file);
    if (file != NULL) {
        file->capacity = json_object_size(header) + 1;
        file->entry = ct_allocate_zeroed(file->capacity * sizeof *file->entry);
    }
    if (file == NULL || file->entry == NULL)
        ct_error_set(error, status, "safetensors: out of memory");
    else if ((status = read_entries(file, header, size - 8 - (size_t)length, error)) == CT_OK &&
             has_minus((const char *)bytes + 8, (size_t)length))
        status = BAD("a negative zero among the numbers of the header");
    else if (status == CT_OK)
        status = read_tensors(file, (const char *)bytes + 8 + length, error);
    json_decref(header);
    if (status == CT_OK)
        return file;
    ct_safetensors_free(file);
    return NULL;
}

ct_safetensors *ct_safetensors_read(const char *path, ct_error *error)
{
    void *bytes;
    size_t size;
    if (ct_file_read(path, LARGEST_FILE, &bytes, &size, error) != CT_OK)
        return NULL;
    ct_safetensors *file = ct_safetensors_parse(bytes, size, error);
    ct_release(bytes, size);
    return file != NULL ? file : ct_wrong_file(path, error);
}

void ct_safetensors_free(ct_safetensors *file)
{
    if (file == NULL)
        return;
    for (size_t i = 0; file->entry != NULL && i < file->capacity; i++) {
        ct_tensor_release(file->entry[i].tensor);
        ct_release(file->entry[i].name, file->entry[i].name_size);
    }
    ct_release(file->entry, file->capacity * sizeof *file->entry);
    json_decref(file->metadata);
    ct_release(file, sizeof *file);
}

const char *ct_safetensors_metadata(const ct_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(file->metadata, key));
}

int ct_safetensors_count(const ct_safetensors *file)
{
    return file->count;
}

const char *ct_safetensors_name(const ct_safetensors *file, int position)
{
    return position >= 0 && position < file->count ? file->entry[position].name : NULL;
}

ct_tensor *ct_safetensors_tensor(const ct_safetensors *file, int position)
{
    return position >= 0 && position < file->count ? file->entry[position].tensor : NULL;
}

ct_tensor *ct_safetensors_find(const ct_safetensors *file, const char *name)
{
    for (int i = 0; i < file->count; i++)
        if (strcmp(file->entry[i].name, name) == 0)
            return file->entry[i].tensor;
    return NULL;
}
