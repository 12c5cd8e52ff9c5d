#include "proxy/http/connection.h"

#include "proxy/http/chars.h"
#include "proxy/http/field_name.h"

enum { OPTIONS_MAX = 32 };

static void mark_named(struct head *head, struct span name)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (span_equals_token(head->fields[i].name, name))
            head->fields[i].traits |= TRAIT_HOP;
    }
}

static enum refusal read_option(
    struct connection_options *options, struct head *head, struct span option)
{
    if (++options->count > OPTIONS_MAX)
        return REFUSE_CONNECTION;
    if (span_is_token(option, "close"))
        options->close = true;
    else if (span_is_token(option, "keep-alive"))
        options->keep_alive = true;
    else if (span_is_token(option, "upgrade"))
        options->upgrade = true;
    else if ((field_kind(option).traits & TRAIT_PROTECTED) != 0)
        return REFUSE_CONNECTION_NAMES;
    else
        mark_named(head, option);
    return ACCEPTED;
}

static size_t skip_blanks(struct span value, size_t at)
{
    while (at < value.len && (value.text[at] == ' ' || value.text[at] == '\t'))
        at++;
    return at;
}

/* #token; empty elements are allowed (RFC 9110, 5.6.1.2). */
static enum refusal read_list(
    struct connection_options *options, struct head *head, struct span value)
{
    for (size_t at = 0; at < value.len;) {
        size_t begin = at = skip_blanks(value, at);

        while (at < value.len && char_is(value.text[at], CHAR_TOKEN))
            at++;
        if (at > begin) {
            struct span option = {value.text + begin, at - begin};
            enum refusal refusal = read_option(options, head, option);
            if (refusal != ACCEPTED)
                return refusal;
        }
        at = skip_blanks(value, at);
        if (at < value.len && value.text[at++] != ',')
            return REFUSE_CONNECTION;
    }
    return ACCEPTED;
}

enum refusal connection_read(struct connection_options *options, struct head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (head->fields[i].id != FIELD_CONNECTION)
            continue;
        enum refusal refusal = read_list(options, head, head->fields[i].value);
        if (refusal != ACCEPTED)
            return refusal;
    }
    return ACCEPTED;
}
