/* Where its buffer for a token cannot grow, Jansson's reader (2.14) loses a letter without a word, and behind a lost quote it reads and writes past
 * its memory. So the text is given to it as the second of a list, behind a number of more digits than any token has letters: a lost digit does no
 * harm, and before the text begins, errno tells whether memory was out. No later token needs a larger buffer, whose sizes are powers of 2. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "json.h"

/* [0.00…0,text] */
struct list {
    size_t number; /* letters of it, and of [ */
    const char *text;
    size_t size, at;
    bool exhausted;
};

static size_t read_on(void *buffer, size_t room, void *context)
{
    struct list *list = context;
    const int digit = '0';
    const size_t text = list->number + 1, end = text + list->size; /* where it begins and ends */
    const size_t left = (list->at < text ? list->number : end) - list->at, count = left == 0 ? 1 : left < room ? left : room;
    list->exhausted |= list->at == list->number && errno == ENOMEM;
    if (list->exhausted || list->at > end)
        return 0;
    if (left == 0)
        *(char *)buffer = list->at < text ? ',' : ']';
    else if (list->at < text)
        memset(buffer, digit, count);
    else
        memcpy(buffer, list->text + (list->at - text), count);
    if (list->at == 0)
        memcpy(buffer, "[0.", 3); /* there is always room for 1,024 */
    list->at += count;
    return count;
}

/* No token reaches over a quote that is not escaped. */
static size_t longest_token(const char *text, size_t size)
{
    size_t longest = 0, begin = 0;
    bool escaped = false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"' && !escaped) {
            longest = i - begin > longest ? i - begin : longest;
            begin = i + 1;
        }
        escaped = text[i] == '\\' && !escaped;
    }
    return size - begin > longest ? size - begin : longest;
}

json_t *ct_json_parse(const char *text, size_t size, json_error_t *reason)
{
    struct list list = { .number = longest_token(text, size) + 8, .text = text, .size = size };
    list.number += (list.number & (list.number - 1)) == 0; /* nor does the comma */
    errno = 0;
    json_t *both = json_load_callback(read_on, &list, JSON_REJECT_DUPLICATES, reason);
    json_t *value = json_array_size(both) == 2 ? json_incref(json_array_get(both, 1)) : NULL;
    if (list.exhausted)
        reason->text[0] = '\0';
    else if (both != NULL && value == NULL)
        snprintf(reason->text, sizeof reason->text, "more than one value");
    json_decref(both);
    return value;
}
