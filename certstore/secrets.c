#include "certstore/secrets.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "certstore/credential.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum {
    HEAP_LARGEST = 16 << 20, /* room for a thousand services, twice, and for files being
                              * read */
    HEAP_SMALLEST = 4 << 20,
    HEAP_UNIT = 32,
};

static unsigned wiping;
static pid_t initialised_in;

static void *plain_alloc(size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(len);
}

static void wiping_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    if (wiping > 0 && memory != NULL)
        OPENSSL_cleanse(memory, malloc_usable_size(memory));
    free(memory);
}

/* realloc() may leave the old bytes behind, so while wiping is on, bytes are copied and
 * wiped. */
static void *wiping_realloc(void *memory, size_t len, const char *file, int line)
{
    size_t old_len = memory == NULL ? 0 : malloc_usable_size(memory);
    void *moved;

    if (wiping == 0 || memory == NULL)
        return realloc(memory, len);
    moved = malloc(len);
    if (moved == NULL)
        return NULL;
    memcpy(moved, memory, old_len < len ? old_len : len);
    wiping_free(memory, file, line);
    return moved;
}

static bool start_heap(void)
{
    for (size_t size = HEAP_LARGEST; size >= HEAP_SMALLEST; size /= 2) {
        int made = CRYPTO_secure_malloc_init(size, HEAP_UNIT);

        /* 2: it is not locked (RLIMIT_MEMLOCK); a smaller one may be. */
        if (made == 1 || (made == 2 && size == HEAP_SMALLEST))
            return true;
        if (made == 2)
            (void)CRYPTO_secure_malloc_done();
    }
    return false;
}

/* A fork inherits the heap but not its lock. OpenSSL does not tell where the heap is, so
 * an address in it finds the mapping. */
static void lock_again(void)
{
    void *inside = OPENSSL_secure_malloc(HEAP_UNIT);
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long start, end, at = (unsigned long)inside;
    char line[512];

    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start <= at && at < end)
            (void)mlock2((void *)start, end - start, MLOCK_ONFAULT);
    }
    if (maps != NULL)
        (void)fclose(maps);
    OPENSSL_secure_free(inside);
}

bool secrets_init(struct error *err)
{
    const struct rlimit no_core = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        return error_set(
            err, "the kernel would write keys into a core file: %s", strerror(errno));
    if (CRYPTO_secure_malloc_initialized() == 1) {
        if (initialised_in != getpid())
            lock_again();
        initialised_in = getpid();
        return true;
    }
    initialised_in = getpid();
    /* OpenSSL refuses if it has allocated already. Its leftovers are then not wiped, but
     * still not dumped. */
    (void)CRYPTO_set_mem_functions(plain_alloc, wiping_realloc, wiping_free);
    if (!start_heap())
        return error_set(err, "no memory for private keys (%d MiB): %s",
            HEAP_SMALLEST >> 20, strerror(errno));
    return true;
}

void *secrets_alloc(size_t len)
{
    void *memory = OPENSSL_secure_malloc(len);

    if (memory == NULL)
        memory = OPENSSL_malloc(len);
    return memory_checked(memory);
}

void secrets_free(char *bytes, size_t len)
{
    OPENSSL_secure_clear_free(bytes, len);
}

void secrets_wiping_begin(void)
{
    wiping++;
}

void secrets_wiping_end(void)
{
    wiping--;
}
