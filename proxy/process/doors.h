/*
 * doors.h - where clients come into a worker: its listening sockets, each with the
 * service that stands behind it now.
 */
#ifndef WLBPROXY_PROCESS_DOORS_H
#define WLBPROXY_PROCESS_DOORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proxy/base/list.h"
#include "proxy/net/deadline.h"

struct front;
struct loop;
struct served;

/* A socket received for a generation that is not yet committed. */
struct key {
    uint32_t listener; /* index in its generation */
    int fd; /* -1: there is a door with it */
    ino_t inode;
};

struct doors {
    struct loop *loop;
    struct front *front;
    struct list open; /* struct door.link */
    struct deadline last_call;
};

void doors_init(struct doors *doors, struct loop *loop, struct front *front);

/* The descriptor is the key's from now on, or closed if there is a door with that socket:
 * each is held once, however many there are. */
struct key doors_key(struct doors *doors, uint32_t listener, int fd);
void key_destroy(const struct key *key);

/* All doors lead to this generation now: those that stay keep their backlog, new ones are
 * opened, the others stay as they are until doors_shut(). Takes over the keys'
 * descriptors. */
void doors_lead_to(struct doors *doors, const struct served *served,
    const struct key *keys, size_t count);

/* No newcomers come to the doors that did not stay: who is on his way yet is let in, then
 * they close. */
void doors_shut(struct doors *doors);

/* `handed_over`: somebody else goes on accepting from the same sockets; else those who
 * wait are let in first. */
void doors_close(struct doors *doors, bool handed_over);

#endif
