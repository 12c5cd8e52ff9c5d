#include "proxy/base/file_state.h"

#include <sys/syscall.h>
#include <unistd.h>

/* Where long has 64 bits, the kernel's structure and the library's are the same. */
int file_state(int fd, struct stat *state)
{
#if defined(SYS_fstat) && defined(__LP64__)
    return (int)syscall(SYS_fstat, fd, state);
#else
    return fstat(fd, state);
#endif
}
