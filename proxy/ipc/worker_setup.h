/*
 * worker_setup.h - the first thing a worker is told: who it is. Pure encoding.
 */
#ifndef WLBPROXY_IPC_WORKER_SETUP_H
#define WLBPROXY_IPC_WORKER_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/privileges.h"

enum { SETUP_BYTES = 256 };

struct setup {
    uint32_t slot;
    uint32_t crypto; /* enum crypto_choice */
    uint32_t signer; /* a worker's private keys are there */
    uint32_t connects_to_unix; /* it needs unix sockets, and paths to them */
    struct identity identity;
};

size_t setup_encode(const struct setup *setup, char *bytes, size_t capacity);
bool setup_decode(struct setup *setup, const char *bytes, size_t len);

#endif
