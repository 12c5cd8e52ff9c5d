/* Messages after the ClientHello, changed on their way, against OpenSSL's handshake and
 * ours: both end alike, with the same alert. */
#include "tests/unit/differential_rig.h"

enum { ROUNDS = 8, RECORDS = 4 };

static const struct kind {
    const char *name;
    int version;
    bool resumed;
    const char *groups;
} kinds[] = {
    {"1.2", TLS1_2_VERSION, false, "P-256"},
    {"1.2 X25519", TLS1_2_VERSION, false, "X25519:P-256"},
    {"1.2 P-384", TLS1_2_VERSION, false, "P-384:P-256"},
    {"1.2 resumed", TLS1_2_VERSION, true, "P-256"},
    {"1.3", TLS1_3_VERSION, false, "P-256"},
    {"1.3 resumed", TLS1_3_VERSION, true, "X25519:P-256"},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* A change of record number `at` behind the hello: a record is inserted before it, or its
 * own bytes change. */
struct bend {
    const char *name;
    size_t at;
    const unsigned char *before; /* a record */
    size_t before_len, before_times;
    bool dropped, twice, split;
    size_t flipped; /* the byte to change, counted from 1, with its header; 0: none */
    unsigned char mask;
    bool only_if_there_are; /* the record must have so many bytes */
    size_t shorter; /* its header tells a length that is smaller by this */
    size_t longer;
};

static bool everything; /* takes a minute */
/* A sanitizer checks the code's use of memory: it is shown each third case of either
 * server. */
#ifdef WLB_SANITIZE
enum { EACH_CASE = 3 };
#else
enum { EACH_CASE = 1 };
#endif
static size_t cases_so_far;
static const struct kind *kind;
static SSL_CTX *clients;
static SSL_SESSION *session;
static SSL *client;

/* A copy, because a failed handshake makes the session unusable. */
static void resume_session(void)
{
    SSL_SESSION *copy = SSL_SESSION_dup(session);

    assert_int_equal(SSL_set_session(client, copy), 1);
    SSL_SESSION_free(copy);
}

static void begin_client(void)
{
    client = SSL_new(clients);
    SSL_set_min_proto_version(client, kind->version);
    SSL_set_max_proto_version(client, kind->version);
    assert_int_equal(SSL_set1_groups_list(client, kind->groups), 1);
    SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client);
    if (session != NULL)
        resume_session();
    side_begin();
}

static void end_client(void)
{
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN);
    SSL_free(client);
    side_end();
}

static void run_client(struct buffer *said)
{
    char *bytes, nothing;
    long len;

    if (buffer_len(&side.out) > 0)
        BIO_write(
            SSL_get_rbio(client), buffer_data(&side.out), (int)buffer_len(&side.out));
    buffer_clear(&side.out);
    (void)SSL_do_handshake(client);
    (void)SSL_read(client, &nothing, 0); /* tickets of TLS 1.3 */
    (void)SSL_read(client, &nothing, 1);
    len = BIO_get_mem_data(SSL_get_wbio(client), &bytes);
    buffer_clear(said);
    buffer_append(said, bytes, (size_t)len);
    (void)BIO_reset(SSL_get_wbio(client));
}

static void feed_split(const unsigned char *record, size_t len)
{
    for (size_t i = RECORD_HEADER; i < len; i++) {
        const unsigned char part[] = {record[0], record[1], record[2], 0, 1, record[i]};

        side_feed(part, sizeof(part));
    }
}

static void feed_bent(unsigned char *record, size_t len, const struct bend *bend)
{
    unsigned char copy[4096];
    size_t body;

    for (size_t i = 0; i < bend->before_times; i++)
        side_feed(bend->before, bend->before_len);
    if (bend->dropped)
        return;
    assert_true(len + bend->longer <= sizeof(copy));
    memcpy(copy, record, len);
    memset(copy + len, 0, bend->longer);
    if (bend->flipped > 0 && bend->flipped <= len)
        copy[bend->flipped - 1] ^= bend->mask;
    if (bend->shorter > 0 || bend->longer > 0) {
        len = len - RECORD_HEADER < bend->shorter ? RECORD_HEADER : len - bend->shorter;
        len += bend->longer;
        body = len - RECORD_HEADER;
        copy[3] = (unsigned char)(body >> 8);
        copy[4] = (unsigned char)body;
    }
    if (bend->split)
        feed_split(copy, len);
    else
        side_feed(copy, len);
    if (bend->twice)
        side_feed(copy, len);
}

static void feed_records(struct buffer *said, size_t *count, const struct bend *bend)
{
    unsigned char *at = (unsigned char *)said->bytes + said->start;
    size_t left = buffer_len(said);

    while (left >= RECORD_HEADER) {
        size_t len = RECORD_HEADER + number(at + 3, 2);

        if ((*count)++ == bend->at)
            feed_bent(at, len, bend);
        else
            side_feed(at, len);
        at += len;
        left -= len;
    }
}

/* Runs to the end, whatever that is. */
static void shake_hands(const struct bend *bend)
{
    struct buffer said = {0};
    size_t count = 0;

    begin_client();
    run_client(&said);
    side_feed((unsigned char *)said.bytes + said.start, buffer_len(&said));
    for (int i = 0; i < ROUNDS; i++) {
        run_client(&said);
        feed_records(&said, &count, bend);
    }
    buffer_destroy(&said);
}

static void try(const struct bend *bend)
{
    char name[LINE_MAX_LEN], line[LINE_MAX_LEN];

    if (cases_so_far++ % EACH_CASE != 0)
        return;
    shake_hands(bend);
    (void)snprintf(name, sizeof(name), "%s: %s %zu, %s, record %zu, %zu times",
        kind->version == TLS1_2_VERSION ? "1.2" : "1.3", bend->name,
        bend->flipped + bend->shorter + bend->longer, kind->name, bend->at,
        bend->before_times);
    (void)snprintf(line, sizeof(line), "%d %s alert=%d received=%d", side.code,
        side.tls->open ? "open" : "not open", side.tls->alert_sent,
        side.tls->alert_received);
    note(name, line);
    end_client();
}

static const struct bend none = {.name = "as it is", .at = SIZE_MAX};

/* Calls `cases` for every kind of client, with the session it resumes, if it does. */
static void for_every_kind(void (*cases)(void))
{
    cases_so_far = 0;
    clients = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(clients, SSL_SESS_CACHE_OFF);
    for (kind = kinds; kind < kinds + KINDS; kind++) {
        session = NULL;
        if (kind->resumed) {
            shake_hands(&none);
            assert_true(side.tls->open);
            SSL_SESSION *fresh = SSL_get1_session(client);
            end_client();
            session = fresh;
            assert_true(SSL_SESSION_is_resumable(session));
        }
        try(&none);
        cases();
        SSL_SESSION_free(session);
    }
    session = NULL;
    SSL_CTX_free(clients);
}

struct record {
    const char *name;
    const char *bytes;
    size_t len;
};
#define RECORD(name, text)                                                               \
    {                                                                                    \
        name, text, sizeof(text) - 1                                                     \
    }

static const struct record records[] = {
    RECORD("warning close_notify", "\x15\3\3\0\2\1\0"),
    RECORD("fatal close_notify", "\x15\3\3\0\2\2\0"),
    RECORD("warning user_canceled", "\x15\3\3\0\2\1\x5a"),
    RECORD("warning no_renegotiation", "\x15\3\3\0\2\1\x64"),
    RECORD("warning unrecognized_name", "\x15\3\3\0\2\1\x70"),
    RECORD("fatal handshake_failure", "\x15\3\3\0\2\2\x28"),
    RECORD("fatal unknown_ca", "\x15\3\3\0\2\2\x30"),
    RECORD("alert of another level", "\x15\3\3\0\2\3\x28"),
    RECORD("alert of one byte", "\x15\3\3\0\1\1"),
    RECORD("alert of three bytes", "\x15\3\3\0\3\1\0\0"),
    RECORD("empty alert", "\x15\3\3\0\0"),
    RECORD("ChangeCipherSpec", "\x14\3\3\0\1\1"),
    RECORD("ChangeCipherSpec of 2", "\x14\3\3\0\1\2"),
    RECORD("long ChangeCipherSpec", "\x14\3\3\0\2\1\1"),
    RECORD("empty ChangeCipherSpec", "\x14\3\3\0\0"),
    RECORD("application data", "\x17\3\3\0\4ping"),
    RECORD("long application data", "\x17\3\3\0\x20pingpingpingpingpingpingpingping"),
    RECORD("empty application data", "\x17\3\3\0\0"),
    RECORD("empty handshake", "\x16\3\3\0\0"),
    RECORD("another type", "\x63\3\3\0\4ping"),
    RECORD("heartbeat", "\x18\3\3\0\3\1\0\0"),
    RECORD("another version", "\x16\3\1\0\4\0\0\0\0"),
    RECORD("alert of another version", "\x15\3\1\0\2\2\x28"),
    RECORD("version 2", "\x16\2\0\0\4\0\0\0\0"),
    RECORD("HelloRequest", "\x16\3\3\0\4\0\0\0\0"),
    RECORD("ClientHello", "\x16\3\3\0\4\1\0\0\0"),
    RECORD("Certificate", "\x16\3\3\0\7\x0b\0\0\3\0\0\0"),
    RECORD("empty ClientKeyExchange", "\x16\3\3\0\4\x10\0\0\0"),
    RECORD("long ClientKeyExchange", "\x16\3\3\0\4\x10\0\x08\1"),
    RECORD("odd ClientKeyExchange", "\x16\3\3\0\6\x10\0\0\2\2\4"),
    RECORD("bad point",
        "\x16\3\3\0\x45\x10\0\0\x41\x40\4xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    RECORD("short point of X25519",
        "\x16\3\3\0\x24\x10\0\0\x20\x1f" /* 31 bytes */
        "0123456789012345678901234567890"),
    RECORD("point of X25519 of low order",
        "\x16\3\3\0\x25\x10\0\0\x21\x20"
        "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0"),
    RECORD("CertificateVerify", "\x16\3\3\0\x08\x0f\0\0\4\4\1\0\0"),
    RECORD("Finished",
        "\x16\3\3\0\x10\x14\0\0\x0c"
        "0123456789ab"),
    RECORD("long Finished", "\x16\3\3\0\4\x14\0\0\x41"),
    RECORD("part of a message", "\x16\3\3\0\2\x10\0"),
    RECORD("KeyUpdate", "\x16\3\3\0\5\x18\0\0\1\0"),
    RECORD("too long", "\x16\3\3\x40\1"),
    RECORD("too long ChangeCipherSpec", "\x14\3\3\x40\1"),
    RECORD("too long once opened", "\x17\3\3\x41\2"),
    RECORD("much too long", "\x16\3\3\xff\xff"),
};

static void foreign_records_cases(void)
{
    static const size_t times[] = {1, 40, 2, 5}; /* mostly the first two */

    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        for (size_t at = 0; at < RECORDS; at++) {
            for (size_t t = 0; t < (everything ? 4 : 2); t++) {
                struct bend bend = {.name = records[i].name,
                    .at = at,
                    .before = (const unsigned char *)records[i].bytes,
                    .before_len = records[i].len,
                    .before_times = times[t]};

                try(&bend);
            }
        }
    }
}

static void bent_records_cases(void)
{
    for (size_t at = 0; at < RECORDS; at++) {
        try(&(struct bend){.name = "dropped", .at = at, .dropped = true});
        try(&(struct bend){.name = "twice", .at = at, .twice = true});
        try(&(struct bend){.name = "split", .at = at, .split = true});
        for (size_t i = 1; i < 60; i += 1 + i / 10) {
            try(&(struct bend){.name = "shorter by", .at = at, .shorter = i});
            try(&(struct bend){.name = "longer by", .at = at, .longer = i});
        }
    }
}

static void flipped_bytes_cases(void)
{
    for (size_t at = 0; at < RECORDS; at++) {
        for (size_t i = 1; i < 120; i += everything || i < 24 ? 1 : 7) {
            try(&(struct bend){
                .name = "bit 0 of byte", .at = at, .flipped = i, .mask = 1});
            try(&(struct bend){
                .name = "bit 7 of byte", .at = at, .flipped = i, .mask = 0x80});
        }
    }
}

static void foreign_records(void)
{
    for_every_kind(foreign_records_cases);
}

static void bent_records(void)
{
    for_every_kind(bent_records_cases);
}

static void flipped_bytes(void)
{
    for_every_kind(flipped_bytes_cases);
}

#define REFUSED(alert) "-2 not open alert=" #alert " received=-1"

/* OpenSSL before 3.2 answers an invalid ChangeCipherSpec in TLS 1.3 by illegal_parameter;
 * RFC 8446, 5: unexpected_message. */
#define BAD_CHANGE(name)                                                                 \
    {                                                                                    \
        name, REFUSED(47), REFUSED(10)                                                   \
    }

/* The same for the first record with another version. */
#define OTHER_VERSION(name, alert)                                                       \
    {                                                                                    \
        name, REFUSED(70), REFUSED(alert)                                                \
    }

/* OpenSSL 3.0.20 reports a protected record without room for nonce and tag as an internal
 * error. RFC 5246, 7.2.2: bad_record_mac. */
#define NO_ROOM                                                                          \
    {                                                                                    \
        "1.2: ", REFUSED(80), REFUSED(20)                                                \
    }

/* OpenSSL ignores a ChangeCipherSpec without content, which nobody may send (RFC 5246,
 * 6.2.1), and leaves an alert without an answer if its version is not TLS 1.2's. We send
 * an alert. Before 3.2 it waits for all of a record that is too long, which RFC 5246,
 * 6.2.1 forbids. */
static const struct meant stricter[] = {
    NO_ROOM,
    {"1.2: empty ChangeCipherSpec", NULL, REFUSED(10)},
    {"1.2: alert of another version", NULL, REFUSED(70)},
    {"1.2: too long", NULL, REFUSED(22)},
    BAD_CHANGE("1.3: ChangeCipherSpec of 2"),
    BAD_CHANGE("1.3: long ChangeCipherSpec"),
    BAD_CHANGE("1.3: empty ChangeCipherSpec"),
    {"1.3: too long ChangeCipherSpec", NULL, REFUSED(22)},
    OTHER_VERSION("1.3: version 2", 10),
    {0},
};

static const struct meant bent[] = {
    NO_ROOM, BAD_CHANGE("1.3: shorter by"), BAD_CHANGE("1.3: longer by"), {0}};

/* The length of TLS 1.2's first records: like the first of those above; or OpenSSL reads
 * it as SSL 3, and answers in that version's alerts. */
static const struct meant first_records[] = {
    {"1.2: bit 0 of byte 5,", NULL, NULL},
    BAD_CHANGE("1.3: bit 0 of byte 5,"),
    BAD_CHANGE("1.3: bit 0 of byte 6,"),
    BAD_CHANGE("1.3: bit 7 of byte 6,"),
    OTHER_VERSION("1.3: bit 0 of byte 2,", 50),
    OTHER_VERSION("1.3: bit 7 of byte 2,", 50),
    {0},
};

DIFFERENTIAL_TEST(foreign_records_end_alike, foreign_records, stricter)
DIFFERENTIAL_TEST(bent_records_end_alike, bent_records, bent)
DIFFERENTIAL_TEST(flipped_bytes_end_alike, flipped_bytes, first_records)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_records_end_alike),
        cmocka_unit_test(bent_records_end_alike),
        cmocka_unit_test(flipped_bytes_end_alike),
    };

    everything = argc > 1 && strcmp(argv[1], "--full") == 0;
    return cmocka_run_group_tests(tests, make_service_keys, free_service_keys);
}
