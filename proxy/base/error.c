#include "proxy/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool error_set(struct error *err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    return false;
}

bool error_context(struct error *err, const char *fmt, ...)
{
    char fact[ERROR_TEXT_MAX];
    va_list args;
    int len, room;

    memcpy(fact, err->text, sizeof(fact));
    va_start(args, fmt);
    len = vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    room = (int)sizeof(err->text) - len - (int)sizeof(": ");
    if (len >= 0 && room > 0)
        (void)snprintf(
            err->text + len, sizeof(err->text) - (size_t)len, ": %.*s", room, fact);
    return false;
}

const char *error_reason(int code)
{
    if (geteuid() != 0 && code == EACCES)
        return "Permission denied; run wlbproxy as root";
    if (geteuid() != 0 && code == EPERM)
        return "Operation not permitted; run wlbproxy as root";
    return strerror(code);
}
