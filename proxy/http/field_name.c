#include "proxy/http/field_name.h"

#include "proxy/http/chars.h"

struct known {
    const char *name;
    struct field_kind kind;
};

enum { NAME_MAX = 20, SINGLE = TRAIT_ONCE | TRAIT_PROTECTED };

#define END                                                                              \
    {                                                                                    \
        NULL,                                                                            \
        {                                                                                \
            0, 0                                                                         \
        }                                                                                \
    }
#define FRAMING(id)                                                                      \
    {                                                                                    \
        id, TRAIT_HOP | SINGLE | TRAIT_FRAMING                                           \
    }
#define OURS(trait)                                                                      \
    {                                                                                    \
        FIELD_OTHER, (trait) | TRAIT_PROTECTED                                           \
    }
#define OTHER(traits)                                                                    \
    {                                                                                    \
        FIELD_OTHER, traits                                                              \
    }

/* Sorted by length, so that most names are told apart without comparing letters. */
/* clang-format off */
static const struct known of_2[] = {
    {"te", OTHER(TRAIT_HOP)},
    END,
};
static const struct known of_4[] = {
    {"host", {FIELD_HOST, SINGLE | TRAIT_FRAMING}},
    {"date", {FIELD_DATE, TRAIT_PROTECTED}},
    END,
};
static const struct known of_5[] = {
    {"proxy", OURS(TRAIT_FORWARDED)},
    END,
};
static const struct known of_6[] = {
    {"expect", {FIELD_EXPECT, TRAIT_HOP | SINGLE}},
    {"cookie", OTHER(TRAIT_PROTECTED)},
    {"x-host", OURS(TRAIT_FORWARDED)},
    END,
};
static const struct known of_7[] = {
    {"upgrade", {FIELD_UPGRADE, TRAIT_HOP}},
    {"trailer", OTHER(TRAIT_HOP)},
    END,
};
static const struct known of_8[] = {
    {"location", OTHER(TRAIT_PROTECTED)},
    {"x-scheme", OURS(TRAIT_FORWARDED)},
    END,
};
static const struct known of_9[] = {
    {"forwarded", OURS(TRAIT_FORWARDED)},
    {"client-ip", OURS(TRAIT_FORWARDED)},
    END,
};
static const struct known of_10[] = {
    {"connection", {FIELD_CONNECTION, TRAIT_HOP}},
    {"soapaction", {FIELD_SOAPACTION, SINGLE}},
    {"keep-alive", OTHER(TRAIT_HOP)},
    {"set-cookie", OTHER(TRAIT_PROTECTED)},
    END,
};
static const struct known of_11[] = {
    {"x-client-ip", OURS(TRAIT_FORWARDED)},
    {"x-remote-ip", OURS(TRAIT_FORWARDED)},
    {"remote-addr", OURS(TRAIT_FORWARDED)},
    {"x-forwarded", OURS(TRAIT_FORWARDED)},
    {"x-client-dn", OURS(TRAIT_FORWARDED)},
    {"remote-user", OURS(TRAIT_FORWARDED)},
    {"client-cert", OURS(TRAIT_CERT)},
    END,
};
static const struct known of_12[] = {
    {"content-type", {FIELD_CONTENT_TYPE, SINGLE}},
    {"x-url-scheme", OURS(TRAIT_FORWARDED)},
    {"x-request-id", {FIELD_REQUEST_ID, TRAIT_FORWARDED | TRAIT_PROTECTED}},
    END,
};
static const struct known of_13[] = {
    {"authorization", {FIELD_AUTHORIZATION, SINGLE | TRAIT_AUTHENTICATION}},
    {"x-rewrite-url", OURS(TRAIT_FORWARDED)},
    {"x-remote-addr", OURS(TRAIT_FORWARDED)},
    {"forwarded-for", OURS(TRAIT_FORWARDED)},
    {"x-forward-for", OURS(TRAIT_FORWARDED)},
    {"x-client-cert", OURS(TRAIT_FORWARDED)},
    {"x-remote-user", OURS(TRAIT_FORWARDED)},
    END,
};
static const struct known of_14[] = {
    {"content-length", FRAMING(FIELD_CONTENT_LENGTH)},
    {"true-client-ip", OURS(TRAIT_FORWARDED)},
    {"x-override-url", OURS(TRAIT_FORWARDED)},
    {"x-proxyuser-ip", OURS(TRAIT_FORWARDED)},
    END,
};
static const struct known of_15[] = {
    {"proxy-client-ip", OURS(TRAIT_FORWARDED)},
    {"front-end-https", OURS(TRAIT_FORWARDED)},
    {"x-client-verify", OURS(TRAIT_FORWARDED)},
    END,
};
static const struct known of_16[] = {
    {"proxy-connection", OTHER(TRAIT_HOP)},
    {"www-authenticate", OTHER(TRAIT_PROTECTED | TRAIT_AUTHENTICATION)},
    {"cf-connecting-ip", OURS(TRAIT_FORWARDED)},
    {"x-originating-ip", OURS(TRAIT_FORWARDED)},
    {"fastly-client-ip", OURS(TRAIT_FORWARDED)},
    END,
};
static const struct known of_17[] = {
    {"transfer-encoding", FRAMING(FIELD_TRANSFER_ENCODING)},
    {"client-cert-chain", OURS(TRAIT_CERT)},
    END,
};
static const struct known of_18[] = {
    {"cf-connecting-ipv6", OURS(TRAIT_FORWARDED)},
    {"proxy-authenticate", OTHER(TRAIT_AUTHENTICATION)},
    END,
};
static const struct known of_19[] = {
    {"proxy-authorization", OTHER(TRAIT_HOP | TRAIT_AUTHENTICATION)},
    {"x-cluster-client-ip", OURS(TRAIT_FORWARDED)},
    END,
};
static const struct known of_20[] = {
    {"x-http-host-override", OURS(TRAIT_FORWARDED)},
    END,
};
static const struct known of_none[] = {END};

static const struct known *const of_length[NAME_MAX + 1] = {
    of_none, of_none, of_2, of_none, of_4, of_5, of_6, of_7, of_8, of_9, of_10, of_11,
    of_12, of_13, of_14, of_15, of_16, of_17, of_18, of_19, of_20,
};

/* Families of names. The shortest member is longer than the prefix. */
static const struct known families[] = {
    {"content-", OTHER(TRAIT_PROTECTED)},
    {"x-forwarded-", OURS(TRAIT_FORWARDED)},
    {"x-client-cert-", OURS(TRAIT_CERT)},
    {"x-ssl-", OURS(TRAIT_FORWARDED)},
    {"ssl-client-", OURS(TRAIT_FORWARDED)},
    {"x-original-", OURS(TRAIT_FORWARDED)},
    {"x-real-", OURS(TRAIT_FORWARDED)},
    {"x-arr-", OURS(TRAIT_FORWARDED)},
    {"x-azure-", OURS(TRAIT_FORWARDED)},
    {"x-envoy-", OURS(TRAIT_FORWARDED)},
    {"x-appengine-", OURS(TRAIT_FORWARDED)},
    {"x-amzn-mtls-", OURS(TRAIT_FORWARDED)},
    {"wl-proxy-", OURS(TRAIT_FORWARDED)},
    END,
};
/* clang-format on */

static bool is_alphanumeric(char c)
{
    return char_is(c, CHAR_DIGIT) || (lower(c) >= 'a' && lower(c) <= 'z');
}

static bool begins_with(struct span name, const char *known, bool *alias)
{
    for (size_t i = 0; known[i] != '\0'; i++) {
        if (i == name.len)
            return false;
        if (lower(name.text[i]) == known[i])
            continue;
        if (known[i] != '-' || is_alphanumeric(name.text[i]))
            return false;
        *alias = true;
    }
    return true;
}

static struct field_kind found(const struct known *known, bool alias)
{
    struct field_kind kind = known->kind;

    if (alias) {
        kind.id = FIELD_OTHER;
        kind.traits &= (uint8_t)~TRAIT_ONCE;
        kind.traits |= TRAIT_ALIAS;
    }
    return kind;
}

struct field_kind field_kind(struct span name)
{
    const struct known *known = name.len <= NAME_MAX ? of_length[name.len] : of_none;

    for (; known->name != NULL; known++) {
        bool alias = false;
        if (begins_with(name, known->name, &alias))
            return found(known, alias);
    }
    for (known = families; known->name != NULL; known++) {
        bool alias = false;
        if (begins_with(name, known->name, &alias))
            return found(known, alias);
    }
    return (struct field_kind){FIELD_OTHER, 0};
}
