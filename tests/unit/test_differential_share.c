/* Key shares of TLS 1.3, good and bad, against OpenSSL's handshake and ours: both accept
 * the same one, ask for the same one, or refuse the hello with the same alert. */
#include "tests/unit/hello_parts.h"

#include <openssl/ec.h>

enum { X25519 = 29, P256 = 23, P384 = 24, P521 = 25, GREASE = 0x1a1a, SHARE_MAX = 140 };

static struct recorded usual;

static int start(void **state)
{
    SSL_CTX *clients = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(clients);

    assert_int_equal(SSL_set1_groups_list(ssl, "X25519"), 1);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
    usual = record_hello(ssl);
    SSL_free(ssl);
    SSL_CTX_free(clients);
    return make_service_keys(state);
}

enum form {
    SUPPORTED,
    OFF_CURVE,
    TOO_BIG, /* a coordinate is not below the prime */
    ALL_ZERO,
    ALL_ONES,
    COMPRESSED,
    HYBRID, /* contains both coordinates, an old form */
    INFINITE, /* one byte of zero */
    SHORTER,
    LONGER,
    NOTHING,
    HIGH_BIT,
    FORMS
};
static const char *const form_names[FORMS] = {"usual", "off the curve", "too big",
    "zeros", "ones", "compressed", "hybrid", "infinite", "shorter", "longer", "empty",
    "high bit"};

/* The base point. */
static size_t make_point(size_t group, unsigned char *point)
{
    int nid = group == P256 ? NID_X9_62_prime256v1
        : group == P384     ? NID_secp384r1
                            : NID_secp521r1;
    size_t len = 32;

    memset(point, 0, SHARE_MAX);
    if (group == X25519 || group == GREASE) {
        point[0] = 9;
        return len;
    }
    EC_GROUP *curve = EC_GROUP_new_by_curve_name(nid);
    len = EC_POINT_point2oct(curve, EC_GROUP_get0_generator(curve),
        POINT_CONVERSION_UNCOMPRESSED, point, SHARE_MAX, NULL);
    EC_GROUP_free(curve);
    return len;
}

static size_t make_share(size_t group, enum form form, unsigned char *share)
{
    size_t len = make_point(group, share);

    switch (form) {
    case OFF_CURVE:
        share[len - 1] ^= 1;
        break;
    case TOO_BIG:
        memset(share + 1, 0xff, (len - 1) / 2);
        break;
    case ALL_ZERO:
        memset(share + (len % 2), 0, len - len % 2);
        break;
    case ALL_ONES:
        memset(share, 0xff, len);
        break;
    case COMPRESSED:
        share[0] = 2 + share[len - 1] % 2;
        len = 1 + len / 2;
        break;
    case HYBRID:
        share[0] = 6 + share[len - 1] % 2;
        break;
    case INFINITE:
        share[0] = 0;
        len = 1;
        break;
    case SHORTER:
        len--;
        break;
    case LONGER:
        len++;
        break;
    case NOTHING:
        len = 0;
        break;
    case HIGH_BIT:
        share[len - 1] |= 0x80;
        break;
    default:
        break;
    }
    return len;
}

static void put_share(struct buffer *to, size_t group, enum form form)
{
    unsigned char share[SHARE_MAX];
    size_t len = make_share(group, form, share);

    put_number(to, group, 2);
    put_number(to, len, 2);
    buffer_append(to, share, len);
}

static void put_list(struct parts *parts, size_t type, struct buffer *list)
{
    struct buffer extension = {0};

    put_number(&extension, type, 2);
    put_vector(&extension, list, 2);
    put_in(parts, (struct octets){buffer_data(&extension), buffer_len(&extension)});
    buffer_destroy(&extension);
    buffer_destroy(list);
}

/* The group of a ServerHello, or of a HelloRetryRequest; 0: neither. */
static size_t answered_group(void)
{
    const unsigned char *record = (const unsigned char *)buffer_data(&side.out), *at;

    if (buffer_len(&side.out) < RECORD_HEADER || record[0] != SSL3_RT_HANDSHAKE)
        return 0;
    at = record + RECORD_HEADER + 4 + 34;
    at += 1 + at[0] + 3 + 2;
    for (; at + 4 <= record + RECORD_HEADER + number(record + 3, 2);
         at += 4 + number(at + 2, 2)) {
        if (number(at, 2) == 51)
            return number(at + 4, 2);
    }
    return 0;
}

static bool asks_again(void)
{
    static const unsigned char head[] = {0xcf, 0x21, 0xad, 0x74}; /* RFC 8446, 4.1.3 */

    return buffer_len(&side.out) > RECORD_HEADER + 10 &&
        memcmp(buffer_data(&side.out) + RECORD_HEADER + 6, head, sizeof(head)) == 0;
}

static void try(const char *name, struct buffer *groups, struct buffer *shares)
{
    struct parts parts = take_apart(&usual);
    struct buffer record = {0};
    char line[LINE_MAX_LEN];

    put_list(&parts, 10, groups);
    put_list(&parts, 51, shares);
    put_together(&parts, &record);
    side_begin();
    side_feed((const unsigned char *)buffer_data(&record), buffer_len(&record));
    (void)snprintf(line, sizeof(line), "%d alert=%d group=%zu%s", side.code,
        side.tls->alert_sent, answered_group(), asks_again() ? " again" : "");
    note(name, line);
    side_end();
    buffer_destroy(&record);
    free_parts(&parts);
}

static void points_of_all_kinds(void)
{
    static const size_t groups[] = {X25519, P256, P384};
    char name[LINE_MAX_LEN];

    for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
        for (int form = 0; form < FORMS; form++) {
            struct buffer list = {0}, shares = {0};

            put_number(&list, groups[g], 2);
            put_share(&shares, groups[g], (enum form)form);
            (void)snprintf(
                name, sizeof(name), "group %zu: %s", groups[g], form_names[form]);
            try(name, &list, &shares);
        }
    }
}

/* The listed groups, and the groups of the shares, 0 at the end. */
static const struct {
    const char *name;
    uint16_t groups[6], shares[6];
} offers[] = {
    {"favourite", {X25519, P256, P384}, {X25519}},
    {"second", {X25519, P256, P384}, {P256}},
    {"third", {X25519, P256, P384}, {P384}},
    {"two", {X25519, P256}, {X25519, P256}},
    {"two turned", {P256, X25519}, {P256, X25519}},
    {"two, listed in another order", {P256, X25519}, {X25519, P256}},
    {"three", {X25519, P256, P384}, {X25519, P256, P384}},
    {"twice the same", {X25519}, {X25519, X25519}},
    {"twice, another between", {X25519, P256}, {X25519, P256, X25519}},
    {"foreign first", {P521, X25519}, {P521, X25519}},
    {"foreign last", {X25519, P521}, {X25519, P521}},
    {"only foreign, ours listed", {P521, X25519}, {P521}},
    {"only foreign", {P521}, {P521}},
    {"GREASE first", {GREASE, X25519}, {GREASE, X25519}},
    {"GREASE alone", {GREASE, X25519}, {GREASE}},
    {"not listed", {P256}, {X25519}},
    {"one not listed", {P256}, {P256, X25519}},
    {"one not listed first", {P256}, {X25519, P256}},
    {"none", {X25519, P256}, {0}},
};

static void offers_of_all_kinds(void)
{
    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        struct buffer groups = {0}, shares = {0};

        for (size_t k = 0; offers[i].groups[k] != 0; k++)
            put_number(&groups, offers[i].groups[k], 2);
        for (size_t k = 0; offers[i].shares[k] != 0; k++)
            put_share(&shares, offers[i].shares[k], SUPPORTED);
        try(offers[i].name, &groups, &shares);
    }
}

static const struct meant nothing[] = {{0}};

DIFFERENTIAL_TEST(points_of_all_kinds_mean_the_same, points_of_all_kinds, nothing)
DIFFERENTIAL_TEST(offers_of_all_kinds_mean_the_same, offers_of_all_kinds, nothing)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_of_all_kinds_mean_the_same),
        cmocka_unit_test(offers_of_all_kinds_mean_the_same),
    };

    return cmocka_run_group_tests(tests, start, free_service_keys);
}
