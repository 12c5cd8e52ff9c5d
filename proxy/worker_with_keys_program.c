/*
 * wlbproxy-worker-with-keys - the worker of `signer = off`, which signs by itself.
 */
#include "certstore/read/private_key.h"
#include "proxy/worker/worker.h"

int main(void)
{
    return worker_main(private_key_parse);
}
