/*
 * judge_rig.h - a root, a CA and a leaf, and what the judge is to find in texts of them.
 */
#ifndef WLBPROXY_TESTS_JUDGE_RIG_H
#define WLBPROXY_TESTS_JUDGE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "tests/unit/pki.h"

#define RSA "RSA:2048"

static struct {
    X509 *root, *mid, *cross, *leaf, *other;
    const char *root_pem, *mid_pem, *cross_pem, *leaf_pem, *other_pem, *key;
} world;

static inline int make_world(void **state)
{
    struct pki_request ca = {.subject = "Root", .ca = true, .to_days = 3000};
    X509 *old_root;

    (void)state;
    world.root = pki_certificate(&ca, pki_key(RSA, 1), NULL, NULL);
    ca.subject = "Middle";
    world.mid = pki_certificate(&ca, pki_key(RSA, 2), world.root, pki_key(RSA, 1));
    ca.subject = "Old root";
    old_root = pki_certificate(&ca, pki_key(RSA, 3), NULL, NULL);
    ca.subject = "Root";
    world.cross = pki_certificate(&ca, pki_key(RSA, 1), old_root, pki_key(RSA, 3));
    X509_free(old_root);
    world.leaf = pki_certificate(
        &(struct pki_request){.subject = "wlb.example", .alternative = "DNS:wlb.example"},
        pki_key(RSA, 0), world.mid, pki_key(RSA, 2));
    world.other = pki_certificate(
        &(struct pki_request){.subject = "other"}, pki_key(RSA, 4), NULL, NULL);
    world.root_pem = pki_pem(world.root);
    world.mid_pem = pki_pem(world.mid);
    world.cross_pem = pki_pem(world.cross);
    world.leaf_pem = pki_pem(world.leaf);
    world.other_pem = pki_pem(world.other);
    world.key = pki_key_pem(pki_key(RSA, 0));
    return 0;
}

static inline int free_world(void **state)
{
    (void)state;
    X509_free(world.root);
    X509_free(world.mid);
    X509_free(world.cross);
    X509_free(world.leaf);
    X509_free(world.other);
    return 0;
}

static inline bool judge_texts(const char *cert, size_t cert_len, const char *key,
    size_t key_len, bool send_root, struct judged_pair *pair, struct findings *findings)
{
    const struct judge_input input = {
        .cert_file = "server.pem",
        .cert_text = cert,
        .cert_len = cert_len,
        .key_file = key == NULL ? NULL : "server.key",
        .key_text = key,
        .key_len = key_len,
        .send_root = send_root,
        .now = PKI_NOW,
    };

    findings_init(findings);
    return judge_pair(&input, pair, findings);
}

static inline const struct finding *find(const struct findings *findings, const char *id)
{
    for (size_t i = 0; i < findings->count; i++) {
        if (strcmp(findings->items[i].id, id) == 0)
            return &findings->items[i];
    }
    return NULL;
}

static inline void print_findings(const struct findings *findings)
{
    char text[1024];

    for (size_t i = 0; i < findings->count; i++) {
        finding_sentence(&findings->items[i], text, sizeof(text));
        print_message("    %-24s %d %s\n", findings->items[i].id,
            (int)findings->items[i].severity, text);
    }
}

static inline void expect(const char *cert, size_t cert_len, const char *key,
    size_t key_len, const char *id, enum severity severity)
{
    struct findings findings;
    struct judged_pair pair;
    bool served = judge_texts(cert, cert_len, key, key_len, true, &pair, &findings);
    const struct finding *finding = find(&findings, id);

    if (finding == NULL || finding->severity != severity ||
        served != (findings_worst(&findings) < SEVERITY_REFUSED)) {
        print_message("  wanted: %s\n", id);
        print_findings(&findings);
        fail_msg("%s: %s", id, finding == NULL ? "not found" : "wrong severity");
    }
    if (severity == SEVERITY_REFUSED) {
        assert_non_null(finding->why);
        assert_non_null(finding->remedy);
        assert_null(strstr(finding->fact, "error:"));
    }
    judged_pair_destroy(&pair);
    findings_destroy(&findings);
}

static inline void expect_text(
    const char *cert, const char *key, const char *id, enum severity severity)
{
    expect(cert, strlen(cert), key, key == NULL ? 0 : strlen(key), id, severity);
}

/* Replaces every `from` in the text by `to`. */
static inline const char *replace(const char *text, const char *from, const char *to)
{
    const char *at, *done = "";

    while ((at = strstr(text, from)) != NULL) {
        char *part = strndup(text, (size_t)(at - text));

        done = pki_join(done, part, to, NULL);
        free(part);
        text = at + strlen(from);
    }
    return pki_join(done, text, NULL);
}

static inline const char *cut(const char *text, size_t len)
{
    char *part = strndup(text, len);
    const char *result = pki_join(part, NULL);

    free(part);
    return result;
}

/* The block without its first and last line. */
static inline const char *bare_base64(const char *pem)
{
    const char *from = strchr(pem, '\n') + 1;

    return cut(from, (size_t)(strstr(from, "-----END") - from));
}

#endif
