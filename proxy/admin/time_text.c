#include "proxy/admin/time_text.h"

#include <string.h>

bool time_from_text(const char *text, time_t *when)
{
    struct tm utc;
    const char *end;

    memset(&utc, 0, sizeof(utc));
    end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (end == NULL || *end != '\0')
        return false;
    *when = timegm(&utc);
    return true;
}
