/*
 * channel.h - messages between the master and a worker or the signer.
 *
 * A SOCK_SEQPACKET socket: one message is one datagram, with up to CHANNEL_FDS
 * descriptors. Bodies are small; large data travels in a memfd. message_parse() is pure.
 * A worker talks to the network: the master trusts nothing it says, gives every answer a
 * deadline, and takes no descriptors (sandbox.c forbids sending them).
 *
 *     master                                worker
 *       SETUP, LOGS, TICKETS ------------->   drops its privileges
 *                        <---------------- HELLO
 *       SOCKETS..., OFFER n -------------->   builds n beside what it serves, is confined
 *                        <---------------- READY n  or  REFUSED n
 *       COMMIT n  (all are ready) -------->   serves n: the point of no return
 *       FORGET n  (one is not) ----------->   closes and frees what came with n
 *                        <---------------- COMMITTED n, when nothing older is shown
 *       SHUT  (all have committed) ------->   empties and closes the sockets n lacks
 *
 * The signer is told the same, with its keys in place of the snapshot: keys that it is
 * offered sign from READY on. FORGET and RETIRE_KEYS take keys away. SIGNER and REQUESTER
 * bring the two ends of a channel (signing_wire.h) to a worker and to the signer. A
 * worker that loses its end asks for another one: ASK_SIGNER.
 *
 * At any time: PING and PONG; ASK_STATS and STATS; LOGS, TICKETS, ADDRESSES, PROBE. In
 * the end DRAIN or STOP. A worker that replaces another one gets the current n in the
 * same way.
 */
#ifndef WLBPROXY_IPC_CHANNEL_H
#define WLBPROXY_IPC_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHANNEL_FD = 3, /* a child's end, when it starts */
    CHANNEL_FDS = 253, /* the kernel's SCM_MAX_FD */
    CHANNEL_SOCKETS = 48, /* for a worker: not more at a time than it has in reserve */
    CHANNEL_BODY_MAX = 60 * 1024,
    CHANNEL_MESSAGE_MAX = CHANNEL_BODY_MAX + 16,
};

enum message_type {
    /* master to worker */
    MESSAGE_SETUP = 1, /* setup.h; first of all */
    MESSAGE_LOGS, /* log_files.h */
    MESSAGE_TICKETS, /* struct ticket_keys */
    MESSAGE_SOCKETS, /* u32 listener index for each descriptor; before their OFFER */
    MESSAGE_OFFER, /* id; the snapshot's memfd */
    MESSAGE_COMMIT, /* id */
    MESSAGE_FORGET, /* id */
    MESSAGE_SHUT, /* sockets that are no longer used accept nobody from now on */
    MESSAGE_PING,
    MESSAGE_ASK_STATS, /* id of the question */
    MESSAGE_ADDRESSES, /* addresses.h: the present addresses of a name */
    MESSAGE_PROBE, /* service name; a connection to be served */
    MESSAGE_DRAIN,
    MESSAGE_STOP,
    /* worker to master */
    MESSAGE_HELLO, /* engine's description; what confines it */
    MESSAGE_READY, /* id */
    MESSAGE_REFUSED, /* id, sentence; id 0: the worker cannot work at all */
    MESSAGE_COMMITTED, /* id */
    MESSAGE_PONG,
    MESSAGE_STATS, /* id of the question, worker_stats.h */
    /* master to worker: its channel to the signer, in place of an earlier one */
    MESSAGE_SIGNER,
    /* master to signer */
    MESSAGE_REQUESTER, /* worker's slot; the channel to it */
    MESSAGE_RETIRE_KEYS, /* id: forget the keys of older generations */
    /* signer to master */
    MESSAGE_MISBEHAVED, /* the slot of a worker that sends no valid requests */
    /* admin to master */
    MESSAGE_ASK_STATUS,
    /* master to admin */
    MESSAGE_ADMIN, /* networks that may ask, as texts; the listening socket or none */
    MESSAGE_STATUS, /* a memfd: the answer to `status`, see control.h */
    /* master to worker */
    MESSAGE_DRAINED_BACKENDS, /* drained_backends.h: all there are */
    /* to a helper, which answers and ends: helper.h */
    MESSAGE_HANDSHAKES, /* apart_handshake.c; connected sockets */
    MESSAGE_FILE, /* apart_file.c; a memfd: the bytes of a file */
    /* a helper's: a part of its answer; id 0: the last one */
    MESSAGE_ANSWER,
    /* worker to master: it has no channel to the signer, and wants another */
    MESSAGE_ASK_SIGNER,
    MESSAGE_LAST,
};

struct message {
    enum message_type type;
    uint32_t id;
    const char *body; /* borrowed */
    size_t len;
    int fds[CHANNEL_FDS];
    size_t fd_count;
    bool fds_lost; /* on receipt: some descriptors did not fit, and are lost */
};

/* A socket pair, both ends close-on-exec; `a` non-blocking. False and errno. */
bool channel_pair(int *a, int *b);

/* The header and body of a datagram; `fds` stay as they are. */
bool message_parse(struct message *m, const char *bytes, size_t len);

/* On a non-blocking socket it waits a moment for room. False and errno if it was not
 * sent. The descriptors stay the caller's. */
bool channel_send(int channel, const struct message *m);
/* Sends only if there is room now. */
bool channel_send_at_once(int channel, const struct message *m);

enum channel_result { CHANNEL_MESSAGE, CHANNEL_AGAIN, CHANNEL_CLOSED };

/* The body is borrowed from `buffer` (CHANNEL_MESSAGE_MAX bytes). The descriptors, all
 * close-on-exec, are the caller's. A datagram that is no message counts as closed. */
enum channel_result channel_receive(int channel, struct message *m, char *buffer);

/* Closes the descriptors of a received message, except those that were taken (-1). */
void message_close_fds(struct message *m);

#endif
