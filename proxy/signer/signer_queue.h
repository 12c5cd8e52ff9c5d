/*
 * signer_queue.h - the workers' requests: one queue for each, served in turn, so that a
 * worker that asks for too much delays only itself.
 *
 * A worker's quota is the room in its queue. Requests beyond it stay in the socket, and
 * when that is full, with the worker.
 */
#ifndef WLBPROXY_SIGNER_SIGNER_QUEUE_H
#define WLBPROXY_SIGNER_SIGNER_QUEUE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct signing_stats;

/* Takes over the descriptor. An older requester of the slot is removed: a worker
 * has one channel, and asks anew for what was not answered on an earlier one. */
void signer_queue_add(uint32_t slot, int fd);

/* Fills one entry for each requester, and returns how many. */
size_t signer_queue_poll(struct pollfd *polls, size_t capacity);
/* Reads the requests that have come. `misbehaved` is told the slot of a worker that sent
 * no valid request. */
void signer_queue_read(
    const struct pollfd *polls, size_t count, void (*misbehaved)(uint32_t slot));

/* Runs one batch, or other requests for a moment. */
void signer_queue_serve(void);
bool signer_queue_has_work(void);
bool signer_queue_is_alone(void); /* no worker is connected */

void signer_queue_stats(struct signing_stats *stats);
void signer_queue_destroy(void);

#endif
