/* ClientHellos, good and bad, against OpenSSL's handshake and ours: both answer the same
 * ServerHello but for what is random, or the same alert. */
#include "tests/unit/hello_parts.h"

/* ClientHellos of OpenSSL's client, recorded once. */
static const struct kind {
    const char *name;
    int most; /* version */
    const char *groups, *ciphers, *suites;
    bool named;
} kinds[] = {
    {"usual", TLS1_3_VERSION, "X25519:P-256:P-384", NULL, NULL, false},
    {"1.2", TLS1_2_VERSION, "X25519:P-256:P-384", NULL, NULL, false},
    {"xapi", TLS1_2_VERSION, "P-384", "ECDHE-RSA-AES256-GCM-SHA384:AES256-GCM-SHA384",
        NULL, false},
    {"named", TLS1_3_VERSION, "P-256:X25519:P-521", NULL,
        "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", true},
    {"1.2 named", TLS1_2_VERSION, "P-256:P-384:X448", "CHACHA20:ECDHE+AESGCM:AES128-SHA",
        NULL, true},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static struct recorded recorded[KINDS];

static SSL *client_of(const struct kind *kind, SSL_CTX *context)
{
    SSL *ssl = SSL_new(context);

    SSL_set_max_proto_version(ssl, kind->most);
    assert_int_equal(SSL_set1_groups_list(ssl, kind->groups), 1);
    if (kind->ciphers != NULL)
        assert_int_equal(SSL_set_cipher_list(ssl, kind->ciphers), 1);
    if (kind->suites != NULL)
        assert_int_equal(SSL_set_ciphersuites(ssl, kind->suites), 1);
    if (kind->named) {
        SSL_set_tlsext_host_name(ssl, "wlb.example");
        SSL_set_alpn_protos(ssl, (const unsigned char *)"\2h2\x08http/1.1", 12);
    }
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
    return ssl;
}

static int record_hellos(void **state)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        SSL *ssl = client_of(&kinds[i], context);
        char *bytes;

        (void)SSL_do_handshake(ssl);
        recorded[i].len = (size_t)BIO_get_mem_data(SSL_get_wbio(ssl), &bytes);
        assert_true(recorded[i].len <= HELLO_MAX);
        memcpy(recorded[i].record, bytes, recorded[i].len);
        SSL_free(ssl);
    }
    SSL_CTX_free(context);
    rsa_key = service_key("2048");
    ec_key = service_key("P-256");
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa_key);
    EVP_PKEY_free(ec_key);
    return 0;
}

struct text {
    char bytes[LINE_MAX_LEN];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(
    struct text *text, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    text->len += (size_t)vsnprintf(
        text->bytes + text->len, sizeof(text->bytes) - text->len, fmt, args);
    va_end(args);
    if (text->len >= sizeof(text->bytes))
        text->len = sizeof(text->bytes) - 1;
}

static void describe_extensions(
    struct text *text, const unsigned char *at, const unsigned char *end)
{
    for (at += 2; at + 4 <= end; at += 4 + number(at + 2, 2)) {
        size_t type = number(at, 2), len = number(at + 2, 2);

        add(text, " %zu", type);
        /* Of point formats (11) OpenSSL names more than it need. */
        if (type == 51 || (len <= 12 && type != 41 && type != 11)) {
            add(text, ":");
            for (size_t i = 0; i < len && i < (type == 51 ? 4 : 12); i++)
                add(text, "%02x", at[4 + i]);
        }
    }
}

static void describe_server_hello(
    struct text *text, const unsigned char *body, size_t len)
{
    size_t id_len = body[34];
    const unsigned char *rest = body + 35 + id_len;

    add(text, " hello %02x%02x%s id=%zu suite=%02x%02x", body[0], body[1],
        memcmp(body + 26, "DOWNGRD", 7) == 0 ? " downgrade" : "", id_len, rest[0],
        rest[1]);
    describe_extensions(text, rest + 3, body + len);
}

static void describe_message(struct text *text, const unsigned char *message, size_t len)
{
    const unsigned char *body = message + 4;

    if (message[0] == 2)
        describe_server_hello(text, body, len - 4);
    else if (message[0] == 12)
        add(text, " curve=%zu scheme=%04zx", number(body + 1, 2),
            number(body + 4 + body[3], 2));
    else
        add(text, " %u", message[0]);
}

/* Messages in the clear; their records may be cut anyhow. */
static void describe_flight(struct text *text)
{
    const unsigned char *at = (const unsigned char *)buffer_data(&side.out);
    const unsigned char *end = at + buffer_len(&side.out);
    struct buffer messages = {0};
    size_t used = 0;

    for (; at + RECORD_HEADER <= end && at[0] == SSL3_RT_HANDSHAKE;
         at += RECORD_HEADER + number(at + 3, 2))
        buffer_append(&messages, at + RECORD_HEADER, number(at + 3, 2));
    while (used + 4 <= buffer_len(&messages)) {
        const unsigned char *message =
            (const unsigned char *)buffer_data(&messages) + used;
        size_t len = 4 + number(message + 1, 3);

        describe_message(text, message, len);
        used += len;
    }
    if (at + RECORD_HEADER <= end)
        add(text, " then %u", at[0]);
    buffer_destroy(&messages);
}

static void try(const char *name, const unsigned char *record, size_t len)
{
    struct text text = {.len = 0};

    side_begin();
    side_feed(record, len);
    add(&text, "%d alert=%d", side.code, side.tls->alert_sent);
    describe_flight(&text);
    note(name, text.bytes);
    side_end();
}

static void every_byte_changed(void)
{
    unsigned char copy[HELLO_MAX];
    char name[LINE_MAX_LEN];

    for (size_t k = 0; k < KINDS; k++) {
        const struct recorded *r = &recorded[k];

        try(kinds[k].name, r->record, r->len);
        for (size_t i = 0; i < 4 * r->len; i++) {
            const unsigned char was = r->record[i / 4];
            const unsigned char values[] = {was ^ 1, was ^ 0x80, 0, 0xff};

            memcpy(copy, r->record, r->len);
            copy[i / 4] = values[i % 4];
            (void)snprintf(name, sizeof(name), "%s: byte %zu %02x -> %02x", kinds[k].name,
                i / 4, was, values[i % 4]);
            try(name, copy, r->len);
        }
    }
}

static void try_parts(const char *name, const struct parts *parts)
{
    struct buffer record = {0};

    put_together(parts, &record);
    try(name, (const unsigned char *)buffer_data(&record), buffer_len(&record));
    buffer_destroy(&record);
}

enum edit { DROP, TWICE, EMPTY, LAST, LONGER, SHORTER, UNKNOWN_TYPE, ALONE, EDITS };
static const char *const edit_names[EDITS] = {
    "dropped", "twice", "empty", "last", "longer", "shorter", "unknown", "alone"};

static void edit(struct parts *parts, size_t i, enum edit how)
{
    struct buffer *e = &parts->extensions[i], *end = &parts->extensions[parts->count];

    switch (how) {
    case DROP:
        buffer_swap(e, &parts->extensions[--parts->count]);
        break;
    case TWICE:
        buffer_append(end, buffer_data(e), buffer_len(e));
        parts->count++;
        break;
    case EMPTY:
        e->end = e->start + 2;
        break;
    case LAST:
        buffer_swap(e, &parts->extensions[parts->count - 1]);
        break;
    case LONGER:
        buffer_append(e, "", 1);
        break;
    case SHORTER:
        e->end -= buffer_len(e) > 2;
        break;
    case UNKNOWN_TYPE:
        e->bytes[e->start] = 0x7a;
        break;
    default:
        buffer_swap(e, &parts->extensions[0]);
        parts->count = 1;
    }
}

static void every_extension_edited(void)
{
    char name[LINE_MAX_LEN];

    for (size_t k = 0; k < KINDS; k++) {
        for (size_t i = 0;; i++) {
            struct parts parts = take_apart(&recorded[k]);

            if (i == EDITS * parts.count) {
                parts.without = true;
                try_parts(kinds[k].name, &parts);
                free_parts(&parts);
                break;
            }
            (void)snprintf(name, sizeof(name), "%s: extension %zu %s", kinds[k].name,
                number(
                    (const unsigned char *)buffer_data(&parts.extensions[i / EDITS]), 2),
                edit_names[i % EDITS]);
            edit(&parts, i / EDITS, (enum edit)(i % EDITS));
            try_parts(name, &parts);
            free_parts(&parts);
        }
    }
}

/* Instead of the one of that type, or besides. */
static const struct bytes extensions[] = {
    BYTES("\0\0\0\0"), /* server_name: empty list */
    BYTES("\0\0\0\4\0\0\1a"), /* usual */
    BYTES("\0\0\0\5\0\0\2a."), /* a dot behind */
    BYTES("\0\0\0\4\1\0\1a"), /* another type of name */
    BYTES("\0\0\0\x08\0\0\1a\0\0\1b"), /* two names */
    BYTES("\0\0\0\5\0\0\2a\0"), /* NUL within */
    BYTES("\0\0\0\3\0\0\0"), /* empty name */
    BYTES("\0\1\1"), /* max_fragment_length 512 */
    BYTES("\0\1\5"),
    BYTES("\0\5\1\0\0\0\0"), /* status_request */
    BYTES("\0\5\2\0\0\0\0"),
    BYTES("\0\5\1\0\2\0\0\0\0"),
    BYTES("\0\5\1\0\0\0\1"),
    BYTES("\0\x0a\0\2\0\x1d"), /* one group each */
    BYTES("\0\x0a\0\2\0\x17"),
    BYTES("\0\x0a\0\2\0\x18"),
    BYTES("\0\x0a\0\2\0\x19"),
    BYTES("\0\x0a\0\4\0\x19\0\x18"),
    BYTES("\0\x0a\0\4\x1a\x1a\0\x1d"), /* GREASE */
    BYTES("\0\x0a\0\2\x11\xec"), /* a hybrid */
    BYTES("\0\x0a\0\0"),
    BYTES("\0\x0a\0\3\0\x1d\0"),
    BYTES("\0\x0b\1\0"), /* point formats */
    BYTES("\0\x0b\1\1"),
    BYTES("\0\x0b\2\1\0"),
    BYTES("\0\x0b\0"),
    BYTES("\0\x0d\0\2\4\3"), /* one scheme each */
    BYTES("\0\x0d\0\2\5\3"),
    BYTES("\0\x0d\0\2\6\3"),
    BYTES("\0\x0d\0\2\x08\4"),
    BYTES("\0\x0d\0\2\x08\5"),
    BYTES("\0\x0d\0\2\x08\6"),
    BYTES("\0\x0d\0\2\4\1"),
    BYTES("\0\x0d\0\2\5\1"),
    BYTES("\0\x0d\0\2\6\1"),
    BYTES("\0\x0d\0\2\2\1"), /* SHA-1 */
    BYTES("\0\x0d\0\2\2\3"),
    BYTES("\0\x0d\0\2\x08\7"), /* Ed25519 */
    BYTES("\0\x0d\0\2\x08\x09"), /* rsa_pss_pss_sha256 */
    BYTES("\0\x0d\0\4\4\1\x08\4"),
    BYTES("\0\x0d\0\4\x08\4\4\3"),
    BYTES("\0\x0d\0\0"),
    BYTES("\0\x0f\1"), /* heartbeat */
    BYTES("\0\x10\0\3\2h2"), /* ALPN: nothing in common */
    BYTES("\0\x10\0\x09\x08http/1.0"),
    BYTES("\0\x10\0\x12\x08http/1.0\x08http/1.1"),
    BYTES("\0\x10\0\1\0"),
    BYTES("\0\x10\0\0"),
    BYTES("\0\x15\0\0\0\0"), /* padding */
    BYTES("\0\x16"), /* encrypt_then_mac */
    BYTES("\0\x1b\2\0\2"), /* compress_certificate */
    BYTES("\0\x1c\x40\0"), /* record_size_limit */
    BYTES("\0\x1c\0\1"),
    BYTES("\0\x23"), /* session_ticket */
    BYTES("\0\x23rubbish that is no ticket of anybody's but as long as one may be"),
    BYTES("\0\x29\0\7\0\1x\0\0\0\0\0\x21\x20"
          "01234567890123456789012345678901"), /* pre_shared_key of nobody */
    BYTES("\0\x29\0\7\0\1x\0\0\0\0\0\1\0"),
    BYTES("\0\x2a"), /* early_data */
    BYTES("\0\x2b\2\3\4"), /* supported_versions */
    BYTES("\0\x2b\2\3\3"),
    BYTES("\0\x2b\4\3\4\3\3"),
    BYTES("\0\x2b\4\3\3\3\2"),
    BYTES("\0\x2b\2\3\2"),
    BYTES("\0\x2b\2\3\5"),
    BYTES("\0\x2b\4\x7f\x1c\3\3"),
    BYTES("\0\x2b\0"),
    BYTES("\0\x2b\3\3\4\3"),
    BYTES("\0\x2c\0\1x"), /* cookie */
    BYTES("\0\x2d\1\1"), /* psk_key_exchange_modes */
    BYTES("\0\x2d\1\0"),
    BYTES("\0\x2d\2\0\1"),
    BYTES("\0\x2d\0"),
    BYTES("\0\x2f\0\2\0\0"), /* certificate_authorities */
    BYTES("\0\x31"), /* post_handshake_auth */
    BYTES("\0\x32\0\2\4\3"), /* signature_algorithms_cert */
    BYTES("\0\x33\0\0"), /* key_share: none */
    BYTES("\0\x33\0\4\0\x1d\0\0"),
    BYTES("\0\x33\0\5\0\x1d\0\1x"),
    BYTES("\0\x33\0\x24\0\x1d\0\x20\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
          "\0\0\0\0\0\0"), /* the base point of X25519 */
    BYTES("\0\x33\0\x24\0\x1d\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
          "\0\0"
          "\0\0\0"), /* of low order */
    BYTES("\0\x33\0\x24\0\x1d\0\x20\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
          "\0\0"
          "\0\0\0"),
    BYTES("\x33\x74"), /* next protocol negotiation */
    BYTES("\xff\1\0"), /* renegotiation_info */
    BYTES("\xff\1\1x"),
    BYTES("\xff\1"),
    BYTES("\x5a\x5a"), /* GREASE */
    BYTES("\x12\x34rubbish"),
};

static void extensions_of_all_kinds(void)
{
    char name[LINE_MAX_LEN];

    for (size_t k = 0; k < KINDS; k++) {
        for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
            struct parts parts = take_apart(&recorded[k]);

            put_in(&parts, extensions[i]);
            (void)snprintf(name, sizeof(name), "%s: extension %zu, case %zu",
                kinds[k].name, number((const unsigned char *)extensions[i].at, 2), i);
            try_parts(name, &parts);
            free_parts(&parts);
        }
    }
}

static const struct bytes suite_lists[] = {
    BYTES(""),
    BYTES("\x13\1"),
    BYTES("\x13\2"),
    BYTES("\x13\3"),
    BYTES("\x13\4"),
    BYTES("\x13\3\x13\1"),
    BYTES("\x13\1\x13\3"),
    BYTES("\x0a\x0a\x13\3\x13\1\x13\2"), /* GREASE, then ChaCha20 */
    BYTES("\x0a\x0a\x13\1\x13\3\xcc\xa8\xc0\x2f"),
    BYTES("\xcc\xa8\xc0\x2f\xc0\x30"),
    BYTES("\xcc\xa9\xc0\x2b"),
    BYTES("\x1a\x1a\xcc\xa9\xc0\x2b"),
    BYTES("\x12\x34\xcc\xa9\xc0\x2b"),
    BYTES("\xc0\x2b"),
    BYTES("\xc0\x2c"),
    BYTES("\xc0\x2f"),
    BYTES("\xc0\x30"),
    BYTES("\xc0\x2f\xc0\x2b\xc0\x30\xc0\x2c"),
    BYTES("\0\x9d\0\x3d\0\x35"), /* RSA key exchange */
    BYTES("\xc0\x14\xc0\x0a"), /* CBC */
    BYTES("\xc0\x30\x56\0"), /* fallback SCSV */
    BYTES("\x13\1\x56\0"),
    BYTES("\xc0\x30\0\xff"), /* renegotiation SCSV */
    BYTES("\x13\1\0\xff"),
    BYTES("\xc0\x30\xc0\x30\xc0"),
    BYTES("\xc0\x30\xc0\x2f\xcc\xa8\x13\1"),
};

static void suites_of_all_kinds(void)
{
    char name[LINE_MAX_LEN];

    for (size_t k = 0; k < KINDS; k++) {
        for (size_t i = 0; i < sizeof(suite_lists) / sizeof(suite_lists[0]); i++) {
            struct parts parts = take_apart(&recorded[k]);

            buffer_clear(&parts.suites);
            buffer_append(&parts.suites, suite_lists[i].at, suite_lists[i].len);
            (void)snprintf(name, sizeof(name), "%s: suites, case %zu", kinds[k].name, i);
            try_parts(name, &parts);
            free_parts(&parts);
        }
    }
}

static void heads_of_all_kinds(void)
{
    static const struct bytes compressions[] = {
        BYTES(""), BYTES("\0"), BYTES("\1"), BYTES("\1\0"), BYTES("\0\1"), BYTES("\0\0")};
    static const unsigned char versions[][2] = {{3, 0}, {3, 1}, {3, 2}, {3, 3}, {3, 4},
        {3, 5}, {2, 3}, {4, 3}, {0, 0}, {0xff, 0xff}};
    static const size_t ids[] = {0, 1, 31, 32, 33, 255};
    static const struct bytes only_12 = BYTES("\0\x2b\2\3\3");
    char name[LINE_MAX_LEN];

    for (size_t k = 0; k < KINDS; k++) {
        for (size_t i = 0; i < 6 + 10 + 6 + 10; i++) {
            struct parts parts = take_apart(&recorded[k]);

            if (i < 6) {
                buffer_clear(&parts.compressions);
                buffer_append(
                    &parts.compressions, compressions[i].at, compressions[i].len);
            } else if (i < 16) {
                memcpy(parts.version, versions[i - 6], 2);
            } else if (i >= 22) {
                memcpy(parts.version, versions[i - 22], 2);
                put_in(&parts, only_12);
            } else {
                buffer_clear(&parts.id);
                while (buffer_len(&parts.id) < ids[i - 16])
                    buffer_append(&parts.id, "i", 1);
            }
            (void)snprintf(name, sizeof(name), "%s: head, case %zu", kinds[k].name, i);
            try_parts(name, &parts);
            free_parts(&parts);
        }
    }
}

/* Cut short, in two records, with more behind. */
static void records_of_all_kinds(void)
{
    unsigned char copy[2 * HELLO_MAX];
    char name[LINE_MAX_LEN];

    for (size_t k = 0; k < KINDS; k++) {
        const struct recorded *r = &recorded[k];

        try(kinds[k].name, r->record, r->len);
        for (size_t i = 1; i < r->len - RECORD_HEADER; i += 1 + i / 7) {
            (void)snprintf(name, sizeof(name), "%s: cut after %zu", kinds[k].name, i);
            try(name, r->record, i);
            (void)snprintf(name, sizeof(name), "%s: split at %zu", kinds[k].name, i);
            memcpy(copy, r->record, RECORD_HEADER + i);
            copy[3] = (unsigned char)(i >> 8);
            copy[4] = (unsigned char)i;
            memcpy(copy + RECORD_HEADER + i, r->record, 3);
            copy[RECORD_HEADER + i + 3] =
                (unsigned char)((r->len - RECORD_HEADER - i) >> 8);
            copy[RECORD_HEADER + i + 4] = (unsigned char)(r->len - RECORD_HEADER - i);
            memcpy(copy + 2 * RECORD_HEADER + i, r->record + RECORD_HEADER + i,
                r->len - RECORD_HEADER - i);
            try(name, copy, r->len + RECORD_HEADER);
        }
        memcpy(copy, r->record, r->len);
        memcpy(copy + r->len, r->record, r->len);
        (void)snprintf(name, sizeof(name), "%s: twice", kinds[k].name);
        try(name, copy, 2 * r->len);
    }
}

static const struct meant nothing[] = {{0}};

/* Without a session id the client does not care for middleboxes, and the ChangeCipherSpec
 * for them that OpenSSL sends all the same is left out (RFC 8446, D.4). */
static const struct meant no_middlebox[] = {
    {"usual: head, case 16", NULL, NULL}, {"named: head, case 16", NULL, NULL}, {0}};

#define COMPARE(cases, meant)                                                            \
    static void cases##_mean_the_same(void **state)                                      \
    {                                                                                    \
        (void)state;                                                                     \
        compare(#cases, cases, meant);                                                   \
    }
COMPARE(every_byte_changed, nothing)
COMPARE(every_extension_edited, nothing)
COMPARE(extensions_of_all_kinds, nothing)
COMPARE(suites_of_all_kinds, nothing)
COMPARE(heads_of_all_kinds, no_middlebox)
COMPARE(records_of_all_kinds, nothing)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_changed_mean_the_same),
        cmocka_unit_test(every_extension_edited_mean_the_same),
        cmocka_unit_test(extensions_of_all_kinds_mean_the_same),
        cmocka_unit_test(suites_of_all_kinds_mean_the_same),
        cmocka_unit_test(heads_of_all_kinds_mean_the_same),
        cmocka_unit_test(records_of_all_kinds_mean_the_same),
    };

    return cmocka_run_group_tests(tests, record_hellos, free_keys);
}
