/* Statuses and their sentences. */
#include <stdarg.h>

#include "internal.h"

const char *ct_version(void) { return CT_VERSION; }

const char *ct_status_string(ct_status status)
{
    static const char *const names[] = {
        [CT_OK] = "ok",
        [CT_NO_MEMORY] = "out of memory",
        [CT_BAD_ARGUMENT] = "bad argument",
        [CT_BAD_SHAPE] = "bad shape",
        [CT_BAD_DTYPE] = "bad dtype",
        [CT_BAD_STATE] = "bad state",
        [CT_NO_DERIVATIVE] = "no derivative",
        [CT_NOT_FINITE] = "not finite",
        [CT_IO_ERROR] = "input/output error",
        [CT_BAD_FORMAT] = "bad format",
    };
    size_t position = (size_t)status;
    return position < sizeof names / sizeof *names ? names[position] : "unknown status";
}

ct_status (ct_error_set)(ct_error *error, ct_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->status = status;
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return status;
}
