#include "certstore/judge/xenserver.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "proxy/base/memory.h"

enum { AUTH_LEVEL = 2, NAME_PART_MAX = 48, NAMES_TEXT_MAX = 4096 };

static const char *const release_names[XENSERVER_RELEASES] = {
    [XENSERVER_8_2] = "Citrix Hypervisor 8.2 (verify=2)",
    [XENSERVER_PEER] = "XAPI 21.x to 24.39 (verifyPeer)",
    [XENSERVER_CHAIN] = "XAPI 24.40 and later (verifyChain)",
};

const char *xenserver_release_name(enum xenserver_release release)
{
    return release_names[release];
}

static bool has_address(X509 *leaf, const char *address)
{
    return X509_check_ip_asc(leaf, address, 0) == 1;
}

bool xenserver_host_matches(X509 *leaf, const char *address, char *reason, size_t size)
{
    char names[512], title[160];

    if (X509_check_host(leaf, address, 0, 0, NULL) == 1) {
        (void)snprintf(reason, size, "the certificate is for %s", address);
        return true;
    }
    certificate_names(leaf, names, sizeof(names));
    certificate_title(leaf, title, sizeof(title));
    if (has_address(leaf, address))
        (void)snprintf(reason, size,
            "%s is only an IP name of the certificate, and XenServer does not look at "
            "those",
            address);
    else if (strcasecmp(title, address) == 0 && certificate_has_dns_name(leaf))
        (void)snprintf(reason, size,
            "the CN is %s, but it does not count beside DNS names (%.100s)", address,
            names);
    else
        (void)snprintf(
            reason, size, "the certificate is for %.150s, not for %s", names, address);
    return false;
}

void xenserver_names(const X509 *leaf, char *text, size_t size)
{
    certificate_dns_names(leaf, text, size);
    if (*text == '\0')
        certificate_common_name(leaf, text, size);
    if (*text == '\0')
        certificate_names(leaf, text, size);
}

void xenserver_name_to_ask(const char *name, char *address, size_t size)
{
    bool wild = strncmp(name, "*.", 2) == 0;

    (void)snprintf(address, size, "%s%s", wild ? "wlb" : "", wild ? name + 1 : name);
}

/* stunnel's verifyPeer overlooks an unknown CA, and no other fault of the leaf. */
static int on_verify_peer(int ok, X509_STORE_CTX *store)
{
    int error = X509_STORE_CTX_get_error(store);

    return ok || X509_STORE_CTX_get_error_depth(store) > 0 ||
        error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
        error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
        error == X509_V_ERR_CERT_UNTRUSTED;
}

static bool contains(const STACK_OF(X509) * certificates, const X509 *wanted)
{
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        if (X509_cmp(sk_X509_value(certificates, i), wanted) == 0)
            return true;
    }
    return false;
}

static X509_STORE *make_store(const STACK_OF(X509) * installed)
{
    X509_STORE *store = memory_checked(X509_STORE_new());

    for (int i = 0; i < sk_X509_num(installed); i++)
        (void)X509_STORE_add_cert(store, sk_X509_value(installed, i));
    return store;
}

/* Returns the last certificate of the verified path, among those that were given. */
static X509 *end_of_way(X509_STORE_CTX *context, X509 *leaf)
{
    STACK_OF(X509) *way = X509_STORE_CTX_get0_chain(context);
    int len = sk_X509_num(way);

    return len > 0 ? sk_X509_value(way, len - 1) : leaf;
}

/* Returns X509_V_OK or the reason. *end, unless NULL: the end of the path. */
static int verify(enum xenserver_release release, X509 *leaf,
    const STACK_OF(X509) * chain, const STACK_OF(X509) * installed, time_t now,
    unsigned long flags, X509 **end)
{
    X509_STORE *store = make_store(installed);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    STACK_OF(X509) *sent = chain == NULL ? NULL : sk_X509_dup(chain);
    X509_VERIFY_PARAM *param;
    int error = X509_V_ERR_UNSPECIFIED;

    memory_require(
        context != NULL && X509_STORE_CTX_init(context, store, leaf, sent) == 1);
    (void)X509_STORE_CTX_set_default(context, "ssl_server");
    param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(param, now);
    X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
    (void)X509_VERIFY_PARAM_set_flags(param, flags);
    if (release == XENSERVER_PEER)
        X509_STORE_CTX_set_verify_cb(context, on_verify_peer);
    if (X509_verify_cert(context) == 1)
        error = X509_V_OK;
    else if (X509_STORE_CTX_get_error(context) != X509_V_OK)
        error = X509_STORE_CTX_get_error(context);
    if (end != NULL)
        *end = end_of_way(context, leaf);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    sk_X509_free(sent);
    ERR_clear_error();
    return error;
}

static void explain(int error, char *text, size_t size)
{
    const char *words = X509_verify_cert_error_string(error);

    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        words = "the chain does not reach a root that is installed in the pool: an "
                "intermediate is not sent, or the root is not installed";
        break;
    case X509_V_ERR_SUBJECT_ISSUER_MISMATCH:
        words = "OpenSSL finds no issuer of a certificate that has the issuer's own "
                "name, or an extension that cannot be read";
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        words = "the root of the chain is not installed in the pool";
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        words = "the certificate is self-signed and not installed in the pool";
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        words = "the certificate, or one of its chain, has expired";
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        words = "the certificate, or one of its chain, is not valid yet";
        break;
    case X509_V_ERR_INVALID_PURPOSE:
        words = "the certificate is not one for servers (extended key usage)";
        break;
    default:
        break;
    }
    (void)snprintf(text, size, "%s", words);
}

bool xenserver_takes_key(const EVP_PKEY *key)
{
    return key != NULL && (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"));
}

static bool takes_key(X509 *leaf, struct xenserver_verdict *verdict)
{
    if (xenserver_takes_key(X509_get0_pubkey(leaf)))
        return true;
    (void)snprintf(verdict->reason, sizeof(verdict->reason),
        "XenServer's client needs a certificate with an RSA key");
    return false;
}

struct xenserver_verdict xenserver_judge(enum xenserver_release release, X509 *leaf,
    const struct stack_st_X509 *chain, const char *address,
    const struct stack_st_X509 *installed, time_t now)
{
    struct xenserver_verdict verdict = {0};
    int error;

    if (!takes_key(leaf, &verdict))
        return verdict;
    error = verify(release, leaf, chain, installed, now, 0, NULL);
    if (error != X509_V_OK)
        explain(error, verdict.reason, sizeof(verdict.reason));
    else if (release == XENSERVER_PEER && !contains(installed, leaf))
        (void)snprintf(verdict.reason, sizeof(verdict.reason),
            "this release wants the server's own certificate installed in the pool; a "
            "CA's "
            "is not enough");
    else
        verdict.accepted =
            xenserver_host_matches(leaf, address, verdict.reason, sizeof(verdict.reason));
    return verdict;
}

/* Returns the certificate that a client reaches with the sent ones alone. Where several
 * issuers have one name, only OpenSSL knows its choice: the first that is valid now. */
static X509 *top_of(X509 *leaf, const STACK_OF(X509) * chain, time_t now)
{
    X509 *top = leaf;

    (void)verify(XENSERVER_CHAIN, leaf, chain, NULL, now, 0, &top);
    return top;
}

static int verify_with(enum xenserver_release release, X509 *leaf,
    const STACK_OF(X509) * chain, X509 *anchor, time_t now, unsigned long flags)
{
    STACK_OF(X509) *anchors = memory_checked(sk_X509_new_null());
    int error;

    memory_require(sk_X509_push(anchors, anchor) != 0);
    error = verify(release, leaf, chain, anchors, now, flags, NULL);
    sk_X509_free(anchors); /* the certificate is borrowed */
    return error;
}

/* Tells whether OpenSSL finds no issuer of it, whatever is installed: it cannot read an
 * extension, or takes it for self-signed, because the issuer has the same name. */
static bool stands_alone(X509 *certificate)
{
    uint32_t flags = X509_get_extension_flags(certificate);

    return (flags & EXFLAG_INVALID) != 0 ||
        ((flags & EXFLAG_SS) != 0 && !certificate_is_self_signed(certificate));
}

/* As if the issuer of `top`, the last that is sent, were installed. */
static int verify_up_to(enum xenserver_release release, X509 *leaf,
    const STACK_OF(X509) * chain, X509 *top, time_t now)
{
    if (stands_alone(top))
        return X509_V_ERR_SUBJECT_ISSUER_MISMATCH;
    return verify_with(release, leaf, chain, top, now, X509_V_FLAG_PARTIAL_CHAIN);
}

struct xenserver_verdict xenserver_judge_rootless(enum xenserver_release release,
    X509 *leaf, const struct stack_st_X509 *chain, const char *address, time_t now)
{
    struct xenserver_verdict verdict = {0};
    char issuer[120], why[160];
    X509 *top = top_of(leaf, chain, now);
    int error;

    if (!takes_key(leaf, &verdict))
        return verdict;
    error = verify_up_to(release, leaf, chain, top, now);
    certificate_issuer(top, issuer, sizeof(issuer));
    verdict.accepted =
        error == X509_V_OK && xenserver_host_matches(leaf, address, why, sizeof(why));
    if (error != X509_V_OK)
        explain(error, verdict.reason, sizeof(verdict.reason));
    else if (!verdict.accepted)
        (void)snprintf(verdict.reason, sizeof(verdict.reason), "%s", why);
    else
        (void)snprintf(verdict.reason, sizeof(verdict.reason),
            "if %s is a root and installed in the pool; it is not in the file", issuer);
    return verdict;
}

X509 *xenserver_to_install(enum xenserver_release release, X509 *leaf,
    const struct stack_st_X509 *chain, time_t now)
{
    X509 *top;

    if (release == XENSERVER_PEER || certificate_is_self_signed(leaf))
        return leaf;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *root = sk_X509_value(chain, i);

        if (certificate_is_self_signed(root) &&
            verify_with(release, leaf, chain, root, now, 0) == X509_V_OK)
            return root;
    }
    /* None does. Its own root may be present all the same, without OpenSSL using it. */
    top = top_of(leaf, chain, now);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *root = sk_X509_value(chain, i);

        if (certificate_is_self_signed(root) && certificate_issued(root, top))
            return root;
    }
    return NULL;
}

/* The certificates are borrowed; the caller frees the stack. */
static STACK_OF(X509) * all_of(const struct xenserver_offer *offer)
{
    STACK_OF(X509) *all = memory_checked(sk_X509_new_null());

    for (int i = 0; i < sk_X509_num(offer->chain); i++)
        (void)sk_X509_push(all, sk_X509_value(offer->chain, i));
    for (int i = 0; i < sk_X509_num(offer->unsent); i++)
        (void)sk_X509_push(all, sk_X509_value(offer->unsent, i));
    return all;
}

struct xenserver_verdict xenserver_judge_prepared(enum xenserver_release release,
    const struct xenserver_offer *offer, const char *address, time_t now, X509 **install)
{
    STACK_OF(X509) *all = all_of(offer), *installed;
    struct xenserver_verdict verdict;

    *install = xenserver_to_install(release, offer->leaf, all, now);
    sk_X509_free(all);
    if (*install == NULL)
        return xenserver_judge_rootless(release, offer->leaf, offer->chain, address, now);
    installed = memory_checked(sk_X509_new_null());
    memory_require(sk_X509_push(installed, *install) != 0);
    verdict =
        xenserver_judge(release, offer->leaf, offer->chain, address, installed, now);
    sk_X509_free(installed);
    return verdict;
}

bool xenserver_verifies(enum xenserver_release release,
    const struct xenserver_offer *offer, time_t now, char *reason, size_t size)
{
    STACK_OF(X509) *all = all_of(offer);
    X509 *install = xenserver_to_install(release, offer->leaf, all, now);
    int error = install != NULL
        ? verify_with(release, offer->leaf, offer->chain, install, now, 0)
        : verify_up_to(release, offer->leaf, offer->chain,
              top_of(offer->leaf, offer->chain, now), now);

    sk_X509_free(all);
    explain(error, reason, size);
    return error == X509_V_OK;
}

/* True if one of its names is accepted; else *verdict is that of the first name. */
static bool is_usable(enum xenserver_release release, const struct xenserver_offer *offer,
    time_t now, struct xenserver_verdict *verdict)
{
    char names[NAMES_TEXT_MAX], *rest = names, *name;
    X509 *install;

    *verdict = (struct xenserver_verdict){.reason = "the certificate has no name"};
    xenserver_names(offer->leaf, names, sizeof(names));
    for (bool first = true; (name = strsep(&rest, ",")) != NULL; first = false) {
        char address[NAMES_TEXT_MAX + 4];
        struct xenserver_verdict one;

        xenserver_name_to_ask(name, address, sizeof(address));
        one = xenserver_judge_prepared(release, offer, address, now, &install);

        if (one.accepted || first)
            *verdict = one;
        if (one.accepted)
            return true;
    }
    return false;
}

static X509 *issuer_among(const STACK_OF(X509) * certificates, X509 *subject)
{
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        X509 *one = sk_X509_value(certificates, i);

        if (certificate_issued(one, subject))
            return one;
    }
    return NULL;
}

static bool has_intermediate(const struct xenserver_offer *offer)
{
    for (int i = 0; i < sk_X509_num(offer->chain); i++) {
        if (!certificate_is_self_signed(sk_X509_value(offer->chain, i)))
            return true;
    }
    return false;
}

/* The chain of `served` distinguishes a root, which a pool has, from an intermediate,
 * which it lacks. For an issuer that `served` does not have, one case is sure: a leaf
 * alone, where one came with its intermediates, is `cert.pem` instead of
 * `fullchain.pem`. */
static bool lacks_intermediate(const struct xenserver_offer *served,
    const struct xenserver_offer *fresh, time_t now, char *reason, size_t size)
{
    X509 *top = top_of(fresh->leaf, fresh->chain, now), *issuer;
    STACK_OF(X509) *known = all_of(served);
    char title[160], missing[160];
    bool lacks;

    issuer = issuer_among(known, top);
    lacks = !certificate_is_self_signed(top) &&
        issuer_among(fresh->unsent, top) == NULL &&
        (issuer != NULL ? !certificate_is_self_signed(issuer)
                        : top == fresh->leaf && has_intermediate(served));
    sk_X509_free(known);
    if (!lacks)
        return false;
    certificate_title(top, title, sizeof(title));
    certificate_issuer(top, missing, sizeof(missing));
    (void)snprintf(reason, size,
        "the intermediate that issued the certificate of %s (%s) is not sent any more",
        title, missing);
    return true;
}

bool xenserver_loses(const struct xenserver_offer *served,
    const struct xenserver_offer *fresh, time_t now, char *reason, size_t size)
{
    struct xenserver_verdict verdict;

    for (int r = 0; r < XENSERVER_RELEASES; r++) {
        if (!is_usable((enum xenserver_release)r, served, now, &verdict) ||
            is_usable((enum xenserver_release)r, fresh, now, &verdict))
            continue;
        (void)snprintf(reason, size, "%s", verdict.reason);
        return true;
    }
    return is_usable(XENSERVER_CHAIN, served, now, &verdict) &&
        !certificate_is_self_signed(served->leaf) &&
        /* The served chain may lack it, too: then nothing is lost. */
        !lacks_intermediate(served, served, now, reason, size) &&
        lacks_intermediate(served, fresh, now, reason, size);
}

void xenserver_file_name(const X509 *certificate, char *name, size_t size)
{
    char title[NAME_PART_MAX], sha256[65];

    certificate_title(certificate, title, sizeof(title));
    certificate_sha256(certificate, sha256);
    for (char *c = title; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && *c != '.' && *c != '-')
            *c = '_';
    }
    (void)snprintf(name, size, "%s%s-%.8s.pem",
        title[0] == '.' || title[0] == '-' ? "wlb" : "", title, sha256);
}

void xenserver_commands(
    enum xenserver_release release, const char *file_name, char *text, size_t size)
{
    (void)snprintf(text, size,
        "xe %s filename=%s\n"
        "xe pool-certificate-sync\n"
        "xe pool-param-set wlb-verify-cert=true uuid=$(xe pool-list --minimal)\n",
        release == XENSERVER_8_2 ? "pool-certificate-install"
                                 : "pool-install-ca-certificate",
        file_name);
}
