#include "proxy/http/authority.h"

#include <arpa/inet.h>
#include <string.h>

#include "proxy/http/chars.h"

enum { PORT_MAX = 65535, ZONE_MAX = 32 };

static bool all_are(struct span text, unsigned classes)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!char_is(text.text[i], classes))
            return false;
    }
    return text.len > 0;
}

/* "fe80::1", "fe80::1%eth0", "fe80::1%25eth0" */
static bool is_ipv6(struct span text)
{
    const char *percent = memchr(text.text, '%', text.len);
    size_t address_len = percent == NULL ? text.len : (size_t)(percent - text.text);
    char address[INET6_ADDRSTRLEN];
    struct in6_addr parsed;

    if (percent != NULL) {
        struct span zone = {percent + 1, text.len - address_len - 1};
        if (!all_are(zone, CHAR_UNRESERVED) || zone.len > ZONE_MAX)
            return false;
    }
    if (address_len >= sizeof(address))
        return false;
    memcpy(address, text.text, address_len);
    address[address_len] = '\0';
    return inet_pton(AF_INET6, address, &parsed) == 1;
}

/* ":8012", ":" or nothing (RFC 3986, 3.2.3: *DIGIT) */
static bool read_port(struct authority *authority, struct span text)
{
    unsigned port = 0;

    if (text.len == 0)
        return true;
    if (text.text[0] != ':')
        return false;
    if (text.len == 1) {
        authority->written.len--;
        return true;
    }
    for (size_t i = 1; i < text.len; i++) {
        if (!char_is(text.text[i], CHAR_DIGIT))
            return false;
        port = port * 10 + (unsigned)(text.text[i] - '0');
        if (port > PORT_MAX)
            return false;
    }
    authority->port = port;
    return port > 0;
}

static struct span after(struct span text, size_t len)
{
    return (struct span){text.text + len, text.len - len};
}

static bool parse_bracketed(struct authority *authority, struct span text)
{
    const char *close = memchr(text.text, ']', text.len);

    if (close == NULL)
        return false;
    size_t len = (size_t)(close - text.text) - 1;
    authority->host = (struct span){text.text + 1, len};
    return is_ipv6(authority->host) && read_port(authority, after(text, len + 2));
}

bool authority_parse(struct authority *authority, struct span text)
{
    if (text.len == 0)
        return false;
    *authority = (struct authority){.written = text};
    if (text.text[0] == '[')
        return parse_bracketed(authority, text);

    const char *colon = memchr(text.text, ':', text.len);
    size_t len = colon == NULL ? text.len : (size_t)(colon - text.text);
    if (memchr(text.text + len, ':', text.len - len) !=
        memrchr(text.text, ':', text.len)) {
        authority->host = text;
        return is_ipv6(text);
    }
    authority->host = (struct span){text.text, len};
    return all_are(authority->host, CHAR_UNRESERVED | CHAR_SUB_DELIM) &&
        read_port(authority, after(text, len));
}

bool authority_equal(
    const struct authority *a, const struct authority *b, unsigned default_port)
{
    unsigned a_port = a->port != 0 ? a->port : default_port;
    unsigned b_port = b->port != 0 ? b->port : default_port;

    return a_port == b_port && span_equals_token(a->host, b->host);
}
