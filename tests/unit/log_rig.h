/*
 * log_rig.h - a pipe to which the log is written, and a child that writes into it.
 */
#ifndef WLBPROXY_TESTS_LOG_RIG_H
#define WLBPROXY_TESTS_LOG_RIG_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/base/log.h"

static const struct log_origin origin = {"worker 3", 77};
static int ends[2];

static inline int open_pipe(void **state)
{
    (void)state;
    return pipe2(ends, O_NONBLOCK | O_CLOEXEC);
}

static inline int close_pipe(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static inline const char *written(void)
{
    static char text[16 * 1024];
    ssize_t n = read(ends[0], text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)

#endif
