#include "proxy/crypto/library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/error.h"

enum { PATH_SIZE = 1024 };

static bool make_path(char path[PATH_SIZE], const char *folder, const char *name)
{
    int len = snprintf(path, PATH_SIZE, "%s/%s", folder, name);

    return len > 0 && len < PATH_SIZE;
}

static bool is_trustworthy(const struct stat *st)
{
    return S_ISREG(st->st_mode) && (st->st_uid == 0 || st->st_uid == geteuid()) &&
        (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* dlopen() gets a full path, so that LD_LIBRARY_PATH is not used. */
static void *open_in(const char *folder, const char *name, struct error *err)
{
    char path[PATH_SIZE];
    struct stat st;

    if (!make_path(path, folder, name) || stat(path, &st) != 0)
        return NULL;
    if (!is_trustworthy(&st)) {
        (void)error_set(err,
            "%s is not loaded: others than root may write it (owner %u, mode %04o)", path,
            (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
        return NULL;
    }
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        (void)error_set(err, "%s", dlerror());
    return handle;
}

void *library_open(
    const char *const folders[], const char *const names[], struct error *err)
{
    (void)error_set(err, "no %s in %s or the system's folders", names[0], folders[0]);
    for (const char *const *folder = folders; *folder != NULL; folder++) {
        for (const char *const *name = names; *name != NULL; name++) {
            void *handle = open_in(*folder, *name, err);

            if (handle != NULL)
                return handle;
        }
    }
    return NULL;
}
