/* ClientHellos with tickets, good and bad, against OpenSSL's handshake of TLS 1.3 and
 * ours: each accepts its own tickets, or refuses the hello, in the same cases. */
#include "tests/unit/resumed_clients.h"

#include "proxy/crypto/digest.h"
#include "proxy/tls/native/schedule.h"

enum { IDENTITIES = 3 };

static struct recorded usual; /* without a ticket */
static SSL_SESSION *session; /* of the server under test */

static SSL *client_of(SSL_SESSION *resumed)
{
    SSL *ssl = client_offering(resumed, TLS1_3_VERSION);

    assert_int_equal(SSL_set1_groups_list(ssl, "X25519:P-256"), 1);
    return ssl;
}

static int start(void **state)
{
    digests_start();
    open_clients();
    SSL *ssl = client_of(NULL);
    usual = record_hello(ssl);
    SSL_free(ssl);
    return make_service_keys(state);
}

static int stop(void **state)
{
    SSL_CTX_free(clients);
    return free_service_keys(state);
}

enum ticket_kind { NONE, VALID, UNKNOWN, RENAMED, DAMAGED, CUT, LONGER, NO_BYTES };

struct offer {
    enum ticket_kind ticket;
    size_t binder_len; /* 0: the digest's */
    bool wrong; /* its first bit is */
};

struct psk_case {
    const char *name;
    struct offer offers[IDENTITIES];
    struct octets modes; /* the extension; NULL: none */
    struct octets besides; /* another extension, in place of the one of its type */
    struct octets suites; /* NULL: unchanged */
    uint16_t without; /* extensions of that type */
    bool binder_too_few, binder_too_many, not_last;
};

#define DHE BYTES("\0\x2d\1\1")
static const struct psk_case cases[] = {
    {.name = "one", .offers = {{.ticket = VALID}}, .modes = DHE},
    {.name = "wrong binder", .offers = {{.ticket = VALID, .wrong = true}}, .modes = DHE},
    {.name = "short binder",
        .offers = {{.ticket = VALID, .binder_len = 32}},
        .modes = DHE},
    {.name = "shorter binder",
        .offers = {{.ticket = VALID, .binder_len = 31}},
        .modes = DHE},
    {.name = "long binder",
        .offers = {{.ticket = VALID, .binder_len = 49}},
        .modes = DHE},
    {.name = "longest binder",
        .offers = {{.ticket = VALID, .binder_len = 255}},
        .modes = DHE},
    {.name = "unknown", .offers = {{.ticket = UNKNOWN}}, .modes = DHE},
    {.name = "renamed", .offers = {{.ticket = RENAMED}}, .modes = DHE},
    {.name = "renamed, wrong binder",
        .offers = {{.ticket = RENAMED, .wrong = true}},
        .modes = DHE},
    {.name = "damaged", .offers = {{.ticket = DAMAGED}}, .modes = DHE},
    {.name = "cut", .offers = {{.ticket = CUT}}, .modes = DHE},
    {.name = "longer", .offers = {{.ticket = LONGER}}, .modes = DHE},
    {.name = "second", .offers = {{.ticket = UNKNOWN}, {.ticket = VALID}}, .modes = DHE},
    {.name = "third",
        .offers = {{.ticket = RENAMED}, {.ticket = DAMAGED}, {.ticket = VALID}},
        .modes = DHE},
    {.name = "first", .offers = {{.ticket = VALID}, {.ticket = UNKNOWN}}, .modes = DHE},
    {.name = "twice", .offers = {{.ticket = VALID}, {.ticket = VALID}}, .modes = DHE},
    {.name = "second binder wrong, first taken",
        .offers = {{.ticket = VALID}, {.ticket = VALID, .wrong = true}},
        .modes = DHE},
    {.name = "first binder wrong, second good",
        .offers = {{.ticket = VALID, .wrong = true}, {.ticket = VALID}},
        .modes = DHE},
    {.name = "first binder wrong, second taken",
        .offers = {{.ticket = UNKNOWN, .wrong = true}, {.ticket = VALID}},
        .modes = DHE},
    {.name = "second binder short",
        .offers = {{.ticket = VALID}, {.ticket = VALID, .binder_len = 1}},
        .modes = DHE},
    {.name = "empty identity", .offers = {{.ticket = NO_BYTES}}, .modes = DHE},
    {.name = "empty identity first",
        .offers = {{.ticket = NO_BYTES}, {.ticket = VALID}},
        .modes = DHE},
    {.name = "too few binders",
        .offers = {{.ticket = VALID}, {.ticket = VALID}},
        .modes = DHE,
        .binder_too_few = true},
    {.name = "too many binders",
        .offers = {{.ticket = VALID}},
        .modes = DHE,
        .binder_too_many = true},
    {.name = "not last", .offers = {{.ticket = VALID}}, .modes = DHE, .not_last = true},
    {.name = "no modes", .offers = {{.ticket = VALID}}, .without = 45},
    {.name = "psk_ke", .offers = {{.ticket = VALID}}, .modes = BYTES("\0\x2d\1\0")},
    {.name = "both modes", .offers = {{.ticket = VALID}}, .modes = BYTES("\0\x2d\2\0\1")},
    {.name = "unknown mode",
        .offers = {{.ticket = VALID}},
        .modes = BYTES("\0\x2d\1\x5a")},
    {.name = "psk_ke, wrong binder",
        .offers = {{.ticket = VALID, .wrong = true}},
        .modes = BYTES("\0\x2d\1\0")},
    {.name = "another digest",
        .offers = {{.ticket = VALID}},
        .modes = DHE,
        .suites = BYTES("\x13\2")},
    {.name = "another digest, wrong binder",
        .offers = {{.ticket = VALID, .wrong = true}},
        .modes = DHE,
        .suites = BYTES("\x13\2")},
    {.name = "another suite",
        .offers = {{.ticket = VALID}},
        .modes = DHE,
        .suites = BYTES("\x13\3")},
    {.name = "another name",
        .offers = {{.ticket = VALID}},
        .modes = DHE,
        .besides = BYTES("\0\0\0\4\0\0\1a")},
    {.name = "ALPN",
        .offers = {{.ticket = VALID}},
        .modes = DHE,
        .besides = BYTES("\0\x10\0\3\2h2")},
    {.name = "no signatures", .offers = {{.ticket = VALID}}, .modes = DHE, .without = 13},
    {.name = "no signatures, unknown",
        .offers = {{.ticket = UNKNOWN}},
        .modes = DHE,
        .without = 13},
    {.name = "no groups", .offers = {{.ticket = VALID}}, .modes = DHE, .without = 10},
    {.name = "no shares", .offers = {{.ticket = VALID}}, .modes = DHE, .without = 51},
    {.name = "no ticket extension",
        .offers = {{.ticket = VALID}},
        .modes = DHE,
        .without = 35},
    {.name = "TLS 1.2 only",
        .offers = {{.ticket = VALID}},
        .modes = DHE,
        .besides = BYTES("\0\x2b\2\3\3")},
    {.name = "no versions", .offers = {{.ticket = VALID}}, .modes = DHE, .without = 43},
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static const struct digest *digest_of_session(void)
{
    return digest_find(
        SSL_CIPHER_get_protocol_id(SSL_SESSION_get0_cipher(session)) == 0x1302
            ? "SHA384"
            : "SHA256");
}

static void put_identity(struct buffer *to, enum ticket_kind kind)
{
    struct buffer identity = {0};
    const unsigned char *ticket;
    size_t len;

    SSL_SESSION_get0_ticket(session, &ticket, &len);
    buffer_append(&identity, ticket, len);
    switch (kind) {
    case UNKNOWN:
        memset(identity.bytes + identity.start, 'x', len);
        break;
    case RENAMED:
        identity.bytes[identity.start] ^= 1;
        break;
    case DAMAGED:
        identity.bytes[identity.end - 1] ^= 1;
        break;
    case CUT:
        identity.end--;
        break;
    case LONGER:
        buffer_append(&identity, "x", 1);
        break;
    case NO_BYTES:
        buffer_clear(&identity);
        break;
    default:
        break;
    }
    put_vector(to, &identity, 2);
    put_number(to, 0, 4);
    buffer_destroy(&identity);
}

/* Computes the binder over the hello up to its binders, in the digest's length. */
static void bind_hello(const unsigned char *message, size_t len, unsigned char *binder)
{
    const struct digest *digest = digest_of_session();
    const struct digest_part part = {message, len};
    unsigned char psk[DIGEST_MAX], key[DIGEST_MAX], hash[DIGEST_MAX];
    struct schedule schedule;

    assert_int_equal(SSL_SESSION_get_master_key(session, psk, sizeof(psk)), digest->len);
    schedule_begin(&schedule, digest, psk);
    schedule_derive(&schedule, "res binder", digest->of_nothing, key);
    (void)digest_parts(digest, &part, 1, hash);
    schedule_verify_data(digest, key, hash, binder);
}

static size_t binder_len(const struct offer *offer)
{
    return offer->binder_len > 0 ? offer->binder_len : digest_of_session()->len;
}

static size_t count_binders(const struct psk_case *c)
{
    size_t count = 0;

    while (count < IDENTITIES && c->offers[count].ticket != NONE)
        count++;
    return count - c->binder_too_few + c->binder_too_many;
}

/* The body of pre_shared_key, with binders of zeros; returns the length of these. */
static size_t put_offers(struct buffer *to, const struct psk_case *c)
{
    struct buffer identities = {0}, binders = {0};

    for (size_t i = 0; i < IDENTITIES && c->offers[i].ticket != NONE; i++)
        put_identity(&identities, c->offers[i].ticket);
    for (size_t i = 0; i < count_binders(c); i++) {
        size_t len = binder_len(&c->offers[i]);

        put_number(&binders, len, 1);
        for (size_t k = 0; k < len; k++)
            put_number(&binders, 0, 1);
    }
    put_vector(to, &identities, 2);
    put_vector(to, &binders, 2);
    size_t len = 2 + buffer_len(&binders);
    buffer_destroy(&identities);
    buffer_destroy(&binders);
    return len;
}

static void fill_binders(
    const struct psk_case *c, unsigned char *binders, const unsigned char *good)
{
    unsigned char *at = binders + 2;

    for (size_t i = 0; i < count_binders(c); i++) {
        size_t len = binder_len(&c->offers[i]), known = digest_of_session()->len;

        memcpy(at + 1, good, len < known ? len : known);
        at[1] ^= c->offers[i].wrong;
        at += 1 + len;
    }
}

static void leave_out(struct parts *parts, uint16_t type)
{
    for (size_t i = 0; i < parts->count; i++) {
        if (number((const unsigned char *)buffer_data(&parts->extensions[i]), 2) == type)
            swap_extensions(&parts->extensions[i], &parts->extensions[--parts->count]);
    }
}

static void put_hello(const struct psk_case *c, struct buffer *record)
{
    struct parts parts = take_apart(&usual);
    unsigned char good[DIGEST_MAX];
    size_t binders;

    if (c->suites.at != NULL) {
        buffer_clear(&parts.suites);
        buffer_append(&parts.suites, c->suites.at, c->suites.len);
    }
    if (c->modes.at != NULL)
        put_in(&parts, c->modes);
    if (c->besides.at != NULL)
        put_in(&parts, c->besides);
    if (c->without != 0)
        leave_out(&parts, c->without);
    put_number(&parts.extensions[parts.count], 41, 2);
    binders = put_offers(&parts.extensions[parts.count++], c);
    if (c->not_last)
        swap_extensions(
            &parts.extensions[parts.count - 1], &parts.extensions[parts.count - 2]);
    put_together(&parts, record);
    if (!c->not_last) {
        unsigned char *bytes = (unsigned char *)record->bytes + record->start;
        size_t len = buffer_len(record) - binders;

        bind_hello(bytes + RECORD_HEADER, len - RECORD_HEADER, good);
        fill_binders(c, bytes + len, good);
    }
    free_parts(&parts);
}

/* The accepted identity; -1: none. */
static int taken(void)
{
    const unsigned char *record = (const unsigned char *)buffer_data(&side.out), *at;

    if (buffer_len(&side.out) < RECORD_HEADER || record[0] != SSL3_RT_HANDSHAKE)
        return -1;
    at = record + RECORD_HEADER + 4 + 34;
    at += 1 + at[0] + 3 + 2;
    for (; at + 4 <= record + RECORD_HEADER + number(record + 3, 2);
         at += 4 + number(at + 2, 2)) {
        if (number(at, 2) == 41)
            return (int)number(at + 4, 2);
    }
    return -1;
}

#define LEFT "left to OpenSSL: "

static void try(const char *name, const unsigned char *bytes, size_t len)
{
    char line[LINE_MAX_LEN];

    side_begin();
    side_feed(bytes, len);
    if (now->engine != ENGINE_STOCK && !side.native)
        (void)snprintf(line, sizeof(line), LEFT "%d taken=%d", side.code, taken());
    else
        (void)snprintf(line, sizeof(line), "%d alert=%d taken=%d", side.code,
            side.tls->alert_sent, taken());
    note(name, line);
    side_end();
}

static void tickets_of_all_kinds(void)
{
    session = session_of(client_of(NULL));
    for (size_t i = 0; i < CASES; i++) {
        struct buffer record = {0};

        put_hello(&cases[i], &record);
        try(cases[i].name, (const unsigned char *)buffer_data(&record),
            buffer_len(&record));
        buffer_destroy(&record);
    }
    SSL_SESSION_free(session);
}

/* Positions count from the front up to the tickets, and from the end behind them, because
 * the engines' tickets differ in length. */
static void bytes_around_tickets(void)
{
    struct buffer record = {0};
    char name[LINE_MAX_LEN];

    session = session_of(client_of(NULL));
    put_hello(&cases[0], &record);
    unsigned char *bytes = (unsigned char *)record.bytes + record.start;
    size_t len = buffer_len(&record), binders = 3 + digest_of_session()->len;
    for (size_t i = 0; i < usual.len + 4; i++) {
        bytes[i] ^= 1;
        (void)snprintf(name, sizeof(name), "byte %zu", i);
        if (i < 3 || i >= RECORD_HEADER + 4) /* skips lengths, which differ */
            try(name, bytes, len);
        bytes[i] ^= 1;
    }
    for (size_t i = 1; i <= binders + 4 + 10; i++) {
        bytes[len - i] ^= 1;
        (void)snprintf(name, sizeof(name), "byte %zu from behind", i);
        try(name, bytes, len);
        bytes[len - i] ^= 1;
    }
    buffer_destroy(&record);
    SSL_SESSION_free(session);
}

/* OpenSSL does not know our tickets: a hello that is left to it ends in a full handshake,
 * or is refused for another reason than its binder. OpenSSL 3.0 calls a wrong binder an
 * illegal_parameter. */
static const struct meant left[] = {{"", "-2 alert=47 taken=-1", "-2 alert=51 taken=-1"},
    {"", NULL, LEFT "0 taken=-1"}, {"", NULL, LEFT "-2 taken=-1"}, {0}};

DIFFERENTIAL_TEST(tickets_of_all_kinds_mean_the_same, tickets_of_all_kinds, left)
DIFFERENTIAL_TEST(bytes_around_tickets_mean_the_same, bytes_around_tickets, left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tickets_of_all_kinds_mean_the_same),
        cmocka_unit_test(bytes_around_tickets_mean_the_same),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
