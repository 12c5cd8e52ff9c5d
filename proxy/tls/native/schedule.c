#include "proxy/tls/native/schedule.h"

#include <string.h>

#include <openssl/crypto.h>

#include "proxy/crypto/traffic.h"

static const unsigned char zeros[DIGEST_MAX];

/* HKDF-Extract: the result is the secret. */
static void extract(struct schedule *schedule, const unsigned char *salt,
    const unsigned char *input, size_t input_len)
{
    const struct digest *digest = schedule->digest;
    const struct digest_part part = {
        input != NULL ? input : zeros, input != NULL ? input_len : digest->len};
    unsigned char secret[DIGEST_MAX];

    digest_key_init(&schedule->secret, digest, salt, digest->len);
    digest_key_mac(&schedule->secret, &part, 1, secret);
    digest_key_init(&schedule->secret, digest, secret, digest->len);
    OPENSSL_cleanse(secret, sizeof(secret));
}

void schedule_begin(
    struct schedule *schedule, const struct digest *digest, const unsigned char *psk)
{
    schedule->digest = digest;
    extract(schedule, zeros, psk, digest->len);
}

void schedule_enter(
    struct schedule *schedule, const unsigned char *input, size_t input_len)
{
    unsigned char salt[DIGEST_MAX];

    schedule_derive(schedule, "derived", schedule->digest->of_nothing, salt);
    extract(schedule, salt, input, input_len);
    OPENSSL_cleanse(salt, sizeof(salt));
}

void schedule_derive(const struct schedule *schedule, const char *label,
    const unsigned char *messages, unsigned char *derived)
{
    size_t len = schedule->digest->len;

    traffic_expand_by(&schedule->secret, label, messages, len, derived, len);
}

void schedule_verify_data(const struct digest *digest, const unsigned char *secret,
    const unsigned char *messages, unsigned char *data)
{
    const struct digest_part part = {messages, digest->len};
    unsigned char key[DIGEST_MAX];

    (void)traffic_expand(digest, secret, "finished", key, digest->len);
    (void)digest_hmac(digest, (struct digest_part){key, digest->len}, &part, 1, data);
    OPENSSL_cleanse(key, sizeof(key));
}

void schedule_psk(const struct digest *digest, const unsigned char *resumption_secret,
    const unsigned char *nonce, size_t nonce_len, unsigned char *psk)
{
    struct digest_key key;

    digest_key_init(&key, digest, resumption_secret, digest->len);
    traffic_expand_by(&key, "resumption", nonce, nonce_len, psk, digest->len);
    digest_key_wipe(&key);
}
