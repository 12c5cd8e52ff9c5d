#include "proxy/master/file_poll.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "config/text_list.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/master/task_queue.h"

enum { POLL_MS = 5 * 1000 };

const char *file_poll_kind(long magic)
{
    /* From linux/magic.h, and the file systems' own headers. */
    static const struct {
        unsigned long magic;
        const char *name;
    } kinds[] = {{0x6969, "nfs"}, {0xff534d42, "cifs"}, {0xfe534d42, "smb"},
        {0x517b, "smb"}, {0x65735546, "fuse"}, {0x01021997, "9p"}, {0x00c36400, "ceph"},
        {0x0bd00bd0, "lustre"}, {0x5346414f, "afs"}, {0x6b414653, "afs"},
        {0x73757245, "coda"}, {0x564c, "ncp"}, {0x7461636f, "ocfs2"},
        {0x01161970, "gfs2"}, {0x47504653, "gpfs"}, {0x786f4256, "vboxsf"}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].magic == ((unsigned long)magic & 0xffffffff))
            return kinds[i].name;
    }
    return NULL;
}

/* One look at all of the files, on the thread. */
struct file_look {
    struct work work;
    struct file_poll *poll; /* NULL: the result is no longer wanted */
    struct text_list files;
    bool all;
    const char *kind; /* of the first file that must be polled; "": inotify failed */
    const char *first; /* its name; NULL: none must be polled */
    uint64_t digest;
};

static void mix(uint64_t *digest, uint64_t value)
{
    *digest = (*digest ^ value) * 0x100000001b3; /* FNV-1a, a word at a time */
}

/* The folder's, if the file is missing. */
static const char *kind_of(const char *file)
{
    struct statfs state;
    char *copy = memory_text(file);
    const char *kind = NULL;

    if (statfs(file, &state) == 0 || statfs(dirname(copy), &state) == 0)
        kind = file_poll_kind((long)state.f_type);
    free(copy);
    return kind;
}

static void look_at(struct file_look *look, const char *file)
{
    struct stat state;
    const char *kind = kind_of(file);

    if (kind == NULL && !look->all)
        return;
    if (look->first == NULL) {
        look->first = file;
        look->kind = kind != NULL ? kind : "";
    }
    if (stat(file, &state) != 0) {
        mix(&look->digest, (uint64_t)errno);
        return;
    }
    mix(&look->digest, (uint64_t)state.st_dev);
    mix(&look->digest, (uint64_t)state.st_ino);
    mix(&look->digest, (uint64_t)state.st_size);
    mix(&look->digest, (uint64_t)state.st_mtim.tv_sec);
    mix(&look->digest, (uint64_t)state.st_mtim.tv_nsec);
    mix(&look->digest, (uint64_t)state.st_ctim.tv_sec);
    mix(&look->digest, (uint64_t)state.st_ctim.tv_nsec);
}

static void on_look(struct work *work)
{
    struct file_look *look = container_of(work, struct file_look, work);

    look->digest = 0xcbf29ce484222325;
    for (size_t i = 0; i < look->files.count; i++)
        look_at(look, look->files.items[i]);
}

static void tell(struct file_poll *poll, const struct file_look *look)
{
    if (poll->told || poll->is_quiet)
        return;
    poll->told = true;
    log_info("event=watch_polls every_ms=%d file=%s reason=\"%s\"", POLL_MS, look->first,
        *look->kind != '\0' ? look->kind : "no inotify");
}

static void begin(struct file_poll *poll);

static void on_due(uv_timer_t *timer)
{
    begin(timer->data);
}

static void on_looked(struct work *work)
{
    struct file_look *look = container_of(work, struct file_look, work);
    struct file_poll *poll = look->poll;

    if (poll != NULL)
        poll->look = NULL;
    if (poll != NULL && look->first != NULL) {
        bool changed = poll->seen_any && poll->seen != look->digest;

        tell(poll, look);
        poll->seen_any = true;
        poll->seen = look->digest;
        uv_timer_start(&poll->timer, on_due, POLL_MS, 0);
        if (changed)
            poll->changed(poll->owner);
    }
    text_list_clear(&look->files);
    free(look);
}

static void begin(struct file_poll *poll)
{
    struct file_look *look = memory_new(sizeof(*look));

    look->work = (struct work){.run = on_look, .done = on_looked};
    look->poll = poll;
    look->all = poll->all;
    text_list_copy(&look->files, &poll->files);
    poll->look = look;
    task_queue_add(poll->tasks, &look->work);
}

void file_poll_init(struct file_poll *poll, uv_loop_t *loop, struct task_queue *tasks,
    void (*changed)(void *owner), void *owner)
{
    *poll = (struct file_poll){.tasks = tasks, .changed = changed, .owner = owner};
    uv_timer_init(loop, &poll->timer);
    poll->timer.data = poll;
}

void file_poll_stop(struct file_poll *poll)
{
    uv_timer_stop(&poll->timer);
    if (poll->look != NULL)
        poll->look->poll = NULL;
    poll->look = NULL;
    poll->seen_any = poll->told = false;
    text_list_clear(&poll->files);
}

void file_poll_update(struct file_poll *poll, struct text_list *files, bool all)
{
    const bool told = poll->told;

    file_poll_stop(poll);
    poll->told = told && poll->all == all;
    poll->all = all;
    poll->files = *files;
    *files = (struct text_list){0};
    begin(poll);
}
