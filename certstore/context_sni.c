#include <string.h>
#include <strings.h>

#include <openssl/ssl.h>

#include "certstore/context.h"
#include "certstore/context_parts.h"
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

/* A wildcard stands for exactly one label (RFC 9525 section 6.3). */
static bool matches(const char *pattern, const char *name)
{
    const char *dot;

    if (strncmp(pattern, "*.", 2) != 0)
        return strcasecmp(pattern, name) == 0;
    dot = strchr(name, '.');
    return dot != NULL && dot != name && strcasecmp(pattern + 1, dot) == 0;
}

/* An exact name wins over a wildcard. */
static const struct sni_choice *choose(
    const struct context_state *state, const char *name)
{
    const struct sni_choice *best = NULL;

    for (size_t i = 0; i < state->choice_count; i++) {
        const struct sni_choice *choice = &state->choices[i];

        if (!matches(choice->name, name))
            continue;
        if (choice->name[0] != '*')
            return choice;
        if (best == NULL)
            best = choice;
    }
    return best;
}

/* SSL_set_SSL_CTX() takes over certificates, ciphers, ALPN and trust, but not what
 * SSL_new() copied into the session (openssl/openssl#13208): that is set again here. */
static bool move_to(SSL *ssl, SSL_CTX *context)
{
    const struct context_state *state = context_state(context);

    if (SSL_get_SSL_CTX(ssl) == context)
        return true;
    if (SSL_set_SSL_CTX(ssl, context) == NULL)
        return false;
    (void)SSL_clear_options(ssl, SSL_get_options(ssl));
    (void)SSL_set_options(ssl, SSL_CTX_get_options(context));
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context), NULL);
    SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(context));
    return SSL_set_min_proto_version(ssl, SSL_CTX_get_min_proto_version(context)) == 1 &&
        SSL_set1_groups_list(ssl, state->policy.groups) == 1 &&
        SSL_set_ciphersuites(ssl, state->policy.ciphersuites) == 1;
}

static int on_client_hello(SSL *ssl, int *alert, void *data)
{
    const struct context_state *state = data;
    char name[CLIENT_HELLO_NAME_MAX + 1];
    const struct sni_choice *choice = host_name(ssl, name) ? choose(state, name) : NULL;

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
    choice = choose(context_state(fallback), text);
    return choice != NULL ? choice->context : fallback;
}

void context_set_sni(SSL_CTX *fallback, const struct sni_choice *choices, size_t count)
{
    struct context_state *state = context_state(fallback);

    state->choices = choices;
    state->choice_count = count;
    for (size_t i = 0; i < count; i++)
        context_state(choices[i].context)->owner = choices[i].owner;
    SSL_CTX_set_client_hello_cb(fallback, on_client_hello, state);
}
