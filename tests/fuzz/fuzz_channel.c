/* Whatever a peer of the channel sends: messages and what is in them. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "config/error.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/snapshot.h"
#include "proxy/ipc/worker_setup.h"
#include "proxy/ipc/worker_stats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct worker_stats report;
    struct message m = {.fd_count = 0};
    struct snapshot snapshot;
    struct setup setup;
    struct error err;

    if (size == 0)
        return 0;
    if (snapshot_decode(&snapshot, (const char *)data, size, &err))
        snapshot_destroy(&snapshot);
    if (!message_parse(&m, (const char *)data, size))
        return 0;
    worker_stats_decode(&report, m.body, m.len);
    setup_decode(&setup, m.body, m.len);
    return 0;
}
