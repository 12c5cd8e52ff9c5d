#include "proxy/crypto/engine.h"

#include "config/error.h"

bool engine_start(int batched, struct error *err)
{
    if (batched == 2)
        return error_set(err, "batched key operations are not in this build");
    return true;
}

void engine_stop(void)
{
}

OSSL_LIB_CTX *engine_libctx(void)
{
    return NULL;
}

bool engine_is_batched(void)
{
    return false;
}

const char *engine_description(void)
{
    return "openssl (not yet asked for anything else)";
}

size_t engine_pending(void)
{
    return 0;
}

size_t engine_run(void)
{
    return 0;
}

bool engine_refill(void)
{
    return false;
}
