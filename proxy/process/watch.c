#include "proxy/process/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/process/disk_look.h"
#include "proxy/process/master_state.h"
#include "proxy/process/plan.h"
#include "proxy/process/release.h"

/* Long enough for a hand or a script between two moves to be told from the end. */
enum { QUIET_MS = 1000 };
enum {
    CHANGES = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
        IN_ATTRIB | IN_ONLYDIR
};

static void look(struct watch *w);

static void on_looked(struct disk_look *found)
{
    struct watch *w = found->owner;
    const struct release *current = w->master->reload.rollout.current;

    w->look = NULL;
    if (found->plan == NULL)
        log_info("event=watch_waits reason=\"%s\" text=\"still serving generation %u\"",
            found->err.text, current->id);
    else if (!plan_equal(current->plan, found->plan)) {
        log_info("event=watch_reload text=\"the files have changed\"");
        reload_request(&w->master->reload);
    }
    disk_look_end(found);
    if (w->again)
        look(w);
}

static void look(struct watch *w)
{
    struct master *m = w->master;

    w->again = w->look != NULL;
    if (!w->again && !m->stopping)
        w->look =
            disk_look_begin(&m->workshop, m->config_path, !m->config_given, on_looked, w);
}

static void on_quiet(uv_timer_t *timer)
{
    look(timer->data);
}

static void on_change(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    char unread[4096];

    (void)status;
    (void)events;
    while (read(w->fd, unread, sizeof(unread)) > 0)
        ;
    uv_timer_start(&w->quiet, on_quiet, QUIET_MS, 0);
}

static void watch_folder(const struct watch *w, const char *path)
{
    char *folder = strdup(path);
    char *slash;

    if (folder == NULL)
        abort();
    slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder ? 1 : 0] = '\0';
    if (inotify_add_watch(w->fd, slash != NULL ? folder : ".", CHANGES) < 0)
        log_warning("event=not_watched folder=%s reason=\"%s\"", folder, strerror(errno));
    free(folder);
}

static void watch_files(const struct watch *w, const struct text_list *files)
{
    for (size_t i = 0; i < files->count; i++) {
        char *target = realpath(files->items[i], NULL);

        watch_folder(w, files->items[i]);
        if (target != NULL) /* the folder behind a symbolic link, too */
            watch_folder(w, target);
        free(target);
    }
}

static bool begin(struct watch *w)
{
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd < 0) {
        log_warning("event=not_watching reason=\"%s\"", strerror(errno));
        return false;
    }
    if (uv_poll_init(&w->master->loop, &w->poll, w->fd) != 0) {
        close(w->fd);
        w->fd = -1;
        log_warning("event=not_watching reason=\"out of memory\"");
        return false;
    }
    w->poll.data = w;
    uv_poll_start(&w->poll, UV_READABLE, on_change);
    return true;
}

void watch_init(struct watch *w, struct master *master)
{
    w->master = master;
    w->fd = -1;
    w->look = NULL;
    uv_timer_init(&master->loop, &w->quiet);
    w->quiet.data = w;
}

static void on_closed(uv_handle_t *handle)
{
    struct watch *w = handle->data;

    close(w->fd);
    w->fd = -1;
}

void watch_stop(struct watch *w)
{
    uv_timer_stop(&w->quiet);
    disk_look_end(w->look);
    w->look = NULL;
    if (w->fd >= 0 && !uv_is_closing((uv_handle_t *)&w->poll))
        uv_close((uv_handle_t *)&w->poll, on_closed);
}

/* Folders that are watched already are not watched twice: inotify knows. Those that are
 * not needed any more cost a look at most. */
void watch_update(struct watch *w, const struct plan *plan)
{
    if (!plan->settings->watch) {
        watch_stop(w);
        return;
    }
    if (w->fd < 0 && !begin(w))
        return;
    for (size_t i = 0; i < plan->settings->service_count; i++) {
        watch_files(w, &plan->settings->services[i].cert);
        watch_files(w, &plan->settings->services[i].key);
    }
    /* What changed between reading the files and now has had no watcher. */
    uv_timer_start(&w->quiet, on_quiet, QUIET_MS, 0);
}
