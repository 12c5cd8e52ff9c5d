#include "certstore/context_choice.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/ssl.h>

#include "certstore/context.h"
#include "certstore/context_data.h"
#include "certstore/session.h"
#include "proxy/base/client_hello.h"

static void copy_name(
    char name[CLIENT_HELLO_NAME_MAX + 1], const unsigned char *from, size_t len)
{
    memcpy(name, from, len);
    name[len] = '\0';
    if (len > 1 && name[len - 1] == '.')
        name[len - 1] = '\0';
}

static bool host_name(SSL *ssl, char name[CLIENT_HELLO_NAME_MAX + 1])
{
    struct bytes body, found;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &body.at, &body.len) !=
            1 ||
        !client_hello_host_name(body, &found))
        return false;
    copy_name(name, found.at, found.len);
    return true;
}

bool context_host_digest(SSL *ssl, unsigned char *digest)
{
    char name[CLIENT_HELLO_NAME_MAX + 1];

    return host_name(ssl, name) ? session_host(digest, name, strlen(name))
                                : session_host(digest, "", 0);
}

static int by_name(const void *a, const void *b)
{
    return strcasecmp(
        ((const struct sni_choice *)a)->name, ((const struct sni_choice *)b)->name);
}

static const struct sni_choice *find(const struct context_data *data, const char *name)
{
    struct sni_choice wanted = {.name = name};

    if (data->choice_count == 0)
        return NULL;
    return bsearch(&wanted, data->choices, data->choice_count, sizeof(wanted), by_name);
}

/* An exact name wins over a wildcard, which stands for exactly one label (RFC 9525
 * section 6.3). */
static const struct sni_choice *choose(const struct context_data *data, const char *name)
{
    const struct sni_choice *exact = name[0] != '*' ? find(data, name) : NULL;
    const char *dot = strchr(name, '.');
    char pattern[CLIENT_HELLO_NAME_MAX + 2];

    if (exact != NULL || dot == NULL || dot == name)
        return exact;
    pattern[0] = '*';
    memcpy(pattern + 1, dot, strlen(dot) + 1);
    return find(data, pattern);
}

/* SSL_set_SSL_CTX() takes over certificates, ciphers, ALPN and trust, but not what
 * SSL_new() copied into the session (openssl/openssl#13208). That is set again here. */
static bool move_to(SSL *ssl, SSL_CTX *context)
{
    const struct context_data *data = context_data(context);

    if (SSL_get_SSL_CTX(ssl) == context)
        return true;
    if (SSL_set_SSL_CTX(ssl, context) == NULL)
        return false;
    (void)SSL_clear_options(ssl, SSL_get_options(ssl));
    (void)SSL_set_options(ssl, SSL_CTX_get_options(context));
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context), NULL);
    SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(context));
    (void)SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(context));
    return SSL_set_min_proto_version(ssl, SSL_CTX_get_min_proto_version(context)) == 1 &&
        SSL_set1_groups_list(ssl, data->policy.groups) == 1 &&
        SSL_set_ciphersuites(ssl, data->policy.ciphersuites) == 1;
}

static int on_client_hello(SSL *ssl, int *alert, void *data)
{
    char name[CLIENT_HELLO_NAME_MAX + 1];
    const struct sni_choice *choice = host_name(ssl, name) ? choose(data, name) : NULL;

    if (choice == NULL || move_to(ssl, choice->context))
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

SSL_CTX *context_by_name(SSL_CTX *fallback, const unsigned char *name, size_t len)
{
    char text[CLIENT_HELLO_NAME_MAX + 1];
    const struct sni_choice *choice;

    if (len == 0 || len > CLIENT_HELLO_NAME_MAX)
        return fallback;
    copy_name(text, name, len);
    choice = choose(context_data(fallback), text);
    return choice != NULL ? choice->context : fallback;
}

void context_set_sni(SSL_CTX *fallback, struct sni_choice *choices, size_t count)
{
    struct context_data *data = context_data(fallback);

    qsort(choices, count, sizeof(*choices), by_name);
    data->choices = choices;
    data->choice_count = count;
    for (size_t i = 0; i < count; i++)
        context_data(choices[i].context)->owner = choices[i].owner;
    SSL_CTX_set_client_hello_cb(fallback, on_client_hello, data);
}

/* ---- certificates after a reload ---- */

static bool use_current_of(SSL *ssl, SSL_CTX *fresh)
{
    STACK_OF(X509) *chain = NULL;

    return SSL_CTX_get0_chain_certs(fresh, &chain) == 1 &&
        SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(fresh),
            SSL_CTX_get0_privatekey(fresh), chain, 1) == 1;
}

/* Runs when the ClientHello is complete (after a HelloRetryRequest, the second one) and a
 * certificate is about to be chosen. The session keeps its policy. */
static int on_certificate(SSL *ssl, void *data)
{
    const struct context_data *own = data;
    SSL_CTX *fresh = own->successor;
    long more;

    if (fresh == NULL)
        return 1;
    SSL_certs_clear(ssl);
    for (more = SSL_CTX_set_current_cert(fresh, SSL_CERT_SET_FIRST); more == 1;
         more = SSL_CTX_set_current_cert(fresh, SSL_CERT_SET_NEXT)) {
        if (!use_current_of(ssl, fresh))
            return 0;
    }
    return 1;
}

void context_show_successors(SSL_CTX *context)
{
    SSL_CTX_set_cert_cb(context, on_certificate, context_data(context));
}

void context_supersede(SSL_CTX *context, SSL_CTX *fresh)
{
    struct context_data *data = context_data(context);

    SSL_CTX_up_ref(fresh);
    SSL_CTX_free(data->successor);
    data->successor = fresh;
}

SSL_CTX *context_shown(SSL_CTX *context)
{
    SSL_CTX *successor = context_data(context)->successor;

    return successor != NULL ? successor : context;
}
