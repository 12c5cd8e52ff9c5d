/* Bytes as a ClientHello: for its reader, and for a handshake that begins with it and
 * continues until it needs more from the client. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "proxy/crypto/engine.h"
#include "proxy/tls/native/handshake.h"
#include "tests/unit/service.h"

static struct service service;

static bool inside(const struct hello *hello, struct bytes span)
{
    return span.at == NULL ||
        (span.at >= hello->message.at &&
            span.at + span.len <= hello->message.at + hello->message.len);
}

/* The result lies within the message, and its lists are whole. */
static void check(const struct hello *hello)
{
    const struct bytes all[] = {hello->session_id, hello->suites, hello->host_name,
        hello->groups, hello->signature_schemes, hello->key_shares, hello->protocols,
        hello->ticket, hello->identities, hello->binders};
    struct bytes rest = hello->key_shares, item, identities = hello->identities,
                 binders = hello->binders;
    uint16_t group;
    uint32_t age;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        assert(inside(hello, all[i]));
    while (hello_next_share(&rest, &group, &item))
        assert(inside(hello, item) && hello_lists(hello->groups, group));
    assert(rest.len == 0 && hello->until_binders <= hello->message.len);
    while (hello_next_identity(&identities, &item, &age))
        assert(inside(hello, item) && hello_next_binder(&binders, &item));
    assert(identities.len == 0 && binders.len == 0);
    assert(hello->host_name.len == 0 ||
        memchr(hello->host_name.at, '\0', hello->host_name.len) == NULL);
}

static bool on_messages(
    struct handshake_output *output, const unsigned char *bytes, size_t len)
{
    (void)output;
    for (size_t at = 0; at < len;) { /* whole ones */
        assert(len - at >= 4);
        at += 4 +
            ((size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 | bytes[at + 3]);
        assert(at <= len);
    }
    return true;
}

static bool on_change_cipher_spec(struct handshake_output *output)
{
    (void)output;
    return true;
}

static bool on_keys(struct handshake_output *output, const struct handshake_keys *keys)
{
    (void)output;
    assert(keys->suite != NULL);
    return true;
}

static void on_told(struct handshake_output *output)
{
    (void)output;
}

static void start(void)
{
    struct error err;

    if (!engine_start(ENGINE_AUTO, &err))
        abort();
    service_engine = "native";
    service_make(&service, "wlb", "", "P-256");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct handshake_output output = {
        on_messages, on_change_cipher_spec, on_keys, on_keys, on_told, false};
    struct hello hello;
    struct handshake *handshake;

    if (service.context == NULL)
        start();
    if (hello_read(&hello, data, size))
        check(&hello);
    handshake = handshake_begin(service.context, data, size, &output);
    while (handshake != NULL && handshake->state == HANDSHAKE_AWAITS_KEYS) {
        if (handshake_keys_are_ready(handshake))
            handshake_go_on(handshake);
        else
            engine_run();
    }
    handshake_free(handshake);
    ERR_clear_error();
    return 0;
}
