#include "certstore/read/collection.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/finding.h"
#include "certstore/secrets.h"
#include "proxy/base/memory.h"

void collection_init(struct collection *collection)
{
    *collection = (struct collection){0};
}

void collection_destroy(struct collection *collection)
{
    for (size_t i = 0; i < collection->count; i++) {
        X509_free(collection->items[i].certificate);
        X509_REQ_free(collection->items[i].request);
        secrets_wiping_begin();
        EVP_PKEY_free(collection->items[i].key);
        secrets_wiping_end();
    }
    free(collection->items);
    collection_init(collection);
}

/* NULL: there is no more room. */
static struct collected *append(struct collecting *c, enum collected_kind kind)
{
    struct collection *all = c->collection;
    struct collected *item;

    if (all->count == COLLECT_MAX) {
        if (!c->full)
            findings_add(c->findings, "too-many-blocks", SEVERITY_REFUSED, c->file,
                "that is a list of trusted CAs, not the chain of one server",
                "name only the files of this server's chain",
                "there are more than %d certificates and keys", COLLECT_MAX);
        c->full = true;
        return NULL;
    }
    if (all->count == all->capacity) {
        all->capacity = all->capacity == 0 ? 8 : 2 * all->capacity;
        all->items = memory_resize(all->items, all->capacity, sizeof(*all->items));
    }
    item = &all->items[all->count++];
    *item = (struct collected){
        .kind = kind, .file = c->file, .format = c->format, .line = c->line};
    (void)snprintf(item->label, sizeof(item->label), "%s", c->label);
    return item;
}

void collecting_certificate(struct collecting *c, X509 *certificate)
{
    struct collected *item = append(c, COLLECTED_CERTIFICATE);

    if (item != NULL)
        item->certificate = certificate;
    else
        X509_free(certificate);
}

void collecting_key(struct collecting *c, EVP_PKEY *key)
{
    struct collected *item = append(c, COLLECTED_KEY);

    if (item != NULL)
        item->key = key;
    else
        EVP_PKEY_free(key);
}

void collecting_request(struct collecting *c, X509_REQ *request)
{
    struct collected *item = append(c, COLLECTED_REQUEST);

    if (item != NULL)
        item->request = request;
    else
        X509_REQ_free(request);
}

void collecting_other(struct collecting *c, enum collected_kind kind)
{
    (void)append(c, kind);
}

void collection_add_certificate(struct collection *collection, X509 *certificate)
{
    struct collecting c = {.collection = collection, .label = "", .full = true};

    (void)X509_up_ref(certificate);
    collecting_certificate(&c, certificate);
}

void collection_add_key(struct collection *collection, EVP_PKEY *key, const char *file)
{
    struct collecting c = {
        .collection = collection, .file = file, .label = "", .full = true};
    const struct collected *one;

    for (size_t i = 0; (one = collection_get(collection, COLLECTED_KEY, i)) != NULL;
         i++) {
        if (EVP_PKEY_eq(one->key, key) == 1)
            return;
    }
    (void)EVP_PKEY_up_ref(key);
    collecting_key(&c, key);
}

const struct collected *collection_get(
    const struct collection *collection, enum collected_kind kind, size_t i)
{
    for (size_t at = 0; at < collection->count; at++) {
        if (collection->items[at].kind == kind && i-- == 0)
            return &collection->items[at];
    }
    return NULL;
}

size_t collection_count(const struct collection *collection, enum collected_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < collection->count; i++)
        count += collection->items[i].kind == kind;
    return count;
}
