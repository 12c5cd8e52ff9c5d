/* Any bytes from a peer of the channel: messages and their contents. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/error.h"
#include "proxy/ipc/addresses.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/key_snapshot.h"
#include "proxy/ipc/signing_stats.h"
#include "proxy/ipc/snapshot.h"
#include "proxy/ipc/worker_setup.h"
#include "proxy/ipc/worker_stats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct worker_stats report;
    static struct signing_stats signing;
    static struct addresses addresses;
    struct message m = {.fd_count = 0};
    struct snapshot snapshot;
    struct key_snapshot keys;
    struct setup setup;
    struct error err;

    if (size == 0)
        return 0;
    if (snapshot_decode(&snapshot, (const char *)data, size, &err))
        snapshot_destroy(&snapshot);
    if (key_snapshot_decode(&keys, (const char *)data, size, &err))
        free(keys.keys);
    if (!message_parse(&m, (const char *)data, size))
        return 0;
    worker_stats_decode(&report, m.body, m.len);
    setup_decode(&setup, m.body, m.len);
    signing_stats_decode(&signing, m.body, m.len);
    addresses_decode(&addresses, m.body, m.len);
    return 0;
}
