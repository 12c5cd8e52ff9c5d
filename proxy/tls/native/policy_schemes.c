/* Which signatures a context makes: the machine may have its own list of them
 * (SignatureAlgorithms of config(5)). No function tells, but a client of the same context
 * would say it in its hello. */
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/tls/native/policy_parts.h"

enum { RECORD_HEADER = 5 };

/* OpenSSL's preference, of those that are ours. */
static const uint16_t usual[] = {
    0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601};
enum { SUPPORTED = sizeof(usual) / sizeof(usual[0]) };

static bool is_ours(uint16_t scheme)
{
    for (size_t i = 0; i < SUPPORTED; i++) {
        if (usual[i] == scheme)
            return true;
    }
    return false;
}

/* All of ours, in that order, whatever else is between them. */
static bool are_supported(struct span schemes)
{
    size_t found = 0;

    for (size_t i = 0; i + 2 <= schemes.len; i += 2) {
        uint16_t scheme = (uint16_t)(schemes.at[i] << 8 | schemes.at[i + 1]);

        if (!is_ours(scheme))
            continue;
        if (found == SUPPORTED || usual[found] != scheme)
            return false;
        found++;
    }
    return found == SUPPORTED;
}

static bool schemes_are_supported(SSL *client, BIO *said)
{
    struct hello hello;
    char *record;
    long len;

    (void)SSL_do_handshake(client);
    len = BIO_get_mem_data(said, &record);
    return len > RECORD_HEADER &&
        hello_read(&hello, (const unsigned char *)record + RECORD_HEADER,
            (size_t)len - RECORD_HEADER) &&
        are_supported(hello.signature_schemes);
}

bool policy_signature_is_supported(SSL_CTX *context)
{
    SSL *client = SSL_new(context);
    BIO *said = BIO_new(BIO_s_mem()), *nothing = BIO_new(BIO_s_mem());
    bool as_usual;

    if (client == NULL || said == NULL || nothing == NULL)
        abort();
    SSL_set_bio(client, nothing, said);
    SSL_set_connect_state(client);
    as_usual = SSL_set_ssl_method(client, TLS_client_method()) == 1 &&
        SSL_set_min_proto_version(client, TLS1_2_VERSION) == 1 &&
        schemes_are_supported(client, said);
    SSL_free(client);
    ERR_clear_error();
    return as_usual;
}
