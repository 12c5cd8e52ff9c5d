#include "proxy/command/cert/cert_listing.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "certstore/read/collect.h"
#include "proxy/base/utf8_json.h"
#include "proxy/master/describe.h"

enum { TEXT_MAX = 4096, DAY = 24 * 3600 };

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, utf8_json(text));
}

static void set_place(json_t *object, const struct collected *item)
{
    if (item->file != NULL)
        set_text(object, "file", item->file);
    if (item->format != NULL)
        set_text(object, "format", item->format);
    if (item->line > 0)
        json_object_set_new(object, "line", json_integer((json_int_t)item->line));
}

/* "a,b" as a JSON list. */
static json_t *names_json(const char *names)
{
    json_t *list = json_array();
    char one[TEXT_MAX];

    while (*names != '\0') {
        size_t len = strcspn(names, ",");

        snprintf(one, sizeof(one), "%.*s", (int)len, names);
        json_array_append_new(list, utf8_json(one));
        names += len + (names[len] == ',');
    }
    return list;
}

static void set_names(json_t *object, X509 *certificate)
{
    char text[TEXT_MAX];

    certificate_subject(certificate, text, sizeof(text));
    set_text(object, "subject", text);
    certificate_title(certificate, text, sizeof(text));
    set_text(object, "title", text);
    certificate_names(certificate, text, sizeof(text));
    json_object_set_new(object, "names", names_json(text));
    certificate_issuer(certificate, text, sizeof(text));
    set_text(object, "issuer", text);
    certificate_serial(certificate, text, sizeof(text));
    set_text(object, "serial", text);
}

static void set_validity(json_t *object, X509 *certificate, time_t now)
{
    time_t end = certificate_not_after(certificate);
    long long left = (long long)end - (long long)now;

    json_object_set_new(
        object, "not_before", describe_time(certificate_not_before(certificate)));
    json_object_set_new(object, "not_after", describe_time(end));
    json_object_set_new(
        object, "days_left", json_integer(left / DAY - (left < 0 && left % DAY != 0)));
}

static void set_marks(json_t *object, X509 *certificate)
{
    char text[128], sha256[65], sha1[41];

    key_describe(X509_get0_pubkey(certificate), text, sizeof(text));
    set_text(object, "key", text);
    certificate_signature(certificate, text, sizeof(text));
    set_text(object, "signature", text);
    certificate_sha256(certificate, sha256);
    set_text(object, "sha256", sha256);
    certificate_sha1(certificate, sha1);
    set_text(object, "sha1", sha1);
    json_object_set_new(object, "ca", json_boolean(X509_check_ca(certificate) == 1));
    json_object_set_new(
        object, "self_signed", json_boolean(certificate_is_self_signed(certificate)));
}

/* Returns the number of the first one that issued it; 0 if it signed itself or none
 * did. */
static size_t issuer_of(const struct collection *all, X509 *certificate)
{
    const struct collected *other;

    if (certificate_is_self_signed(certificate))
        return 0;
    for (size_t i = 0; (other = collection_get(all, COLLECTED_CERTIFICATE, i)) != NULL;
         i++) {
        if (X509_cmp(other->certificate, certificate) != 0 &&
            certificate_issued(other->certificate, certificate))
            return i + 1;
    }
    return 0;
}

static void add_certificate(json_t *listing, const struct collection *all,
    const struct collected *item, size_t number, time_t now)
{
    json_t *object = json_pack("{sI}", "number", (json_int_t)number);
    size_t issuer = issuer_of(all, item->certificate);

    set_place(object, item);
    set_names(object, item->certificate);
    set_validity(object, item->certificate, now);
    set_marks(object, item->certificate);
    if (issuer > 0)
        json_object_set_new(object, "issued_by", json_integer((json_int_t)issuer));
    else if (!json_is_true(json_object_get(object, "self_signed")))
        json_array_append_new(json_object_get(listing, "missing"),
            json_pack("{sO sI}", "issuer", json_object_get(object, "issuer"), "of",
                (json_int_t)number));
    json_array_append_new(json_object_get(listing, "certificates"), object);
}

static void add_key(
    json_t *listing, const struct collection *all, const struct collected *item)
{
    json_t *object = json_object();
    const struct collected *one;
    char text[64];

    set_place(object, item);
    snprintf(text, sizeof(text), "encrypted");
    if (item->key != NULL)
        key_describe(item->key, text, sizeof(text));
    set_text(object, "key", text);
    for (size_t i = 0; item->key != NULL &&
         (one = collection_get(all, COLLECTED_CERTIFICATE, i)) != NULL;
         i++) {
        EVP_PKEY *public_key = X509_get0_pubkey(one->certificate);

        if (public_key == NULL || EVP_PKEY_eq(public_key, item->key) != 1)
            continue;
        json_object_set_new(object, "of", json_integer((json_int_t)i + 1));
        break;
    }
    json_array_append_new(json_object_get(listing, "keys"), object);
}

static void request_texts(X509_REQ *request, char *subject, char *names, size_t size)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *alternative =
        X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);

    name_text(X509_REQ_get_subject_name(request), subject, size);
    general_names_text(alternative, names, size);
    GENERAL_NAMES_free(alternative);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    ERR_clear_error();
}

static void add_request(json_t *listing, const struct collected *item)
{
    json_t *object = json_object();
    char text[TEXT_MAX], names[TEXT_MAX];

    set_place(object, item);
    request_texts(item->request, text, names, sizeof(text));
    set_text(object, "subject", text);
    json_object_set_new(object, "names", names_json(names));
    key_describe(X509_REQ_get0_pubkey(item->request), text, sizeof(text));
    set_text(object, "key", text);
    json_array_append_new(json_object_get(listing, "requests"), object);
}

json_t *cert_listing_of(const struct collection *collection, time_t now)
{
    json_t *listing = json_pack(
        "{s[] s[] s[] s[] s[]}", "certificates", "keys", "requests", "others", "missing");
    size_t number = 0;

    for (size_t i = 0; i < collection->count; i++) {
        const struct collected *item = &collection->items[i];

        if (item->kind == COLLECTED_CERTIFICATE) {
            add_certificate(listing, collection, item, ++number, now);
        } else if (item->kind == COLLECTED_KEY || item->kind == COLLECTED_LOCKED_KEY) {
            add_key(listing, collection, item);
        } else if (item->kind == COLLECTED_REQUEST) {
            add_request(listing, item);
        } else {
            json_t *object = json_object();

            set_place(object, item);
            set_text(object, "what", item->label);
            json_array_append_new(json_object_get(listing, "others"), object);
        }
    }
    return listing;
}
