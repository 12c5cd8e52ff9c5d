/*
 * signer_queue.h - the workers' requests: a queue for each, served in turn, so that a
 * worker that asks for too much holds up itself alone.
 *
 * A worker's quota is the room of its queue: what does not fit stays in its socket, and
 * then with the worker.
 */
#ifndef WLBPROXY_SIGNER_SIGNER_QUEUE_H
#define WLBPROXY_SIGNER_SIGNER_QUEUE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct signing_stats;

/* Takes over the descriptor. A slot's older requester stays until its end is seen. */
void signer_queue_add(uint32_t slot, int fd);

/* What to wait for, one entry a requester; how many. */
size_t signer_queue_poll(struct pollfd *polls, size_t capacity);
/* What came. `misbehaved` is told which worker sent what is no request. */
void signer_queue_read(
    const struct pollfd *polls, size_t count, void (*misbehaved)(uint32_t slot));

/* A batch, or what takes a moment. */
void signer_queue_serve(void);
bool signer_queue_has_work(void);
bool signer_queue_is_alone(void); /* no worker is connected */

void signer_queue_stats(struct signing_stats *stats);
void signer_queue_destroy(void);

#endif
