#include "proxy/crypto/key_pool.h"

#include <string.h>

#include <openssl/crypto.h>

#include "proxy/crypto/secret_pages.h"

struct shelf {
    struct key_exchange_key keys[KEY_POOL_DEPTH];
    size_t count;
    size_t wanted; /* grows with demand: an unused group costs nothing */
};

static struct pool {
    const struct multibuffer *library;
    OSSL_LIB_CTX *libctx;
    struct shelf shelves[KEY_EXCHANGE_GROUPS];
} * pool;

bool key_pool_start(const struct multibuffer *library, OSSL_LIB_CTX *libctx)
{
    pool = secret_pages_new(sizeof(*pool));
    if (pool == NULL)
        return false;
    pool->library = library;
    pool->libctx = libctx;
    return true;
}

void key_pool_stop(void)
{
    secret_pages_free(pool, sizeof(*pool));
    pool = NULL;
}

static bool make(size_t group)
{
    struct shelf *shelf = &pool->shelves[group];

    if (!key_exchange_generate(pool->library, pool->libctx, &key_exchange_groups[group],
            shelf->keys + shelf->count))
        return false;
    shelf->count += LANES;
    return true;
}

bool key_pool_take(const struct key_exchange_group *group, struct key_exchange_key *key)
{
    size_t index = (size_t)(group - key_exchange_groups);
    struct shelf *shelf = &pool->shelves[index];
    struct key_exchange_key *last;

    if (shelf->count == 0) {
        if (shelf->wanted < KEY_POOL_DEPTH)
            shelf->wanted += LANES;
        if (!make(index))
            return false;
    }
    last = &shelf->keys[--shelf->count];
    memcpy(key, last, sizeof(*key));
    OPENSSL_cleanse(last, sizeof(*last));
    return true;
}

static bool is_short(size_t group)
{
    const struct shelf *shelf = &pool->shelves[group];

    return shelf->count + LANES <= shelf->wanted;
}

bool key_pool_is_short(void)
{
    for (size_t group = 0; group < KEY_EXCHANGE_GROUPS; group++)
        if (is_short(group))
            return true;
    return false;
}

bool key_pool_refill(void)
{
    for (size_t group = 0; group < KEY_EXCHANGE_GROUPS; group++)
        if (is_short(group))
            return make(group);
    return false;
}
