#include "proxy/master/master_prepare.h"

#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certstore/credential.h"
#include "proxy/base/abort_log.h"
#include "proxy/base/descriptor_limit.h"
#include "proxy/base/error.h"
#include "proxy/base/privileges.h"
#include "proxy/base/sandbox.h"
#include "proxy/master/program.h"

enum { RESERVE = 4 << 20 };

/* One heap, taken from the kernel in large steps and never given back: when the kernel
 * has no memory for a while, there is enough to continue. */
static void keep_a_reserve(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TOP_PAD, RESERVE);
    mallopt(M_TRIM_THRESHOLD, 2 * RESERVE);
}

static bool make_loop(uv_loop_t *loop, struct error *err)
{
    int result;

    abort_log_to_terminal("cannot start: event loop", MASTER_NOT_STARTED);
    result = uv_loop_init(loop);
    abort_log_to_log();
    return result == 0 || error_set(err, "event loop: %s", uv_strerror(result));
}

bool master_prepare(struct program *program, uv_loop_t *loop, struct error *err)
{
    umask(0027);
    signal(SIGXFSZ, SIG_IGN); /* a write beyond RLIMIT_FSIZE then fails, and that is
                               * all */
    keep_a_reserve();
    privileges_harden();
    descriptor_raise_limit();
    privileges_trim();
    return program_find(program, err) && secrets_init(err) &&
        sandbox_enter_early(uv_version(), err) && descriptor_suffices(err) &&
        make_loop(loop, err);
}

const char *master_config_path(const char *path)
{
    static char text[PATH_MAX];
    char folder[PATH_MAX];

    if (path[0] == '/' || getcwd(folder, sizeof(folder)) == NULL ||
        snprintf(text, sizeof(text), "%s/%s", folder, path) >= (int)sizeof(text))
        return path;
    return text;
}
