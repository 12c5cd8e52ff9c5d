#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/finding.h"
#include "certstore/read/collect.h"
#include "certstore/read/container.h"
#include "certstore/read/pem_check.h"
#include "certstore/read/private_key.h"
#include "certstore/read/secret_file.h"
#include "certstore/secrets.h"
#include "config/remedy.h"
#include "proxy/base/error.h"
#include "proxy/base/privileges.h"
#include "proxy/command/apart.h"
#include "proxy/ipc/sealed_memory.h"
#include "proxy/ipc/wire.h"

enum { PASSWORD_BYTES = 8 * 1024, LINES_MAX = PEM_TEXT_MAX, IDS_MAX = 64 };

/* The helper's findings call the file by this name. A remedy gets the real name here
 * (finding.h). */
static const char file_name[] = "FILE";

/* Static storage, as `format` needs. */
static const char *const formats[] = {"PEM", "PEM in UTF-16", "DER", "PKCS#12", "PKCS#7"};

/* ---- the helper ---- */

static bool put_der(struct wire_writer *w, unsigned char *der, int len)
{
    if (len <= 0)
        return false;
    wire_put_bytes(w, der, (size_t)len);
    OPENSSL_clear_free(der, (size_t)len);
    return true;
}

static bool put_key(struct wire_writer *w, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    PKCS8_PRIV_KEY_INFO *info;
    bool put;
    int len;

    secrets_wiping_begin();
    info = EVP_PKEY2PKCS8(key);
    len = info == NULL ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    put = put_der(w, der, len);
    PKCS8_PRIV_KEY_INFO_free(info);
    secrets_wiping_end();
    return put;
}

static bool put_item(struct wire_writer *w, const struct collected *item)
{
    unsigned char *der = NULL;
    int len;

    wire_put_u32(w, item->kind);
    wire_put_text(w, item->format);
    wire_put_u32(w, (uint32_t)item->line);
    wire_put_text(w, item->label);
    switch (item->kind) {
    case COLLECTED_CERTIFICATE:
        len = i2d_X509(item->certificate, &der);
        return put_der(w, der, len);
    case COLLECTED_REQUEST:
        len = i2d_X509_REQ(item->request, &der);
        return put_der(w, der, len);
    case COLLECTED_KEY:
        return put_key(w, item->key);
    case COLLECTED_LOCKED_KEY:
    case COLLECTED_OTHER:
        break;
    }
    wire_put_bytes(w, "", 0);
    return true;
}

static void put_finding(struct wire_writer *w, const struct finding *finding)
{
    wire_put_text(w, finding->id);
    wire_put_u32(w, finding->severity);
    wire_put_u32(w, finding->file != NULL);
    wire_put_text(w, finding->fact);
    wire_put_text(w, finding->why);
    wire_put_text(w, finding->remedy);
}

static bool put_all(struct wire_writer *w, const struct collection *collection,
    const struct findings *findings, struct error *err)
{
    wire_put_u32(w, (uint32_t)collection->count);
    for (size_t i = 0; i < collection->count; i++) {
        if (!put_item(w, &collection->items[i]))
            return error_set(err, "what is in the file cannot be written down");
    }
    wire_put_u32(w, (uint32_t)findings->count);
    for (size_t i = 0; i < findings->count; i++)
        put_finding(w, &findings->items[i]);
    return true;
}

static void tell_format(const struct collection *collection, const struct bytes *text,
    struct findings *findings)
{
    const char *bytes = (const char *)text->at;
    struct pem pem;

    pem_parse(&pem, bytes, text->len);
    if (collection->count > 0 && pem.count == 0)
        pem_check(file_name, bytes, text->len, &pem, false, findings);
    pem_destroy(&pem);
}

static size_t collect(const struct bytes *text, const char *password, bool as_pem,
    struct wire_writer *w, struct error *err)
{
    struct collection collection;
    struct findings findings;
    bool put;

    collection_init(&collection);
    findings_init(&findings);
    (void)collect_text(
        &collection, file_name, (const char *)text->at, text->len, password, &findings);
    if (as_pem)
        tell_format(&collection, text, &findings);
    put = put_all(w, &collection, &findings, err);
    findings_destroy(&findings);
    collection_destroy(&collection);
    return put ? w->len : 0;
}

/* OpenSSL reads its configuration, and loads what that names. */
void apart_prepare_file(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
    container_prepare();
}

size_t apart_answer_file(
    const struct message *question, char *out, size_t capacity, struct error *err)
{
    struct wire_reader r = {.left = {(const void *)question->body, question->len}};
    struct wire_writer w = {.bytes = out, .capacity = capacity};
    bool as_pem = wire_get_u32(&r) != 0;
    size_t size = wire_get_u32(&r), len = 0;
    const char *password = wire_get_text(&r);
    struct sealed sealed;

    if (!wire_ended(&r) || question->fd_count != 1) {
        error_set(err, "what was asked is no question");
        return 0;
    }
    if (!sealed_open(&sealed, question->fds[0], err))
        return 0;
    if (size <= sealed.len)
        len = collect(
            &(struct bytes){(const void *)sealed.bytes, size}, password, as_pem, &w, err);
    sealed_close(&sealed);
    return len;
}

/* ---- the asking side ---- */

static const char *known_format(const char *told)
{
    for (size_t i = 0; told != NULL && i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(told, formats[i]) == 0)
            return formats[i];
    }
    return NULL;
}

/* Returns a text that stays, because findings do not copy their ids. */
static const char *known_id(const char *told)
{
    static char ids[IDS_MAX][40];
    char id[sizeof(ids[0])];
    size_t i = 0;

    helper_text(id, sizeof(id), told != NULL ? told : "");
    while (i < IDS_MAX - 1 && ids[i][0] != '\0' && strcmp(ids[i], id) != 0)
        i++;
    memcpy(ids[i], id, sizeof(id));
    return ids[i];
}

static bool take_der(
    struct collecting *c, enum collected_kind kind, const char *der, size_t len)
{
    const unsigned char *at = (const unsigned char *)der;
    X509 *certificate;
    X509_REQ *request;
    EVP_PKEY *key;

    switch (kind) {
    case COLLECTED_CERTIFICATE:
        if ((certificate = certificate_parse(at, len, false, NULL)) != NULL)
            collecting_certificate(c, certificate);
        return certificate != NULL;
    case COLLECTED_KEY:
        if ((key = private_key_parse(at, len, NULL)) != NULL)
            collecting_key(c, key);
        return key != NULL;
    case COLLECTED_REQUEST:
        if ((request = d2i_X509_REQ(NULL, &at, (long)len)) != NULL)
            collecting_request(c, request);
        return request != NULL;
    case COLLECTED_LOCKED_KEY:
    case COLLECTED_OTHER:
        collecting_other(c, kind);
        return true;
    }
    return false;
}

static bool take_item(struct collecting *c, struct wire_reader *r)
{
    enum collected_kind kind = (enum collected_kind)wire_get_u32(r);
    const char *format = known_format(wire_get_text(r)), *label, *der;
    char label_text[PEM_LABEL_MAX];
    size_t len;
    bool taken;

    c->line = wire_get_u32(r);
    label = wire_get_text(r);
    der = wire_get_bytes(r, &len);
    if (r->failed || format == NULL || label == NULL || c->line > LINES_MAX)
        return false;
    helper_text(label_text, sizeof(label_text), label);
    c->format = format;
    c->label = label_text;
    taken = take_der(c, kind, der, len);
    c->label = "";
    return taken;
}

/* Takes a printable text, with the marks of its commands (remedy.h). */
static const char *take_text(struct wire_reader *r, char text[ERROR_TEXT_MAX])
{
    const char *told = wire_get_text(r);

    if (told == NULL)
        return NULL;
    helper_text(text, ERROR_TEXT_MAX, told);
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (strchr(COMMAND_MARKS, told[i]) != NULL)
            text[i] = told[i];
    }
    return text;
}

static bool take_finding(struct collecting *c, struct wire_reader *r)
{
    const char *id = known_id(wire_get_text(r));
    uint32_t severity = wire_get_u32(r);
    const char *file = wire_get_u32(r) != 0 ? c->file : NULL;
    char texts[3][ERROR_TEXT_MAX];
    const char *fact = take_text(r, texts[0]), *why = take_text(r, texts[1]),
               *remedy = take_text(r, texts[2]);

    if (r->failed || severity > SEVERITY_REFUSED || fact == NULL)
        return false;
    findings_add(c->findings, id, (enum severity)severity, file, why, remedy, "%s", fact);
    return true;
}

static bool take_all(struct collecting *c, const struct helper_answer *answer)
{
    struct wire_reader r = {.left = {(const void *)answer->bytes, answer->len}};
    size_t count = wire_get_count(&r, sizeof(uint32_t));

    for (size_t i = 0; i < count; i++) {
        if (!take_item(c, &r))
            return false;
    }
    count = wire_get_count(&r, sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) {
        if (!take_finding(c, &r))
            return false;
    }
    return wire_ended(&r);
}

static bool ask(const char *text, size_t len, const char *password, bool as_pem,
    struct helper_answer *answer, struct error *err)
{
    char body[PASSWORD_BYTES + 64];
    struct wire_writer w = {.bytes = body, .capacity = sizeof(body)};
    struct message m = {.type = MESSAGE_FILE, .body = body, .fd_count = 1};
    struct identity identity;
    struct sealed sealed;
    bool answered;

    if (password != NULL && strlen(password) > PASSWORD_BYTES)
        return error_set(err, "the password is too long");
    if (!apart_identity(&identity, err) ||
        !sealed_make(&sealed, len > 0 ? len : 1, err)) /* a mapping is never empty */
        return false;
    if (len > 0)
        memcpy(sealed.bytes, text, len);
    wire_put_u32(&w, as_pem);
    wire_put_u32(&w, (uint32_t)len);
    wire_put_text(&w, password);
    m.len = w.len;
    m.fds[0] = sealed.fd;
    answered = helper_ask(&identity, &m, answer, HELPER_DEADLINE, err);
    explicit_bzero(body, sizeof(body));
    sealed_wipe(&sealed);
    return answered;
}

static void add_not_read(
    struct findings *findings, const char *file, const struct error *err)
{
    findings_add(findings, "not-read", SEVERITY_REFUSED, file,
        "what others have sent is read by a process without privileges, never by this "
        "one",
        "if it cannot be explained, do not use the file, and keep a copy of it",
        "it could not be read: %s", err->text);
}

bool collect_text_apart(struct collection *collection, const char *file, const char *text,
    size_t len, const char *password, bool as_pem, struct findings *findings)
{
    const size_t before = collection->count;
    struct collecting c = {
        .collection = collection, .findings = findings, .file = file, .label = ""};
    struct helper_answer answer;
    struct error err;

    if (!ask(text, len, password, as_pem, &answer, &err)) {
        add_not_read(findings, file, &err);
        return false;
    }
    if (!take_all(&c, &answer)) {
        error_set(&err, "what the helper says is no answer");
        add_not_read(findings, file, &err);
    }
    helper_answer_destroy(&answer);
    return collection->count > before;
}

bool collect_file_apart(struct collection *collection, const char *path,
    const char *password, bool as_pem, struct findings *findings)
{
    struct secret_file file = {0};
    bool found;

    if (!secret_file_read(&file, path, findings))
        return false;
    found = collect_text_apart(
        collection, path, file.text, file.len, password, as_pem, findings);
    secret_file_destroy(&file);
    return found;
}
