#include "config/health.h"

#include <stdlib.h>
#include <string.h>

#include "config/excerpt.h"
#include "proxy/base/error.h"

enum { TARGET_MAX = 1024, STATUS_DIGITS = 3, STATUS_LEAST = 200, STATUS_MOST = 599 };

/* Methods for which a server expects no body, and that change nothing. */
static bool is_method(const char *text, size_t len)
{
    return (len == 3 && strncmp(text, "GET", len) == 0) ||
        (len == 4 && strncmp(text, "HEAD", len) == 0) ||
        (len == 7 && strncmp(text, "OPTIONS", len) == 0);
}

static bool is_target(const char *text)
{
    if (*text != '/' || strlen(text) > TARGET_MAX)
        return false;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || strchr("#\"<>\\^`{|}", *c) != NULL)
            return false;
    }
    return true;
}

bool health_parse(const char *text, struct health *health, struct error *err)
{
    size_t len = strcspn(text, " ");
    const char *target = text + len + strspn(text + len, " ");

    *health = (struct health){.kind = HEALTH_OFF};
    if (strcmp(text, "off") == 0)
        return true;
    if (strcmp(text, "connect") == 0) {
        health->kind = HEALTH_CONNECT;
        return true;
    }
    if (!is_method(text, len))
        return error_set(err,
            "'%s' is not off, connect, or a request: GET, HEAD or OPTIONS and a path",
            excerpt_of_text(text).text);
    if (!is_target(target))
        return error_set(err,
            "'%s' is not a path: it begins with '/', has no blanks, and what URLs cannot "
            "have is written as %%XX",
            excerpt_of_text(target).text);
    *health = (struct health){HEALTH_REQUEST, (int)len, text, target};
    return true;
}

/* Returns a number of three digits, 0 if there is none; *text is moved behind it. */
static unsigned take_status(const char **text)
{
    unsigned status = 0;

    for (int i = 0; i < STATUS_DIGITS; i++) {
        if ((*text)[i] < '0' || (*text)[i] > '9')
            return 0;
        status = status * 10 + (unsigned)((*text)[i] - '0');
    }
    *text += STATUS_DIGITS;
    return status >= STATUS_LEAST && status <= STATUS_MOST ? status : 0;
}

/* "200" or "200-399"; *text is moved behind it. */
static bool take_range(const char **text, unsigned *first, unsigned *last)
{
    *first = *last = take_status(text);
    if (*first != 0 && **text == '-') {
        (*text)++;
        *last = take_status(text);
    }
    return *first != 0 && *last >= *first;
}

bool health_statuses_check(const char *text, struct error *err)
{
    const char *at = text;
    unsigned first, last;

    while (take_range(&at, &first, &last)) {
        if (*at == '\0')
            return true;
        if (*at++ != ',')
            break;
    }
    return error_set(err,
        "'%s' is no list of statuses from 200 to 599, as 200-399 or 200,204,401",
        excerpt_of_text(text).text);
}

bool health_statuses_have(const char *text, unsigned status)
{
    unsigned first, last;

    while (take_range(&text, &first, &last)) {
        if (status >= first && status <= last)
            return true;
        if (*text++ != ',')
            break;
    }
    return false;
}
