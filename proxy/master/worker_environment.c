#include "proxy/master/worker_environment.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* Beginnings of "NAME=value". */
static const char *const wanted[] = {
    "TZ=",
    "RES_OPTIONS=", /* resolver(5): for the helper */
    "LOCALDOMAIN=",
    "LD_LIBRARY_PATH=",
    "LD_PRELOAD=",
    "GLIBC_TUNABLES=",
    "MALLOC_",
    "OPENSSL_",
#ifdef WLB_SANITIZE
    "ASAN_OPTIONS=",
    "LSAN_OPTIONS=",
    "UBSAN_OPTIONS=",
#endif
#ifdef WLB_COVERAGE
    "GCOV_",
    "LLVM_PROFILE_FILE=",
#endif
#ifdef WLB_FAULTS
    "WLB_FAULT_",
#endif
};

static bool is_wanted(const char *variable)
{
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (strncmp(variable, wanted[i], strlen(wanted[i])) == 0)
            return true;
    }
    return false;
}

void worker_environment(char *kept[WORKER_ENVIRONMENT_MAX])
{
    size_t count = 0;

    for (size_t i = 0; environ != NULL && environ[i] != NULL; i++) {
        if (count + 1 < WORKER_ENVIRONMENT_MAX && is_wanted(environ[i]))
            kept[count++] = environ[i];
    }
    kept[count] = NULL;
}
