/* Hellos of TLS 1.2 with a ticket, against OpenSSL's handshake and ours: each accepts its
 * own tickets, or refuses the hello, in the same cases. */
#include "tests/unit/resumed_clients.h"

enum { SERVER_HELLO_ID = 34 };

static SSL *client_of(SSL_SESSION *resumed)
{
    SSL *ssl = client_offering(resumed, TLS1_2_VERSION);

    SSL_set_tlsext_host_name(ssl, "wlb.example");
    return ssl;
}

static int start(void **state)
{
    open_clients();
    return make_service_keys(state);
}

static int stop(void **state)
{
    SSL_CTX_free(clients);
    return free_service_keys(state);
}

/* Returns the hello that would resume it. */
static struct parts hello_of(SSL_SESSION *session)
{
    SSL *ssl = client_of(session);
    struct recorded recorded = record_hello(ssl);

    SSL_free(ssl);
    return take_apart(&recorded);
}

static void describe(char line[LINE_MAX_LEN])
{
    const unsigned char *at = (const unsigned char *)buffer_data(&side.out);
    const unsigned char *body = at + RECORD_HEADER + 4;
    size_t len = buffer_len(&side.out), extensions = 0, used = 0;
    char text[64] = "";

    if (len < RECORD_HEADER + 40 || at[0] != SSL3_RT_HANDSHAKE) {
        (void)snprintf(
            line, LINE_MAX_LEN, "%d alert=%d %zu", side.code, side.tls->alert_sent, len);
        return;
    }
    body += SERVER_HELLO_ID;
    extensions = number(body + 1 + body[0] + 3, 2);
    /* OpenSSL names more point formats than it needs to. */
    for (size_t i = 0; i < extensions;) {
        const unsigned char *extension = body + 1 + body[0] + 5 + i;

        used += (size_t)snprintf(
            text + used, sizeof(text) - used, " %zu", number(extension, 2));
        i += 4 + number(extension + 2, 2);
    }
    (void)snprintf(line, LINE_MAX_LEN, "%d alert=%d id=%u suite=%04zx%s then %u",
        side.code, side.tls->alert_sent, body[0], number(body + 1 + body[0], 2), text,
        at[RECORD_HEADER + number(at + 3, 2)]);
}

static void try(const char *name, const struct parts *parts)
{
    struct buffer record = {0};
    char line[LINE_MAX_LEN];

    side_begin();
    put_together(parts, &record);
    side_feed((const unsigned char *)buffer_data(&record), buffer_len(&record));
    describe(line);
    note(name, line);
    buffer_destroy(&record);
    side_end();
}

static struct buffer *ticket_of(struct parts *parts)
{
    size_t i = 0;

    while (memcmp(buffer_data(&parts->extensions[i]), "\0\x23", 2) != 0)
        i++;
    assert_true(i < parts->count);
    return &parts->extensions[i];
}

static const struct hello_case {
    const char *name;
    struct octets besides; /* an extension, in place of the one of its type */
    struct octets suites; /* NULL: unchanged */
    struct octets id; /* NULL: unchanged */
    uint16_t without; /* extensions of that type; 0: none */
    size_t cut, longer; /* of the ticket, in bytes */
    size_t damaged; /* the changed byte, counted from 1 */
} cases[] = {
    {.name = "as it is"},
    {.name = "no id", .id = BYTES("")},
    {.name = "short id", .id = BYTES("x")},
    {.name = "no extended master secret", .without = 23},
    {.name = "no groups", .without = 10},
    {.name = "no point formats", .without = 11},
    {.name = "compressed points too", .besides = BYTES("\0\x0b\3\2\1\0")},
    {.name = "no signature schemes", .without = 13},
    {.name = "schemes of nobody", .besides = BYTES("\0\x0d\0\2\x7f\x7f")},
    {.name = "groups of nobody", .besides = BYTES("\0\x0a\0\2\x7f\x7f")},
    {.name = "another suite", .suites = BYTES("\xc0\x2f\xc0\x2b")},
    {.name = "its suite last", .suites = BYTES("\xc0\x2f\xc0\x2b\xc0\x2c")},
    {.name = "another suite, no extended master secret",
        .suites = BYTES("\xc0\x2f\xc0\x2b"),
        .without = 23},
    {.name = "renegotiation SCSV", .suites = BYTES("\xc0\x2c\0\xff")},
    {.name = "fallback SCSV", .suites = BYTES("\xc0\x2c\x56\0")},
    {.name = "renegotiation info", .besides = BYTES("\xff\1\0")},
    {.name = "ALPN", .besides = BYTES("\0\x10\0\x0b\x08http/1.1\0")},
    {.name = "usual ALPN", .besides = BYTES("\0\x10\0\x09\x08http/1.1")},
    {.name = "ALPN in vain", .besides = BYTES("\0\x10\0\3\2h2")},
    {.name = "no ticket", .without = 35},
    {.name = "empty ticket", .besides = BYTES("\0\x23")},
    {.name = "rubbish", .besides = BYTES("\0\x23rubbish")},
    {.name = "a name alone", .cut = 132},
    {.name = "cut", .cut = 1},
    {.name = "cut to a byte", .cut = 147},
    {.name = "longer", .longer = 1},
    {.name = "much longer", .longer = 2000},
    {.name = "another key", .damaged = 1},
    {.name = "damaged salt", .damaged = 20},
    {.name = "damaged inside", .damaged = 60},
    {.name = "damaged at the end", .damaged = 148},
    {.name = "another protocol version", .besides = BYTES("\0\x2b\2\3\3")},
};

static void change(struct parts *parts, const struct hello_case *c)
{
    struct buffer *ticket = ticket_of(parts);

    assert_true(buffer_len(ticket) > 2 + c->cut);
    ticket->end -= c->cut;
    for (size_t i = 0; i < c->longer; i++)
        buffer_append(ticket, "x", 1);
    if (c->damaged > 0)
        ticket->bytes[ticket->start + 1 + c->damaged] ^= 1;
    if (c->besides.at != NULL)
        put_in(parts, c->besides);
    if (c->suites.at != NULL) {
        buffer_clear(&parts->suites);
        buffer_append(&parts->suites, c->suites.at, c->suites.len);
    }
    if (c->id.at != NULL) {
        buffer_clear(&parts->id);
        buffer_append(&parts->id, c->id.at, c->id.len);
    }
    for (size_t i = 0; c->without != 0 && i < parts->count; i++) {
        if (number((const unsigned char *)buffer_data(&parts->extensions[i]), 2) ==
            c->without)
            swap_extensions(&parts->extensions[i--], &parts->extensions[--parts->count]);
    }
}

static void try_all(SSL_SESSION *session, const char *keys)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parts parts = hello_of(session);
        char name[LINE_MAX_LEN];

        (void)snprintf(name, sizeof(name), "%s, %s", cases[i].name, keys);
        change(&parts, &cases[i]);
        try(name, &parts);
        free_parts(&parts);
    }
}

static void hellos_with_tickets(void)
{
    SSL_SESSION *session = session_of(client_of(NULL));
    struct ticket_keys *keys = &both.tickets;

    try_all(session, "one key");
    keys->keys[1] = keys->keys[0];
    memset(keys->keys[0].name, 'n', sizeof(keys->keys[0].name));
    keys->count = 2;
    try_all(session, "an old key");
    keys->count = 1;
    try_all(session, "another key");
    SSL_SESSION_free(session);
}

static void hellos_with_tickets_mean_the_same(void **state)
{
    static const struct meant meant[] = {{0}};

    (void)state;
    compare("hellos_with_tickets", hellos_with_tickets, meant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hellos_with_tickets_mean_the_same),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
