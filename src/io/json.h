/* JSON texts of strangers. Not installed. */
#ifndef CT_IO_JSON_H
#define CT_IO_JSON_H

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

/* The one value that the text is, no key twice in an object; to be decref'd. NULL after reason->text: empty when memory is out. */
json_t *ct_json_parse(const char *text, size_t size, json_error_t *reason);

#endif
