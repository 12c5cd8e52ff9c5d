#include "proxy/tls/native/ticket.h"

#include <string.h>

#include <openssl/crypto.h>

#include "certstore/context.h"
#include "proxy/crypto/digest.h"
#include "proxy/crypto/record_cipher.h"

enum {
    NAME = sizeof(((struct ticket_key *)0)->name),
    STATE = TICKET_STATE,
    FORMAT = 2 /* first byte of the state: changes with the layout */
};

static const unsigned char nonce[RECORD_NONCE]; /* each key seals one ticket */

static unsigned char *put(unsigned char *at, uint64_t value, size_t len)
{
    for (size_t i = len; i-- > 0; value >>= 8)
        at[i] = (unsigned char)value;
    return at + len;
}

static const unsigned char *get(const unsigned char *at, uint64_t *value, size_t len)
{
    *value = 0;
    while (len-- > 0)
        *value = *value << 8 | *at++;
    return at;
}

static void encode(const struct ticket *ticket, unsigned char state[STATE])
{
    unsigned char *at = state;

    at = put(at, FORMAT, 1);
    at = put(at, ticket->version, 2);
    at = put(at, ticket->suite, 2);
    at = put(at, ticket->group, 2);
    at = put(at, ticket->age_add, 4);
    at = put(at, ticket->secret_len, 1);
    memcpy(at, ticket->secret, TICKET_SECRET_MAX);
    session_bond_encode(&ticket->bond, at + TICKET_SECRET_MAX);
}

static bool decode(const unsigned char state[STATE], struct ticket *ticket)
{
    uint64_t format, version, suite, group, age_add, secret_len;
    const unsigned char *at = get(state, &format, 1);

    at = get(at, &version, 2);
    at = get(at, &suite, 2);
    at = get(at, &group, 2);
    at = get(at, &age_add, 4);
    at = get(at, &secret_len, 1);
    ticket->version = (uint16_t)version;
    ticket->suite = (uint16_t)suite;
    ticket->group = (uint16_t)group;
    ticket->age_add = (uint32_t)age_add;
    ticket->secret_len = (uint8_t)secret_len;
    memcpy(ticket->secret, at, TICKET_SECRET_MAX);
    session_bond_decode(&ticket->bond, at + TICKET_SECRET_MAX);
    return format == FORMAT && secret_len <= TICKET_SECRET_MAX;
}

static void show_name(const struct ticket_key *key, unsigned char name[NAME])
{
    for (size_t i = 0; i < NAME; i++)
        name[i] = (unsigned char)~key->name[i];
}

/* A name on the wire is public, and so is whether we know it: no constant time is
 * needed. */
static const struct ticket_key *find_key(
    const struct ticket_keys *keys, uint64_t now, const unsigned char *shown)
{
    unsigned char name[NAME];

    for (uint32_t i = 0; i < keys->count; i++) {
        show_name(&keys->keys[i], name);
        if (memcmp(name, shown, NAME) == 0)
            return ticket_key_opens(&keys->keys[i], now) ? &keys->keys[i] : NULL;
    }
    return NULL;
}

static bool make_key(const struct ticket_key *key, const unsigned char *salt, bool seals,
    struct record_key *own)
{
    static const char label[] = "wlbproxy ticket";
    const struct digest_part parts[] = {{label, sizeof(label)}, {salt, TICKET_SALT}};
    unsigned char bytes[DIGEST_MAX];
    bool done = digest_hmac(digest_find("SHA2-256"),
        (struct digest_part){key->native, sizeof(key->native)}, parts, 2, bytes);

    if (done)
        record_key_init(own, RECORD_AES_256_GCM, seals, bytes);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return done;
}

bool ticket_is_possible(const struct ticket_keys *keys, uint64_t now)
{
    return ticket_key_to_seal(keys, now) != NULL;
}

bool ticket_seal(const struct ticket_keys *keys, const struct ticket *ticket,
    const unsigned char salt[TICKET_SALT], unsigned char sealed[TICKET_LEN])
{
    unsigned char state[STATE];
    struct record_text text = {nonce, sealed, NAME, state, STATE};
    struct record_key own;
    bool done;

    if (!make_key(&keys->keys[0], salt, true, &own))
        return false;
    show_name(&keys->keys[0], sealed);
    memcpy(sealed + NAME, salt, TICKET_SALT);
    encode(ticket, state);
    done = record_seal(&own, &text, NULL, sealed + NAME + TICKET_SALT);
    record_key_destroy(&own);
    OPENSSL_cleanse(state, sizeof(state));
    return done;
}

static bool open_with(
    const struct ticket_key *key, const unsigned char *sealed, struct ticket *ticket)
{
    unsigned char state[STATE];
    struct record_text text = {
        nonce, sealed, NAME, sealed + NAME + TICKET_SALT, STATE + RECORD_TAG};
    struct record_key own;
    bool done;

    if (!make_key(key, sealed + NAME, false, &own))
        return false;
    done = record_open(&own, &text, state) && decode(state, ticket);
    record_key_destroy(&own);
    OPENSSL_cleanse(state, sizeof(state));
    return done;
}

enum ticket_verdict ticket_open(const struct ticket_keys *keys, uint64_t now,
    const unsigned char *sealed, size_t len, struct ticket *ticket)
{
    const struct ticket_key *key = len == TICKET_LEN ? find_key(keys, now, sealed) : NULL;

    if (key == NULL || !open_with(key, sealed, ticket)) {
        ticket_wipe(ticket);
        return TICKET_UNKNOWN;
    }
    return key == &keys->keys[0] ? TICKET_OPENED : TICKET_OPENED_BY_OLD_KEY;
}

void ticket_wipe(struct ticket *ticket)
{
    OPENSSL_cleanse(ticket, sizeof(*ticket));
}
