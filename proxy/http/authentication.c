#include "proxy/http/authentication.h"

#include <string.h>

#include "proxy/http/field_name.h"

/* The first word of an element of a list of challenges. */
static bool is_binding_scheme(struct span element)
{
    size_t len = 0;

    while (len < element.len && element.text[len] != ' ' && element.text[len] != '\t')
        len++;
    element.len = len;
    return span_is_token(element, "NTLM") || span_is_token(element, "Negotiate");
}

static bool is_between(char c)
{
    return c == ' ' || c == '\t' || c == ',';
}

/* A comma within quotes makes an element that is no challenge: at worst a connection is
 * bound without need. */
static bool names_binding_scheme(struct span value)
{
    const char *at = value.text, *end = value.text + value.len;

    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;

        while (at < stop && is_between(*at))
            at++;
        if (is_binding_scheme((struct span){at, (size_t)(stop - at)}))
            return true;
        at = stop + 1;
    }
    return false;
}

bool authentication_binds(const struct head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *field = &head->fields[i];

        if ((field->traits & TRAIT_AUTHENTICATION) != 0 &&
            names_binding_scheme(field->value))
            return true;
    }
    return false;
}
