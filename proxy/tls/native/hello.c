#include "proxy/tls/native/hello.h"

#include <string.h>

#include "proxy/tls/native/hello_parts.h"
#include "proxy/tls/native/span.h"

enum {
    CLIENT_HELLO = 1,
    SHARES_MAX = 16, /* each is looked for among the others: more is no usual client */
    RENEGOTIATION_SCSV = 0x00ff /* RFC 5746, 3.3 */
};

bool hello_lists(struct span list, uint16_t value)
{
    for (size_t i = 0; i + 2 <= list.len; i += 2) {
        if ((list.at[i] << 8 | list.at[i + 1]) == value)
            return true;
    }
    return false;
}

static bool is_grease(unsigned value)
{
    return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

uint16_t hello_first(struct span list)
{
    for (size_t i = 0; i + 2 <= list.len; i += 2) {
        unsigned value = (unsigned)list.at[i] << 8 | list.at[i + 1];

        if (!is_grease(value))
            return (uint16_t)value;
    }
    return 0;
}

bool hello_next_share(struct span *rest, uint16_t *group, struct span *share)
{
    uint32_t number;

    if (!span_number(rest, 2, &number) || !span_vector(rest, 2, share))
        return false;
    *group = (uint16_t)number;
    return true;
}

bool hello_next_identity(struct span *rest, struct span *identity, uint32_t *age)
{
    return span_vector(rest, 2, identity) && span_number(rest, 4, age);
}

bool hello_next_binder(struct span *rest, struct span *binder)
{
    return span_vector(rest, 1, binder);
}

/* RFC 8446, 4.2.8: each is of an offered group, and none is there twice. */
static bool check_shares(const struct hello *hello)
{
    struct span rest = hello->key_shares, share, earlier, other;
    uint16_t group, before;

    for (size_t count = 0; rest.len > 0; count++) {
        const unsigned char *at = rest.at;

        if (count == SHARES_MAX || !hello_next_share(&rest, &group, &share) ||
            share.len == 0 || !hello_lists(hello->groups, group))
            return false;
        earlier =
            (struct span){hello->key_shares.at, (size_t)(at - hello->key_shares.at)};
        while (hello_next_share(&earlier, &before, &other)) {
            if (before == group)
                return false;
        }
    }
    return true;
}

static bool read_body(struct hello *hello, struct span body)
{
    struct span random, compression, extensions;
    uint32_t version;

    if (!span_number(&body, 2, &version) || !span_bytes(&body, HELLO_RANDOM, &random) ||
        !span_vector(&body, 1, &hello->session_id) ||
        hello->session_id.len > HELLO_SESSION_ID_MAX ||
        !span_vector(&body, 2, &hello->suites) || hello->suites.len == 0 ||
        hello->suites.len % 2 != 0 || !span_vector(&body, 1, &compression) ||
        !span_has_byte(compression, 0) || !span_is_vector(body, 2, &extensions))
        return false;
    hello->legacy_version = (uint16_t)version;
    hello->random = random.at;
    hello->only_null_compression = compression.len == 1;
    hello->offers_12 = version >= 0x0303 && version >> 8 == 3;
    hello->secure_renegotiation = hello_lists(hello->suites, RENEGOTIATION_SCSV);
    return hello_read_extensions(hello, extensions) && check_shares(hello);
}

bool hello_read(struct hello *hello, const unsigned char *message, size_t len)
{
    struct span all = {message, len}, body;
    uint32_t type;

    memset(hello, 0, sizeof(*hello));
    hello->message = all;
    return span_number(&all, 1, &type) && type == CLIENT_HELLO &&
        span_vector(&all, 3, &body) && all.len == 0 && read_body(hello, body);
}
