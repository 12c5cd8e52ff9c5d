#include "proxy/master/shared_tickets.h"

#include <stdlib.h>

#include "certstore/install/ticket_file.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/master/task_queue.h"

struct shared_look {
    struct work work;
    struct shared_tickets *shared; /* NULL: nobody waits for it any more */
    char *path;
    struct ticket_file file; /* secret */
    bool good;
    struct error err;
};

static void begin(struct shared_tickets *shared);

static void on_look(struct work *work)
{
    struct shared_look *look = container_of(work, struct shared_look, work);

    look->good = ticket_file_read(look->path, &look->file, &look->err);
}

static void on_looked(struct work *work)
{
    struct shared_look *look = container_of(work, struct shared_look, work);
    struct shared_tickets *shared = look->shared;

    if (shared != NULL) {
        shared->look = NULL;
        shared->seen(shared->owner, look->good ? &look->file : NULL, &look->err);
    }
    ticket_file_wipe(&look->file);
    free(look->path);
    free(look);
    if (shared != NULL && shared->again)
        begin(shared);
}

static void begin(struct shared_tickets *shared)
{
    struct shared_look *look;

    shared->again = shared->look != NULL;
    if (shared->again)
        return;
    look = memory_new(sizeof(*look));
    look->work = (struct work){.run = on_look, .done = on_looked};
    look->shared = shared;
    look->path = memory_text(shared->path);
    shared->look = look;
    task_queue_add(shared->tasks, &look->work);
}

static void on_changed(void *owner)
{
    begin(owner);
}

void shared_tickets_init(struct shared_tickets *shared, uv_loop_t *loop,
    struct task_queue *tasks,
    void (*seen)(void *owner, const struct ticket_file *file, const struct error *err),
    void *owner)
{
    *shared = (struct shared_tickets){.tasks = tasks, .seen = seen, .owner = owner};
    file_poll_init(&shared->poll, loop, tasks, on_changed, shared);
    shared->poll.is_quiet = true;
}

void shared_tickets_follow(struct shared_tickets *shared, const char *path)
{
    struct text_list files = {0};

    shared_tickets_stop(shared);
    if (*path == '\0')
        return;
    shared->path = memory_text(path);
    text_list_add(&files, path);
    /* The poll's first look comes before the reading: no change falls in between. */
    file_poll_update(&shared->poll, &files, true);
    begin(shared);
}

void shared_tickets_look(struct shared_tickets *shared)
{
    if (shared->path != NULL)
        begin(shared);
}

void shared_tickets_stop(struct shared_tickets *shared)
{
    file_poll_stop(&shared->poll);
    if (shared->look != NULL)
        shared->look->shared = NULL;
    shared->look = NULL;
    shared->again = false;
    free(shared->path);
    shared->path = NULL;
}
