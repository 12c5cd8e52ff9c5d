#include "proxy/http/head.h"

#include <string.h>

#include "proxy/http/chars.h"

bool span_is(struct span span, const char *text)
{
    return span.text != NULL && strlen(text) == span.len &&
        memcmp(span.text, text, span.len) == 0;
}

bool span_equals_token(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.text[i]) != lower(b.text[i]))
            return false;
    }
    return true;
}

bool span_is_token(struct span span, const char *text)
{
    struct span other = {text, strlen(text)};

    return span.text != NULL && span_equals_token(span, other);
}

struct span head_find(const struct head *head, const char *name)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (span_is_token(head->fields[i].name, name))
            return head->fields[i].value;
    }
    return (struct span){NULL, 0};
}
