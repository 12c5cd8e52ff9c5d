/*
 * disk_look.h - finds out on a thread what a reload would bring now, for `status` and for
 * `watch = on`.
 */
#ifndef WLBPROXY_MASTER_DISK_LOOK_H
#define WLBPROXY_MASTER_DISK_LOOK_H

#include <stdbool.h>

#include "certstore/finding.h"
#include "proxy/base/error.h"
#include "proxy/master/task_queue.h"

struct plan;
struct revocations;

struct disk_look {
    struct work work;
    const char *config_path;
    bool optional, done, abandoned;
    struct plan *plan; /* NULL: refused */
    struct revocations *revocations; /* NULL: there are none */
    struct findings findings;
    struct error err;
    void (*looked)(struct disk_look *look);
    void *owner;
};

/* `served`: its revocation lists are read, too. NULL: they are not needed. */
struct disk_look *disk_look_begin(struct task_queue *tasks, const char *config_path,
    bool optional, const struct plan *served, void (*looked)(struct disk_look *look),
    void *owner);

/* May be called at any time; it is freed when the thread has finished. NULL is fine. */
void disk_look_end(struct disk_look *look);

#endif
