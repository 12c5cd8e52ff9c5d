/*
 * xenserver.h - judges whether XenServer's client would accept a chain, by the rules of
 * its stunnel (verify=2, verifyPeer, verifyChain, always with checkHost), and tells what
 * the administrator of the pool must type. Pure.
 */
#ifndef WLBPROXY_CERTSTORE_JUDGE_XENSERVER_H
#define WLBPROXY_CERTSTORE_JUDGE_XENSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <openssl/types.h>

struct stack_st_X509;

enum xenserver_release {
    XENSERVER_8_2, /* verify = 2 */
    XENSERVER_PEER, /* XAPI 21.x to 24.39: verifyPeer = yes */
    XENSERVER_CHAIN, /* XAPI 24.40 and later: verifyChain = yes */
    XENSERVER_RELEASES,
};

/* "Citrix Hypervisor 8.2 (verify=2)" */
const char *xenserver_release_name(enum xenserver_release release);

/* ECDHE-RSA accepts an RSA-PSS key as well, for OpenSSL and so for XenServer. */
bool xenserver_takes_key(const EVP_PKEY *key);

struct xenserver_verdict {
    bool accepted;
    char reason[320]; /* one sentence, also when it is accepted */
};

/* `chain`: the certificates sent after the leaf, may be NULL. `installed`: the
 * certificates in the pool's store. `address`: the text of the host in the pool's WLB
 * URL. */
struct xenserver_verdict xenserver_judge(enum xenserver_release release, X509 *leaf,
    const struct stack_st_X509 *chain, const char *address,
    const struct stack_st_X509 *installed, time_t now);

/* The same where only the CA has the root: the issuer of the last certificate that a
 * client reaches counts as a root, and as installed; the reason names it. */
struct xenserver_verdict xenserver_judge_rootless(enum xenserver_release release,
    X509 *leaf, const struct stack_st_X509 *chain, const char *address, time_t now);

/* A server's certificates as XenServer sees them, all borrowed. */
struct xenserver_offer {
    X509 *leaf;
    const struct stack_st_X509 *chain; /* sent after the leaf; may be NULL */
    const struct stack_st_X509 *unsent; /* roots in the file that are not sent, or NULL */
};

/* The verdict in a prepared pool, in which the certificate that xenserver_to_install()
 * names is installed. *install becomes that certificate; NULL if it is not in the
 * file. */
struct xenserver_verdict xenserver_judge_prepared(enum xenserver_release release,
    const struct xenserver_offer *offer, const char *address, time_t now, X509 **install);

/* True if XenServer, in a prepared pool and by some name of the certificate, could verify
 * `served` and cannot verify `fresh`; then `reason` is a sentence for a person. An
 * intermediate that `served` sends and `fresh` lacks counts. */
bool xenserver_loses(const struct xenserver_offer *served,
    const struct xenserver_offer *fresh, time_t now, char *reason, size_t size);

/* The chain rule alone, in a prepared pool, whatever the kind of key and the names. */
bool xenserver_verifies(enum xenserver_release release,
    const struct xenserver_offer *offer, time_t now, char *reason, size_t size);

/* XAPI's host rule: X509_check_host() with the text, be it a name or an address; it never
 * looks at IP alternative names. `reason` is a sentence for a person. */
bool xenserver_host_matches(X509 *leaf, const char *address, char *reason, size_t size);

/* The names by which XenServer's client could know it, comma separated: the DNS names,
 * else the CN. Where there is neither: the IP names, none of which will do. */
void xenserver_names(const X509 *leaf, char *text, size_t size);

/* An address to try a name of a certificate with: the name itself, or one that its
 * wildcard matches. */
void xenserver_name_to_ask(const char *name, char *address, size_t size);

/* Returns the certificate that must be installed in the pool, borrowed; of several roots
 * one that works. NULL if it is not among them (then it is the root that
 * xenserver_judge_rootless() names). */
X509 *xenserver_to_install(enum xenserver_release release, X509 *leaf,
    const struct stack_st_X509 *chain, time_t now);

/* A file name for it that XAPI accepts: [A-Za-z0-9._-]+.pem, made unique by its
 * fingerprint. */
void xenserver_file_name(const X509 *certificate, char *name, size_t size);

/* The xe commands, a line each, for one file and the verification switch. */
void xenserver_commands(
    enum xenserver_release release, const char *file_name, char *text, size_t size);

#endif
