/*
 * wlbproxy-worker - talks to the network; its private keys are the signer's.
 */
#include "proxy/worker/worker.h"

int main(void)
{
    return worker_main(NULL);
}
