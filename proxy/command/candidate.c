#include "proxy/command/candidate.h"

#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/credential.h"
#include "certstore/judge/credential_load.h"
#include "certstore/judge/xenserver.h"
#include "certstore/read/password_file.h"
#include "proxy/command/apart.h"

/* A file of another format is judged, too; its format is reported first. */
static void collect_all(struct candidate *c)
{
    for (size_t i = 0; i < c->files.count; i++)
        (void)collect_file_apart(
            &c->collection, c->files.items[i], c->password, true, &c->findings);
}

static void put_together(struct candidate *c)
{
    for (size_t i = 0; i < c->collection.count; i++) {
        const struct collected *item = &c->collection.items[i];

        if (item->kind == COLLECTED_CERTIFICATE)
            pem_text_add_certificate(&c->chain, item->certificate);
        else if (item->kind == COLLECTED_KEY)
            (void)pem_text_add_key(&c->keys, item->key);
    }
}

static void run_judgement(struct candidate *c, struct judge_input *input)
{
    input->send_root = true;
    input->password_given = c->password != NULL;
    input->now = time(NULL);
    if (c->key != NULL) {
        if (!secret_file_read(&c->key_file, c->key, &c->findings))
            return;
        judge_place(c->key, &c->key_file.state, &c->findings);
        input->without_key = false;
        input->key_file = c->key;
        input->key_text = c->key_file.text;
        input->key_len = c->key_file.len;
        if (password_unlock(
                c->key, c->key_file.text, c->key_file.len, c->password, &c->unlocked)) {
            input->key_text = c->unlocked.text;
            input->key_len = c->unlocked.len;
        }
    }
    c->servable = judge_pair(input, &c->pair, &c->findings);
}

static void add_no_certificate(struct candidate *c)
{
    if (findings_worst(&c->findings) == SEVERITY_REFUSED)
        return; /* the findings say why */
    findings_add(&c->findings, "no-certificate", SEVERITY_REFUSED, NULL,
        "a server shows its certificate to every client",
        "name the file with the server's own certificate, too",
        "there is no certificate in these files");
}

/* Judges several files joined into one, whatever their formats. */
static void judge_together(struct candidate *c)
{
    struct judge_input input = {0};

    put_together(c);
    if (c->chain.len == 0) {
        add_no_certificate(c);
        return;
    }
    input.cert_file = c->files.count == 1 ? c->files.items[0] : NULL;
    input.cert_text = c->chain.text;
    input.cert_len = c->chain.len;
    input.without_key = c->keys.len == 0;
    if (!input.without_key) {
        input.key_file = collection_get(&c->collection, COLLECTED_KEY, 0)->file;
        input.key_text = c->keys.text;
        input.key_len = c->keys.len;
    }
    run_judgement(c, &input);
}

/* Its findings name lines: each block begins where it did, if there is room. */
static void retell(struct pem_text *pem, const struct collected *item)
{
    pem_text_go_to_line(pem, item->line);
    if (strcmp(item->format, "PEM") != 0)
        /* a container in a block, which may be labelled as a certificate */
        pem_text_add_empty(
            pem, strstr(item->label, "CERTIFICATE") == NULL ? item->label : "PKCS7");
    else if (item->kind == COLLECTED_CERTIFICATE)
        pem_text_add_certificate(pem, item->certificate);
    else if (item->kind == COLLECTED_REQUEST)
        pem_text_add_request(pem, item->request);
    else if (item->kind == COLLECTED_LOCKED_KEY)
        pem_text_add_empty(pem, "ENCRYPTED PRIVATE KEY");
    else if (item->kind != COLLECTED_KEY || !pem_text_add_key(pem, item->key))
        pem_text_add_empty(pem, item->label);
}

/* Judges one file of PEM as the proxy would read it: from a helper's parts, in order. */
static void judge_single(struct candidate *c)
{
    struct judge_input input = {.cert_file = c->files.items[0]};

    for (size_t i = 0; i < c->collection.count; i++)
        retell(&c->chain, &c->collection.items[i]);
    input.cert_text = c->chain.text;
    input.cert_len = c->chain.len;
    input.without_key = collection_get(&c->collection, COLLECTED_KEY, 0) == NULL &&
        collection_get(&c->collection, COLLECTED_LOCKED_KEY, 0) == NULL;
    run_judgement(c, &input);
}

/* The proxy can be given one file of PEM as it is. */
static bool is_single_pem(const struct candidate *c)
{
    return c->files.count == 1 && c->collection.count > 0 &&
        c->collection.items[0].line > 0 &&
        strcmp(c->collection.items[0].format, "PEM in UTF-16") != 0;
}

static void judge_key_kind(struct candidate *c)
{
    EVP_PKEY *key = X509_get0_pubkey(c->pair.leaf);

    if (xenserver_takes_key(key))
        return;
    findings_add(&c->findings, "no-rsa-certificate", SEVERITY_WARNING, c->files.items[0],
        "alone it would lock XenServer out: its client takes RSA certificates only",
        "serve one with an RSA key, too (a second cert = and key = line)",
        "the certificate's key is not RSA");
}

bool candidate_judge(struct candidate *c)
{
    collect_all(c);
    if (is_single_pem(c))
        judge_single(c);
    else
        judge_together(c);
    if (c->servable)
        judge_key_kind(c);
    return c->servable;
}

void candidate_destroy(struct candidate *c)
{
    judged_pair_destroy(&c->pair);
    findings_destroy(&c->findings);
    pem_text_destroy(&c->chain);
    pem_text_destroy(&c->keys);
    pem_text_destroy(&c->unlocked);
    collection_destroy(&c->collection);
    secret_file_destroy(&c->key_file);
}
