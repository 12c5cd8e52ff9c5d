/*
 * engine_rig.h - starts and stops the engine for a group of tests, in the way a test
 * needs.
 */
#ifndef WLBPROXY_TESTS_ENGINE_RIG_H
#define WLBPROXY_TESTS_ENGINE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/base/error.h"
#include "proxy/crypto/engine.h"

static inline int start_engine_as(enum engine_choice choice)
{
    struct error err;

    if (!engine_start(choice, &err))
        return -1;
    print_message("%s\n", engine_description());
    return 0;
}

/* Like the product. */
static inline int start_engine(void **state)
{
    (void)state;
    return start_engine_as(ENGINE_AUTO);
}

/* Without batches. */
static inline int start_own_engine(void **state)
{
    (void)state;
    return start_engine_as(ENGINE_OWN);
}

/* Starts one that seals records; if there is none, the tests are skipped. */
static inline int start_sealing_engine(void **state)
{
    return start_engine(state) == 0 && engine_supports_native() ? 0 : -1;
}

static inline int stop_engine(void **state)
{
    (void)state;
    engine_stop();
    return 0;
}

static inline void need_batched(void)
{
    if (!engine_is_batched())
        skip();
}

static inline void need_ours(void)
{
    if (engine_libctx() == NULL)
        skip();
}

#endif
