/*
 * worker_setup.h - the first message to a worker: its slot, its limits and its part. Pure
 * encoding.
 */
#ifndef WLBPROXY_IPC_WORKER_SETUP_H
#define WLBPROXY_IPC_WORKER_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/no_files.h"
#include "proxy/base/privileges.h"

enum { SETUP_BYTES = 512 };

struct setup {
    uint32_t slot;
    uint32_t crypto; /* enum crypto_choice */
    uint32_t signer; /* the signer has the private keys of this worker */
    uint32_t batch_hold; /* us */
    uint32_t connects_to_unix; /* it connects to unix sockets by their paths */
    struct identity identity;
    struct tcp_ports ports; /* of the backends */
};

size_t setup_encode(const struct setup *setup, char *bytes, size_t capacity);
bool setup_decode(struct setup *setup, const char *bytes, size_t len);

#endif
