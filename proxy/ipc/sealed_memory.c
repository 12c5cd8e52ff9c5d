#include "proxy/ipc/sealed_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proxy/base/error.h"
#include "proxy/base/file_state.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL };

static bool give_up(struct sealed *sealed, const char *what, struct error *err)
{
    error_set(err, "%s: %s", what, strerror(errno));
    sealed_close(sealed);
    return false;
}

static bool map(struct sealed *sealed, int protection)
{
    void *bytes = mmap(NULL, sealed->len, protection, MAP_SHARED, sealed->fd, 0);

    if (bytes == MAP_FAILED)
        return false;
    sealed->bytes = bytes;
    madvise(bytes, sealed->len, MADV_DONTDUMP);
    return true;
}

/* Kernels before 3.17 have no memfd_create(2): a file without a name, in memory. */
static int make_file(void)
{
    char name[] = "/dev/shm/wlbproxy-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);

    if (fd >= 0)
        (void)unlink(name);
    return fd;
}

/* Nobody who gets the descriptor can write: because of seals, or, where the kernel has
 * none (before 3.17; one of them since 5.1), because it is open for reading only. */
static bool seal(struct sealed *sealed)
{
    char path[64];
    int readable;

    if (fcntl(sealed->fd, F_ADD_SEALS, SEALS) == 0)
        return true;
    (void)fcntl(sealed->fd, F_ADD_SEALS, SEALS & ~F_SEAL_FUTURE_WRITE);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", sealed->fd);
    readable = open(path, O_RDONLY | O_CLOEXEC);
    if (readable < 0)
        return false;
    close(sealed->fd);
    sealed->fd = readable;
    return true;
}

bool sealed_make(struct sealed *sealed, size_t len, struct error *err)
{
    sealed->bytes = NULL;
    sealed->len = len;
    sealed->fd = memfd_create("wlbproxy-generation", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (sealed->fd < 0 && errno == ENOSYS)
        sealed->fd = make_file();
    if (sealed->fd < 0 || ftruncate(sealed->fd, (off_t)len) != 0)
        return give_up(sealed, "memory for the new generation", err);
    if (!map(sealed, PROT_READ | PROT_WRITE))
        return give_up(sealed, "mapping the new generation", err);
    /* Beyond RLIMIT_MEMLOCK the memory may be swapped; nothing prevents it. */
    (void)mlock(sealed->bytes, len);
    /* Not F_SEAL_WRITE, because the maker must be able to wipe it. */
    if (!seal(sealed))
        return give_up(sealed, "sealing the new generation", err);
    return true;
}

bool sealed_open(struct sealed *sealed, int fd, struct error *err)
{
    struct stat state;

    sealed->fd = fd;
    sealed->bytes = NULL;
    if (file_state(fd, &state) != 0)
        return give_up(sealed, "size of the offered generation", err);
    sealed->len = (size_t)state.st_size;
    if (sealed->len == 0 || !map(sealed, PROT_READ))
        return give_up(sealed, "mapping the offered generation", err);
    return true;
}

void sealed_wipe(struct sealed *sealed)
{
    if (sealed->bytes != NULL)
        explicit_bzero(sealed->bytes, sealed->len);
    sealed_close(sealed);
}

void sealed_close(struct sealed *sealed)
{
    if (sealed->bytes != NULL)
        munmap(sealed->bytes, sealed->len);
    if (sealed->fd >= 0)
        close(sealed->fd);
    sealed->bytes = NULL;
    sealed->fd = -1;
    sealed->len = 0;
}
