/*
 * disk_look.h - what a reload would bring now, looked up on a thread, for `status`.
 */
#ifndef WLBPROXY_PROCESS_DISK_LOOK_H
#define WLBPROXY_PROCESS_DISK_LOOK_H

#include <stdbool.h>

#include "certstore/finding.h"
#include "config/error.h"
#include "proxy/process/workshop.h"

struct plan;

struct disk_look {
    struct work work;
    const char *config_path;
    bool optional, done, abandoned;
    struct plan *plan; /* NULL: refused */
    struct findings findings;
    struct error err;
    void (*looked)(struct disk_look *look);
    void *owner;
};

struct disk_look *disk_look_begin(struct workshop *shop, const char *config_path,
    bool optional, void (*looked)(struct disk_look *look), void *owner);

/* Any time; it is freed when the thread is through with it. NULL is fine. */
void disk_look_end(struct disk_look *look);

#endif
