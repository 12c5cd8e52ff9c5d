#include "proxy/crypto/secret_pages.h"

#include <sys/mman.h>

#include <openssl/crypto.h>

void *secret_pages_new(size_t len)
{
    void *pages =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED)
        return NULL;
    /* Each protects, and none is required: RLIMIT_MEMLOCK may be small. */
    (void)mlock(pages, len);
    (void)madvise(pages, len, MADV_DONTDUMP);
    (void)madvise(pages, len, MADV_WIPEONFORK);
    return pages;
}

void secret_pages_free(void *pages, size_t len)
{
    if (pages == NULL)
        return;
    OPENSSL_cleanse(pages, len);
    (void)munmap(pages, len);
}
