#include "proxy/http/date.h"

#include <assert.h>

const char *date_text(time_t when)
{
    static char text[64];
    static time_t second = -1;
    struct tm tm;

    if (when == second)
        return text;
    gmtime_r(&when, &tm);
    size_t len = strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    assert(len > 0);
    second = when;
    return text;
}
