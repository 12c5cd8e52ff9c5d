/*
 * wlbproxy-worker - talks to the network; the signer has its private keys.
 */
#include "proxy/worker/worker.h"

int main(void)
{
    return worker_main(NULL);
}
