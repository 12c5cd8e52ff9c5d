/*
 * wlbproxy-signer - holds the private keys and signs for the workers.
 */
#include "proxy/signer/signer.h"

int main(void)
{
    return signer_main();
}
