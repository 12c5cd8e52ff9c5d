#include "proxy/http/target.h"

#include <string.h>
#include <strings.h>

struct scheme {
    const char *prefix;
    unsigned default_port;
};

static const struct scheme schemes[] = {{"http://", 80}, {"https://", 443}};

static const struct scheme *find_scheme(struct span target)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i].prefix);
        if (target.len > len && strncasecmp(target.text, schemes[i].prefix, len) == 0)
            return &schemes[i];
    }
    return NULL;
}

static size_t authority_length(struct span rest)
{
    size_t len = 0;

    while (len < rest.len && rest.text[len] != '/' && rest.text[len] != '?')
        len++;
    return len;
}

/* An empty path is "/", also before a query; with OPTIONS and nothing else it is "*" (RFC
 * 9112, 3.2.4). The scheme leaves room for one byte in front. */
static void keep_path(
    struct head *head, char *text, struct span *authority, struct span path)
{
    if (path.len == 0) {
        bool options = span_is(head->method, "OPTIONS");
        head->target = (struct span){options ? "*" : "/", 1};
    } else if (path.text[0] == '/') {
        head->target = path;
    } else {
        char *at = text + (authority->text - text);
        memmove(at - 1, at, authority->len);
        authority->text--;
        at[authority->len - 1] = '/';
        head->target = (struct span){path.text - 1, path.len + 1};
    }
}

static enum refusal judge_absolute(
    struct head *head, char *text, const struct authority *host)
{
    const struct scheme *scheme = find_scheme(head->target);
    struct authority named;

    if (scheme == NULL)
        return REFUSE_TARGET;
    size_t begin = strlen(scheme->prefix);
    struct span rest = {head->target.text + begin, head->target.len - begin};
    struct span authority = {rest.text, authority_length(rest)};
    struct span path = {rest.text + authority.len, rest.len - authority.len};
    if (!authority_parse(&named, authority) ||
        (authority.text[0] != '[' && named.host.len == authority.len &&
            memchr(authority.text, ':', authority.len) != NULL))
        return REFUSE_TARGET;
    if (head->host.text != NULL && !authority_equal(&named, host, scheme->default_port))
        return REFUSE_TARGET_HOST;
    keep_path(head, text, &authority, path);
    if (head->host.text == NULL)
        head->host = (struct span){authority.text, named.written.len};
    return ACCEPTED;
}

enum refusal target_judge(struct head *head, char *text, const struct authority *host)
{
    struct span target = head->target;

    if (memchr(target.text, '#', target.len) != NULL)
        return REFUSE_TARGET;
    if (target.text[0] == '/')
        return ACCEPTED;
    if (span_is(target, "*"))
        return span_is(head->method, "OPTIONS") ? ACCEPTED : REFUSE_TARGET;
    return judge_absolute(head, text, host);
}
