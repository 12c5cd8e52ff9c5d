#include "tests/fuzz/forging_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/crypto/prf.h"
#include "proxy/tls/native/policy.h"

enum { MESSAGE_HEADER = 4, ALERT = 21, HANDSHAKE = 22, KEY_UPDATE = 24 };

__attribute__((format(printf, 2, 3))) static void tell(
    struct forging_client *c, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(c->story + c->story_len, sizeof(c->story) - c->story_len, format, args);
    va_end(args);
    if (n > 0 && c->story_len + (size_t)n < sizeof(c->story))
        c->story_len += (size_t)n;
}

static size_t number(const unsigned char *at, size_t len)
{
    size_t value = 0;

    while (len-- > 0)
        value = value << 8 | *at++;
    return value;
}

static void put(unsigned char *at, uint64_t value, size_t len)
{
    for (; len > 0; value >>= 8)
        at[--len] = (unsigned char)value;
}

void forging_begin(struct forging_client *client, forging_send *send, void *owner)
{
    memset(client, 0, sizeof(*client));
    client->send = send;
    client->owner = owner;
    client->hears = true;
}

void forging_end(struct forging_client *client)
{
    forging_direction_end(&client->in);
    forging_direction_end(&client->out);
    buffer_destroy(&client->from);
    buffer_destroy(&client->transcript);
    buffer_destroy(&client->message);
    buffer_destroy(&client->held);
}

static void hash_so_far(const struct forging_client *c, unsigned char *hash)
{
    struct digest_state state;

    digest_begin(&state, c->digest);
    digest_add(&state, buffer_data(&c->transcript), buffer_len(&c->transcript));
    digest_so_far(&state, hash);
}

/* ---- records ---- */

void forging_say_raw(
    struct forging_client *client, const unsigned char *record, size_t len)
{
    client->send(client->owner, record, len);
}

bool forging_is_amid(const struct forging_client *client)
{
    return client->header_sent > 0;
}

static void on_sent(struct forging_client *c, unsigned char last)
{
    c->header_sent = 0;
    if (c->message_type == KEY_UPDATE && c->finished && last == 1)
        c->answer_due = true;
}

/* Finds out where messages end, in the bytes of handshake records. */
static void follow(struct forging_client *c, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (c->header_sent == 0) {
            c->message_type = bytes[i];
            c->message_len = 0;
        }
        if (c->header_sent == MESSAGE_HEADER)
            c->body_left--;
        else if (c->header_sent++ > 0)
            c->body_left = c->message_len = c->message_len << 8 | bytes[i];
        if (c->header_sent == MESSAGE_HEADER && c->body_left == 0)
            on_sent(c, bytes[i]);
    }
    c->at_header =
        c->message_len == 0 ? c->header_sent == 0 : c->body_left == c->message_len;
}

void forging_say(
    struct forging_client *client, int type, const unsigned char *bytes, size_t len)
{
    static unsigned char record[FORGING_RECORD_MAX];

    if (len > FORGING_PLAIN_MAX)
        len = FORGING_PLAIN_MAX;
    client->sent = type;
    client->malformed_alert = type == ALERT && (len != 2 || bytes[0] < 1 || bytes[0] > 2);
    if (type == HANDSHAKE)
        follow(client, bytes, len);
    if (client->out.sealed) {
        len = forging_seal(&client->out, type, bytes, len, client->padding, record);
        client->padding = 0;
        client->send(client->owner, record, len);
        return;
    }
    put(record, (uint64_t)type << 16 | 0x0303, 3);
    put(record + 3, len, 2);
    memcpy(record + FORGING_HEADER, bytes, len);
    client->send(client->owner, record, FORGING_HEADER + len);
}

/* ---- keys ---- */

static bool take_suite(struct forging_client *c, uint16_t id)
{
    const struct suite *suite = suite_find(id);

    c->suite = id;
    if (suite == NULL)
        return false;
    c->cipher = suite->cipher;
    c->digest = suite->digest;
    return true;
}

size_t forging_digest_len(uint16_t suite)
{
    return suite_find(suite)->digest->len;
}

static void begin_keys_13(struct forging_client *c)
{
    unsigned char shared[KEY_EXCHANGE_SECRET_MAX], hash[DIGEST_MAX], secret[DIGEST_MAX];
    size_t len = 0;

    if (c->peer_len > 0 && !forging_agree(c->group, c->peer, c->peer_len, shared, &len)) {
        c->lost = true;
        return;
    }
    schedule_begin(&c->schedule, c->digest, c->resumed ? c->offered->secret : NULL);
    schedule_enter(&c->schedule, c->peer_len > 0 ? shared : NULL, len);
    hash_so_far(c, hash);
    schedule_derive(&c->schedule, "s hs traffic", hash, secret);
    forging_use_secret(&c->in, c->cipher, c->digest, false, secret);
    schedule_derive(&c->schedule, "c hs traffic", hash, secret);
    forging_use_secret(&c->out, c->cipher, c->digest, true, secret);
}

static void begin_application_13(struct forging_client *c)
{
    unsigned char hash[DIGEST_MAX], secret[DIGEST_MAX];

    hash_so_far(c, hash);
    schedule_enter(&c->schedule, NULL, 0);
    schedule_derive(&c->schedule, "c ap traffic", hash, c->application);
    schedule_derive(&c->schedule, "s ap traffic", hash, secret);
    forging_use_secret(&c->in, c->cipher, c->digest, false, secret);
}

static struct digest_key master_key(const struct forging_client *c)
{
    struct digest_key key;

    digest_key_init(&key, c->digest, c->master, MASTER_12);
    return key;
}

static void make_block(struct forging_client *c)
{
    struct digest_key key = master_key(c);

    key_block_12(&key, c->client_random, c->server_random, c->block, sizeof(c->block));
}

/* RFC 5246, 8.1, or RFC 7627, 4. */
static void make_master(struct forging_client *c)
{
    const struct digest_part seed[] = {{"master secret", 13},
        {c->client_random, RANDOM_12}, {c->server_random, RANDOM_12}};
    unsigned char shared[KEY_EXCHANGE_SECRET_MAX], hash[DIGEST_MAX];
    struct digest_key key;
    size_t len = 0;

    if (!forging_agree(c->group, c->peer, c->peer_len, shared, &len)) {
        c->lost = true;
        return;
    }
    hash_so_far(c, hash);
    if (c->extended) {
        master_secret_12(c->digest, (struct digest_part){shared, len}, hash, c->master);
    } else {
        digest_key_init(&key, c->digest, shared, len);
        prf(&key, seed, 3, c->master, MASTER_12);
    }
    make_block(c);
}

/* RFC 5246, 6.3: the client's key, the server's, the client's IV, the server's. */
static void use_block(
    struct forging_client *c, struct forging_direction *direction, bool of_client)
{
    size_t key_len = record_key_len(c->cipher);
    size_t iv_len =
        forging_has_explicit_nonce(false, c->cipher) ? FORGING_FIXED : RECORD_NONCE;

    forging_use_key(direction, c->cipher, direction == &c->out,
        c->block + (of_client ? 0 : key_len),
        c->block + 2 * key_len + (of_client ? 0 : iv_len), iv_len);
}

void forging_change_keys(struct forging_client *client)
{
    if (client->lost || client->digest == NULL)
        return;
    if (!client->tls13)
        use_block(client, &client->out, true);
    else if (client->server_finished)
        forging_use_secret(
            &client->out, client->cipher, client->digest, true, client->application);
}

void forging_update_keys(struct forging_client *client)
{
    if (client->tls13 && client->finished)
        forging_use_next(&client->out);
}

void forging_binder(const struct forging_session *session, const unsigned char *hello,
    size_t len, unsigned char *binder)
{
    const struct digest *digest = suite_find(session->suite)->digest;
    const struct digest_part part = {hello, len};
    unsigned char hash[DIGEST_MAX], key[DIGEST_MAX];
    struct schedule schedule;

    (void)digest_parts(digest, &part, 1, hash);
    schedule_begin(&schedule, digest, session->secret);
    schedule_derive(&schedule, "res binder", digest->of_nothing, key);
    schedule_verify_data(digest, key, hash, binder);
}

/* ---- messages ---- */

size_t forging_key_exchange(struct forging_client *client, unsigned char *message)
{
    const struct key_exchange_group *group = forging_group(client->group);

    if (group == NULL || client->tls13)
        return 0;
    memcpy(message, "\x10\0\0", 3);
    message[3] = (unsigned char)(group->public_len + 1);
    message[4] = (unsigned char)group->public_len;
    key_exchange_encode(group, forging_key(client->group), message + 5);
    return 5 + group->public_len;
}

size_t forging_finished(const struct forging_client *client, unsigned char *message)
{
    unsigned char hash[DIGEST_MAX];
    struct digest_key key;
    size_t len;

    if (client->lost || client->digest == NULL)
        return 0;
    hash_so_far(client, hash);
    len = client->tls13 ? client->digest->len : VERIFY_DATA_12;
    memcpy(message, "\x14\0\0", 3);
    message[3] = (unsigned char)len;
    if (client->tls13) {
        schedule_verify_data(
            client->digest, client->out.secret, hash, message + MESSAGE_HEADER);
    } else {
        key = master_key(client);
        verify_data_12(&key, true, hash, message + MESSAGE_HEADER);
    }
    return MESSAGE_HEADER + len;
}

void forging_say_message(
    struct forging_client *client, const unsigned char *message, size_t len)
{
    buffer_append(&client->transcript, message, len);
    buffer_append(&client->held, message, len);
    if (client->holds)
        return;
    forging_say(client, HANDSHAKE, (const unsigned char *)buffer_data(&client->held),
        buffer_len(&client->held));
    buffer_clear(&client->held);
    if (len > 0 && message[0] == 16 && !client->resumed && client->digest != NULL)
        make_master(client);
}

/* Reads type, length and position of each extension in a list of that length. */
static void read_extensions(
    struct forging_client *c, const unsigned char *at, size_t len, bool hello)
{
    while (len >= 4 && 4 + number(at + 2, 2) <= len) {
        size_t type = number(at, 2), size = number(at + 2, 2);

        tell(c, " e%zu", type);
        if (hello && type == 43)
            c->tls13 = true;
        if (hello && type == 23)
            c->extended = true;
        if (hello && type == 41)
            c->resumed = true;
        if (hello && type == 51 && size >= 2)
            c->group = (uint16_t)number(at + 4, 2);
        if (hello && type == 51 && size > 4 && size - 4 <= sizeof(c->peer)) {
            c->peer_len = size - 4;
            memcpy(c->peer, at + 8, c->peer_len);
        }
        at += 4 + size;
        len -= 4 + size;
    }
}

static void on_server_hello(struct forging_client *c, const unsigned char *m, size_t len)
{
    static const unsigned char retry[] = {0xcf, 0x21, 0xad, 0x74};
    const unsigned char *end = m + len, *at = m + MESSAGE_HEADER + 2 + RANDOM_12;
    const struct forging_session *offered = c->offered;
    size_t id = *at;

    if (at + 1 + id + 5 > end)
        return;
    memcpy(c->server_random, m + MESSAGE_HEADER + 2, RANDOM_12);
    at += 1 + id;
    tell(c, " %04zx", number(at, 2));
    if (at + 5 <= end)
        read_extensions(c, at + 5, (size_t)(end - at - 5), true);
    c->retry = memcmp(c->server_random, retry, sizeof(retry)) == 0;
    c->lost = !take_suite(c, (uint16_t)number(at, 2)) || c->retry;
    tell(c, "%s", c->retry ? " retry" : "");
    c->resumed =
        c->tls13 ? c->resumed : offered != NULL && !offered->tls13 && id == RANDOM_12;
    if (c->resumed && offered == NULL)
        c->lost = true;
    if (c->lost)
        return;
    if (c->tls13) {
        begin_keys_13(c);
    } else if (c->resumed) {
        memcpy(c->master, offered->secret, MASTER_12);
        make_block(c);
    }
}

/* Keeps a session to resume, from a ticket. */
static void on_ticket(struct forging_client *c, const unsigned char *m, size_t len)
{
    struct forging_session *got = &c->got;
    const unsigned char *at = m + MESSAGE_HEADER + 4, *end = m + len, *nonce = NULL;
    size_t nonce_len = 0;
    unsigned char hash[DIGEST_MAX], secret[DIGEST_MAX];

    if (c->tls13) {
        got->age_add = (uint32_t)number(at, 4);
        nonce_len = at[4];
        nonce = at + 5;
        at = nonce + nonce_len;
    }
    if (at + 2 > end || number(at, 2) > FORGING_TICKET_MAX ||
        at + 2 + number(at, 2) > end)
        return;
    got->ticket_len = number(at, 2);
    memcpy(got->ticket, at + 2, got->ticket_len);
    got->suite = c->suite;
    got->tls13 = c->tls13;
    got->valid = got->ticket_len > 0;
    if (c->tls13) {
        hash_so_far(c, hash);
        schedule_derive(&c->schedule, "res master", hash, secret);
        schedule_psk(c->digest, secret, nonce, nonce_len, got->secret);
    } else {
        memcpy(got->secret, c->master, MASTER_12);
    }
}

static void on_message(struct forging_client *c, const unsigned char *m, size_t len)
{
    if (m[0] == KEY_UPDATE) { /* the server chooses when it comes (RFC 8446, 4.6.3) */
        forging_use_next(&c->in);
        c->answer_due = false;
        return;
    }
    /* OpenSSL 3.0 also sends a ticket to clients that cannot use one. */
    if (m[0] != 4 || !c->tls13 || c->may_resume)
        tell(c, " h%u", m[0]);
    if (m[0] == 4)
        on_ticket(c, m, len);
    if (m[0] != 4 || !c->tls13)
        buffer_append(&c->transcript, m, len);
    if (m[0] == 2)
        on_server_hello(c, m, len);
    else if (m[0] == 8)
        read_extensions(c, m + 6, len - 6, false);
    else if (m[0] == 12 && m[4] == 3) { /* a named curve (RFC 8422, 5.4) */
        c->group = (uint16_t)number(m + 5, 2);
        c->peer_len = m[7] <= sizeof(c->peer) ? m[7] : 0;
        memcpy(c->peer, m + 8, c->peer_len);
        tell(c, " g%u s%04zx", c->group, number(m + 8 + c->peer_len, 2));
    } else if (m[0] == 15)
        tell(c, " s%04zx", number(m + 4, 2));
    else if (m[0] == 20 && c->tls13 && !c->lost) {
        begin_application_13(c);
        c->server_finished = true;
    }
}

static void on_plain(
    struct forging_client *c, int type, const unsigned char *bytes, size_t len)
{
    if (type == 21 && len == 2)
        tell(c, " a%u,%u", bytes[0], bytes[1]);
    else if (type == 23) /* a KeyUpdate is answered before them */
        tell(c, " d%zu%s", len, c->answer_due ? " unanswered" : "");
    else if (type == 20 && !c->tls13 && !c->lost)
        use_block(c, &c->in, false);
    if (type != HANDSHAKE)
        return;
    buffer_append(&c->message, bytes, len);
    while (buffer_len(&c->message) >= MESSAGE_HEADER) {
        const unsigned char *m = (const unsigned char *)buffer_data(&c->message);
        size_t whole = MESSAGE_HEADER + number(m + 1, 3);

        if (whole > buffer_len(&c->message))
            return;
        on_message(c, m, whole);
        buffer_consume(&c->message, whole);
    }
}

static void on_record(struct forging_client *c, const unsigned char *record, size_t len)
{
    static unsigned char plain[FORGING_RECORD_MAX];
    int type = record[0];

    if (!c->in.sealed || (c->tls13 && type != 23)) {
        on_plain(c, type, record + FORGING_HEADER, len - FORGING_HEADER);
    } else if (forging_open(&c->in, record, &type, &len, plain)) {
        on_plain(c, type, plain, len);
    } else {
        tell(c, " ?");
        c->hears = false;
    }
}

void forging_listen(struct forging_client *client)
{
    struct buffer *from = &client->from;

    while (client->hears && buffer_len(from) >= FORGING_HEADER) {
        const unsigned char *at = (const unsigned char *)buffer_data(from);
        size_t len = FORGING_HEADER + number(at + 3, 2);

        if (len > buffer_len(from))
            return;
        on_record(client, at, len);
        buffer_consume(from, len);
    }
}

void forging_hello(struct forging_client *client, unsigned char *hello, size_t len)
{
    if (len >= MESSAGE_HEADER + 2 + RANDOM_12)
        memcpy(client->client_random, hello + MESSAGE_HEADER + 2, RANDOM_12);
    buffer_append(&client->transcript, hello, len);
    forging_say(client, HANDSHAKE, hello, len);
    forging_listen(client);
}
