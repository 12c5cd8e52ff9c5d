#include "proxy/tls/native/handshake.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "proxy/tls/native/handshake_version.h"

enum {
    FALLBACK_SCSV = 0x5600,
    KEY_EXCHANGE_MAX = 2048, /* OpenSSL's limits of messages */
    FINISHED_MAX = 64,
};

static const char *find_protocol(const char *const *ours, struct bytes offered)
{
    for (; *ours != NULL; ours++) {
        size_t len = strlen(*ours);

        for (size_t at = 0; at < offered.len; at += 1U + offered.at[at]) {
            if (offered.at[at] == len && memcmp(offered.at + at + 1, *ours, len) == 0)
                return *ours;
        }
    }
    return NULL;
}

/* False: there is none in common; OpenSSL refuses the handshake. */
static bool choose_protocol(struct handshake_start *start)
{
    if (start->policy->agreed->protocols == NULL || start->hello->protocols.at == NULL)
        return true;
    start->protocol =
        find_protocol(start->policy->agreed->protocols, start->hello->protocols);
    return start->protocol != NULL;
}

/* Newer versions of OpenSSL answer it (RFC 8449); we do not. */
static bool answers_record_size_limit(void)
{
    return OPENSSL_version_major() > 3 ||
        (OPENSSL_version_major() == 3 && OPENSSL_version_minor() > 5);
}

static bool prepare(struct handshake_start *start, SSL_CTX *context)
{
    const struct hello *hello = start->hello;

    if (policy_of(context) == NULL)
        return false; /* else its names would not be looked at */
    start->context = hello->host_name.at != NULL
        ? context_by_name(context, hello->host_name.at, hello->host_name.len)
        : context;
    start->policy = policy_of(start->context);
    start->shown =
        start->policy != NULL ? policy_of(context_shown(start->context)) : NULL;
    return start->shown != NULL && !hello_lists(hello->suites, FALLBACK_SCSV) &&
        !hello->has_certificate_schemes &&
        !(hello->has_record_size_limit && answers_record_size_limit()) &&
        choose_protocol(start);
}

/* A client that offers SSL 3 is refused, whatever else it offers: RFC 8446, D.5. */
static const struct handshake_version *choose_version(const struct handshake_start *start)
{
    if (start->hello->legacy_version <= SSL3_VERSION)
        return NULL;
    if (start->policy->allows_13 && start->hello->offers_13)
        return &handshake_13;
    return start->policy->allows_12 && start->hello->offers_12 ? &handshake_12 : NULL;
}

struct handshake *handshake_begin(SSL_CTX *context, const unsigned char *message,
    size_t len, struct handshake_output *output)
{
    struct hello hello;
    struct handshake_start start = {.hello = &hello, .output = output};
    const struct handshake_version *version;

    if (!hello_read(&hello, message, len) || !prepare(&start, context))
        return NULL;
    version = choose_version(&start);
    return version != NULL ? version->begin(&start) : NULL;
}

void handshake_free(struct handshake *handshake)
{
    if (handshake == NULL)
        return;
    SSL_CTX *context = handshake->context, *shown = handshake->shown;

    free(handshake->host_name);
    handshake->version->free(handshake); /* withdraws its operations */
    SSL_CTX_free(context);
    SSL_CTX_free(shown);
}

bool handshake_keys_are_ready(const struct handshake *handshake)
{
    return handshake->waits_for == 0;
}

void handshake_go_on(struct handshake *handshake)
{
    assert(handshake->state == HANDSHAKE_AWAITS_KEYS);
    assert(handshake->waits_for == 0);
    handshake->version->go_on(handshake);
}

bool handshake_expects(struct handshake *handshake, unsigned char type, size_t len)
{
    enum machine_input input = machine_message(type);
    size_t most = input == MACHINE_CLIENT_KEY_EXCHANGE ? KEY_EXCHANGE_MAX : FINISHED_MAX;

    if (machine_action(handshake->machine, input) != MACHINE_TAKE)
        return handshake_fail(
            handshake, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_MESSAGE);
    return len <= most ||
        handshake_fail(handshake, SSL_AD_ILLEGAL_PARAMETER, SSL_R_EXCESSIVE_MESSAGE_SIZE);
}

void handshake_message(
    struct handshake *handshake, const unsigned char *message, size_t len, bool ends)
{
    handshake->version->message(handshake, message, len, ends);
}

void handshake_change_cipher_spec(struct handshake *handshake)
{
    if (machine_action(handshake->machine, MACHINE_CHANGE_CIPHER_SPEC) == MACHINE_TAKE)
        handshake->version->change_cipher_spec(handshake);
    else
        (void)handshake_fail(
            handshake, SSL_AD_UNEXPECTED_MESSAGE, SSL_R_UNEXPECTED_MESSAGE);
}
