#include "bench/load/tally.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

void tally_error(struct load_result *result, const char *during, const char *what)
{
    unsigned long error = ERR_peek_last_error();

    if (result->errors++ == 0)
        snprintf(result->first_error, sizeof(result->first_error), "%s: %s", during,
            error != 0 ? ERR_reason_error_string(error) : what);
    ERR_clear_error();
}

void tally_handshake(struct load_result *result, SSL *ssl)
{
    result->handshakes++;
    result->resumed += SSL_session_reused(ssl) ? 1 : 0;
    if (result->protocol[0] != '\0')
        return;
    snprintf(result->protocol, sizeof(result->protocol), "%s", SSL_get_version(ssl));
    snprintf(result->cipher, sizeof(result->cipher), "%s", SSL_get_cipher_name(ssl));
    snprintf(result->group, sizeof(result->group), "%s",
        OBJ_nid2sn((int)SSL_get_negotiated_group(ssl)));
}

static struct shown *find_shown(struct load_result *result, const ASN1_INTEGER *serial)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(serial);
    size_t len = (size_t)ASN1_STRING_length(serial);
    struct shown *one = result->shown;

    for (; one < result->shown + result->shown_count; one++) {
        if (one->serial_len == len && memcmp(one->serial, bytes, len) == 0)
            return one;
    }
    if (result->shown_count == CERTIFICATES_MAX || len > SERIAL_MAX)
        return NULL;
    one->serial_len = len;
    memcpy(one->serial, bytes, len);
    result->shown_count++;
    return one;
}

void tally_certificate(struct load_result *result, SSL *ssl, double at)
{
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    struct shown *shown =
        leaf != NULL ? find_shown(result, X509_get0_serialNumber(leaf)) : NULL;

    if (shown == NULL)
        return;
    if (shown->count++ == 0)
        shown->first = at;
    shown->last = at;
}
