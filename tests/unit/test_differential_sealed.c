/* Records of a TLS 1.3 client under its handshake keys, valid or not, against OpenSSL's
 * handshake and ours: both end alike, with the same alert. */
#include "tests/unit/differential_rig.h"

#include "proxy/crypto/digest.h"
#include "proxy/crypto/traffic.h"

enum {
    KEY = 16,
    IV = 12,
    TAG = 16,
    FINISHED = 36, /* with its header */
    LONGEST = 16640
};

static SSL_CTX *clients;
static SSL *client;
static unsigned char finished[FINISHED];

/* The client's direction. */
static struct {
    unsigned char key[KEY], iv[IV];
    unsigned char sequence;
} way;

static unsigned char nibble(char c)
{
    return (unsigned char)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* "LABEL <client random> <secret>" */
static void on_secret(const SSL *ssl, const char *line)
{
    const char *hex = strrchr(line, ' ') + 1;
    const struct digest *digest = digest_find("SHA256");
    unsigned char secret[DIGEST_MAX];

    (void)ssl;
    if (strncmp(line, "CLIENT_HANDSHAKE_TRAFFIC_SECRET ", 32) != 0)
        return;
    assert_int_equal(strlen(hex), 2 * digest->len);
    for (size_t i = 0; i < digest->len; i++)
        secret[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    assert_true(traffic_expand(digest, secret, "key", way.key, KEY));
    assert_true(traffic_expand(digest, secret, "iv", way.iv, IV));
    way.sequence = 0;
}

static int start(void **state)
{
    digests_start();
    clients = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(clients, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_keylog_callback(clients, on_secret);
    return make_service_keys(state);
}

static int stop(void **state)
{
    SSL_CTX_free(clients);
    return free_service_keys(state);
}

/* Seals or opens; the tag stands behind the text in `to`. */
static void cipher(bool seals, const unsigned char *header, const unsigned char *from,
    size_t len, unsigned char *to, unsigned char *tag)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    unsigned char nonce[IV];
    int n;

    memcpy(nonce, way.iv, IV);
    nonce[IV - 1] ^= way.sequence;
    assert_int_equal(
        EVP_CipherInit_ex(context, EVP_aes_128_gcm(), NULL, way.key, nonce, seals), 1);
    assert_int_equal(EVP_CipherUpdate(context, NULL, &n, header, RECORD_HEADER), 1);
    assert_int_equal(EVP_CipherUpdate(context, to, &n, from, (int)len), 1);
    if (!seals)
        assert_int_equal(
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, tag), 1);
    assert_int_equal(EVP_CipherFinal_ex(context, to + n, &n), 1);
    if (seals)
        assert_int_equal(
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG, tag), 1);
    EVP_CIPHER_CTX_free(context);
}

/* The client has sent all it sends by itself: keeps its Finished. */
static void take_finished(void)
{
    unsigned char plain[FINISHED + 1], *bytes;
    long len = BIO_get_mem_data(SSL_get_wbio(client), (char **)&bytes);
    unsigned char *record = bytes + len - (RECORD_HEADER + FINISHED + 1 + TAG);

    assert_true(len >= RECORD_HEADER + FINISHED + 1 + TAG);
    cipher(false, record, record + RECORD_HEADER, sizeof(plain), plain,
        record + RECORD_HEADER + sizeof(plain));
    memcpy(finished, plain, FINISHED);
    assert_int_equal(finished[0], 20);
}

/* Runs up to the client's second flight. */
static void begin_client(void)
{
    char *bytes;

    client = SSL_new(clients);
    SSL_set_min_proto_version(client, TLS1_3_VERSION);
    SSL_set_ciphersuites(client, "TLS_AES_128_GCM_SHA256");
    assert_int_equal(SSL_set1_groups_list(client, "P-256"), 1);
    SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client);
    side_begin();
    (void)SSL_do_handshake(client);
    long len = BIO_get_mem_data(SSL_get_wbio(client), &bytes);
    side_feed((const unsigned char *)bytes, (size_t)len);
    (void)BIO_reset(SSL_get_wbio(client));
    BIO_write(SSL_get_rbio(client), buffer_data(&side.out), (int)buffer_len(&side.out));
    assert_int_equal(SSL_do_handshake(client), 1);
    take_finished();
}

static void say(int type, const unsigned char *bytes, size_t len)
{
    static unsigned char plain[LONGEST], record[RECORD_HEADER + LONGEST + TAG];
    size_t body = len + 1 + TAG;
    const unsigned char header[] = {
        23, 3, 3, (unsigned char)(body >> 8), (unsigned char)body};

    assert_true(len < LONGEST);
    memcpy(plain, bytes, len);
    plain[len] = (unsigned char)type;
    memcpy(record, header, RECORD_HEADER);
    cipher(true, header, plain, len + 1, record + RECORD_HEADER,
        record + RECORD_HEADER + len + 1);
    way.sequence++;
    side_feed(record, RECORD_HEADER + body);
}

static void end_client(const char *name)
{
    char line[LINE_MAX_LEN];

    (void)snprintf(line, sizeof(line), "%d %s alert=%d received=%d", side.code,
        side.tls->open ? "open" : "not open", side.tls->alert_sent,
        side.tls->alert_received);
    note(name, line);
    SSL_free(client);
    side_end();
}

struct said {
    const char *name;
    int type;
    const char *bytes;
    size_t len;
};
#define SAID(name, type, text)                                                           \
    {                                                                                    \
        name, type, text, sizeof(text) - 1                                               \
    }

static const struct said strange[] = {
    SAID("close_notify", 21, "\1\0"),
    SAID("fatal close_notify", 21, "\2\0"),
    SAID("user_canceled", 21, "\1\x5a"),
    SAID("handshake_failure", 21, "\2\x28"),
    SAID("a warning", 21, "\1\x28"),
    SAID("an alert nobody knows", 21, "\2\xfa"),
    SAID("no_renegotiation", 21, "\1\x64"),
    SAID("alert of one byte", 21, "\1"),
    SAID("alert of three bytes", 21, "\1\0\0"),
    SAID("two alerts", 21, "\1\x5a\1\x5a"),
    SAID("empty alert", 21, ""),
    SAID("ChangeCipherSpec", 20, "\1"),
    SAID("application data", 23, "ping"),
    SAID("empty application data", 23, ""),
    SAID("nothing but padding", 0, ""),
    SAID("nothing but more padding", 0, "\0\0\0\0"),
    SAID("padded alert", 0, "\1\0\x15\0\0\0"),
    SAID("another type", 99, "ping"),
    SAID("heartbeat", 24, "\1\0\0"),
    SAID("empty handshake", 22, ""),
    SAID("HelloRequest", 22, "\0\0\0\0"),
    SAID("ClientHello", 22, "\1\0\0\0"),
    SAID("ServerHello", 22, "\2\0\0\0"),
    SAID("NewSessionTicket", 22, "\4\0\0\0"),
    SAID("EndOfEarlyData", 22, "\5\0\0\0"),
    SAID("EncryptedExtensions", 22, "\x08\0\0\2\0\0"),
    SAID("Certificate", 22, "\x0b\0\0\4\0\0\0\0"),
    SAID("CertificateRequest", 22, "\x0d\0\0\3\0\0\0"),
    SAID("CertificateVerify", 22, "\x0f\0\0\4\4\1\0\0"),
    SAID("ClientKeyExchange", 22, "\x10\0\0\0"),
    SAID("KeyUpdate", 22, "\x18\0\0\1\0"),
    SAID("message_hash", 22, "\xfe\0\0\0"),
    SAID("a message nobody knows", 22, "\x63\0\0\0"),
    SAID("a long message nobody knows", 22, "\x63\xff\xff\xff"),
    SAID("empty Finished", 22, "\x14\0\0\0"),
    SAID("Finished of 64", 22, "\x14\0\0\x40"),
    SAID("Finished of 65", 22, "\x14\0\0\x41"),
    SAID("longest Finished", 22, "\x14\xff\xff\xff"),
    SAID("wrong Finished", 22,
        "\x14\0\0\x20"
        "01234567890123456789012345678901"),
    SAID("short Finished", 22,
        "\x14\0\0\x1f"
        "0123456789012345678901234567890"),
    SAID("long Finished", 22,
        "\x14\0\0\x21"
        "012345678901234567890123456789012"),
    SAID("Finished of SHA-384", 22,
        "\x14\0\0\x30"
        "012345678901234567890123456789012345678901234567"),
    SAID("part of a message", 22, "\x14\0"),
};
enum { STRANGE = sizeof(strange) / sizeof(strange[0]) };

static void say_strange(const struct said *said)
{
    say(said->type, (const unsigned char *)said->bytes, said->len);
}

/* Before the Finished, within it, in its record. */
static void strange_cases(void)
{
    static const size_t times[] = {1, 5, 40};
    unsigned char joined[512];
    char name[LINE_MAX_LEN];

    for (size_t i = 0; i < STRANGE; i++) {
        const struct said *said = &strange[i];

        for (size_t t = 0; t < sizeof(times) / sizeof(times[0]); t++) {
            begin_client();
            for (size_t k = 0; k < times[t]; k++)
                say_strange(said);
            say(22, finished, FINISHED);
            (void)snprintf(name, sizeof(name), "%s, %zu times", said->name, times[t]);
            end_client(name);
        }
        begin_client();
        say(22, finished, 10);
        say_strange(said);
        say(22, finished + 10, FINISHED - 10);
        (void)snprintf(name, sizeof(name), "%s within", said->name);
        end_client(name);
        begin_client();
        memcpy(joined, finished, FINISHED);
        memcpy(joined + FINISHED, said->bytes, said->len);
        say(22, joined, FINISHED + said->len);
        (void)snprintf(name, sizeof(name), "%s behind", said->name);
        end_client(name);
        begin_client();
        memcpy(joined, said->bytes, said->len);
        memcpy(joined + said->len, finished, FINISHED);
        say(22, joined, FINISHED + said->len);
        (void)snprintf(name, sizeof(name), "%s in front", said->name);
        end_client(name);
    }
}

static void finished_cases(void)
{
    static unsigned char padded[LONGEST];
    static const size_t paddings[] = {
        0, 1, 255, 16384 - FINISHED - 1, 16384 - FINISHED, 16384 - FINISHED + 1};
    char name[LINE_MAX_LEN];

    for (size_t i = 0; i < 8 * FINISHED; i++) {
        begin_client();
        finished[i / 8] ^= (unsigned char)(1 << i % 8);
        say(22, finished, FINISHED);
        (void)snprintf(name, sizeof(name), "bit %zu flipped", i);
        end_client(name);
    }
    for (size_t i = 1; i < FINISHED; i++) {
        begin_client();
        say(22, finished, i);
        say(22, finished + i, FINISHED - i);
        (void)snprintf(name, sizeof(name), "split at %zu", i);
        end_client(name);
    }
    begin_client();
    for (size_t i = 0; i < FINISHED; i++)
        say(22, finished + i, 1);
    end_client("byte by byte");
    for (size_t i = 0; i < sizeof(paddings) / sizeof(paddings[0]); i++) {
        begin_client();
        memset(padded, 0, sizeof(padded));
        memcpy(padded, finished, FINISHED);
        padded[FINISHED] = 22;
        say(0, padded, FINISHED + 1 + paddings[i]);
        (void)snprintf(name, sizeof(name), "padded by %zu", paddings[i]);
        end_client(name);
    }
    begin_client();
    say(22, finished, FINISHED);
    say(23, (const unsigned char *)"ping", 4);
    end_client("handshake keys after it");
    begin_client();
    say(22, finished, FINISHED);
    say(22, finished, FINISHED);
    end_client("twice");
    begin_client();
    way.sequence = 1;
    say(22, finished, FINISHED);
    end_client("out of order");
}

#define REFUSED(alert) "-2 not open alert=" #alert " received=-1"
#define WITHIN(name)                                                                     \
    {                                                                                    \
        name " within", NULL, REFUSED(10)                                                \
    }

/* OpenSSL 3.0 accepts an alert in the middle of a handshake message, where nothing may
 * come (RFC 8446, 5.1). */
static const struct meant interleaved[] = {
    WITHIN("close_notify"),
    WITHIN("fatal close_notify"),
    WITHIN("user_canceled"),
    WITHIN("handshake_failure"),
    WITHIN("a warning"),
    WITHIN("an alert nobody knows"),
    WITHIN("no_renegotiation"),
    WITHIN("padded alert"),
    {0},
};

/* It also lets padding make a record longer than allowed (5.4). */
static const struct meant too_long[] = {
    {"padded by 16348", NULL, REFUSED(22)}, {"padded by 16349", NULL, REFUSED(22)}, {0}};

DIFFERENTIAL_TEST(strange_cases_end_alike, strange_cases, interleaved)
DIFFERENTIAL_TEST(finished_cases_end_alike, finished_cases, too_long)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strange_cases_end_alike),
        cmocka_unit_test(finished_cases_end_alike),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
