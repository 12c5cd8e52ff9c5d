#include "proxy/master/file_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "config/text_list.h"
#include "proxy/base/log.h"
#include "proxy/master/disk_look.h"
#include "proxy/master/plan.h"
#include "proxy/master/plan_backend_tls.h"
#include "proxy/master/release.h"
#include "proxy/master/reload.h"
#include "proxy/master/revocations.h"
#include "proxy/master/staging.h"

/* After so much quiet a person or a script has finished, and is not between two moves. */
enum { QUIET_MS = 1000 };
static void look(struct file_watch *w);

/* Even if the rest cannot be read, new revocation lists are a reason to reload. */
static bool is_worth_a_reload(const struct disk_look *found, const struct plan *served)
{
    struct plan *renewed;
    bool differ;

    if (found->plan != NULL)
        return !plan_equal(served, found->plan);
    renewed = revocations_renew(found->revocations, served);
    differ = renewed != NULL;
    plan_free(renewed);
    return differ;
}

static void on_looked(struct disk_look *found)
{
    struct file_watch *w = found->owner;
    const struct release *current = w->reload->rollout.current;

    w->look = NULL;
    log_debug("event=watch_looked");
    if (found->plan == NULL)
        log_info("event=file_watch_waits reason=%s text=\"still serving generation %u\"",
            log_quoted(found->err.text).text, current->id);
    if (is_worth_a_reload(found, current->plan)) {
        log_info("event=watch_reload text=\"the files have changed\"");
        reload_request(w->reload);
    }
    disk_look_end(found);
    if (w->again)
        look(w);
}

static void look(struct file_watch *w)
{
    struct reload *r = w->reload;

    w->again = w->look != NULL;
    if (!w->again && !r->over)
        w->look = disk_look_begin(r->tasks, r->config_path, r->optional,
            r->rollout.current->plan, on_looked, w);
}

static void complain(struct file_watch *w, const char *file)
{
    if (errno == ENOENT || errno == ENOTDIR)
        return; /* it may come; its reader reports that it is missing */
    if (!w->unwatched)
        log_warning("event=not_watched file=%s reason=\"%s\" text=\"it is polled\"", file,
            strerror(errno));
    w->unwatched = true;
}

static void add_all(struct text_list *to, const struct text_list *files)
{
    for (size_t i = 0; i < files->count; i++)
        text_list_add(to, files->items[i]);
}

/* Lists all files that a plan was made of. A pending pair stands beside the live one, if
 * there is one. */
static struct text_list files_of(const struct plan *plan)
{
    struct text_list files = {0};

    for (size_t i = 0; i < plan->settings->service_count; i++) {
        const struct service_settings *service = &plan->settings->services[i];

        add_all(&files, &service->cert);
        add_all(&files, &service->key);
        if (*service->ca != '\0')
            text_list_add(&files, service->ca);
        add_all(&files, &service->crl);
        plan_backend_tls_files(service, &files);
        for (size_t k = 0; k < service->cert.count; k++) {
            char *file = pending_file(service->cert.items[k]);

            text_list_add(&files, file);
            free(file);
        }
    }
    add_all(&files, &plan->pin_files);
    return files;
}

/* Watches the places the paths lead to now: a link on the way may have changed, and the
 * content not. */
static void renew(struct file_watch *w, const struct text_list *files)
{
    struct watch_paths fresh = {.fd = w->paths.fd};

    if (fresh.fd < 0)
        return;
    for (size_t i = 0; i < files->count; i++) {
        if (!watch_paths_add(&fresh, files->items[i]))
            complain(w, files->items[i]);
    }
    watch_paths_replace(&w->paths, &fresh);
}

static void on_quiet(uv_timer_t *timer)
{
    struct file_watch *w = timer->data;

    struct text_list files = files_of(w->reload->rollout.current->plan);

    renew(w, &files);
    text_list_clear(&files);
    look(w);
}

static void on_polled_change(void *owner)
{
    struct file_watch *w = owner;

    uv_timer_start(&w->quiet, on_quiet, QUIET_MS, 0);
}

static void on_change(uv_poll_t *poll, int status, int events)
{
    struct file_watch *w = poll->data;

    (void)status;
    (void)events;
    if (watch_paths_changed(&w->paths))
        uv_timer_start(&w->quiet, on_quiet, QUIET_MS, 0);
}

static bool begin(struct file_watch *w)
{
    w->paths.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->paths.fd < 0) {
        log_warning("event=not_watching reason=\"%s\" text=\"the files are polled\"",
            strerror(errno));
        return false;
    }
    if (uv_poll_init(w->reload->loop, &w->inotify, w->paths.fd) != 0) {
        close(w->paths.fd);
        w->paths.fd = -1;
        log_warning("event=not_watching reason=\"out of memory\" text=\"the files are "
                    "polled\"");
        return false;
    }
    w->inotify.data = w;
    uv_poll_start(&w->inotify, UV_READABLE, on_change);
    return true;
}

void file_watch_init(struct file_watch *w, struct reload *reload)
{
    w->reload = reload;
    w->paths.fd = -1;
    w->look = NULL;
    uv_timer_init(reload->loop, &w->quiet);
    w->quiet.data = w;
    file_poll_init(&w->poll, reload->loop, reload->tasks, on_polled_change, w);
}

static void on_closed(uv_handle_t *handle)
{
    struct file_watch *w = handle->data;

    close(w->paths.fd);
    w->paths.fd = -1;
    watch_paths_forget(&w->paths);
}

void file_watch_stop(struct file_watch *w)
{
    uv_timer_stop(&w->quiet);
    file_poll_stop(&w->poll);
    disk_look_end(w->look);
    w->look = NULL;
    if (w->paths.fd >= 0 && !uv_is_closing((uv_handle_t *)&w->inotify))
        uv_close((uv_handle_t *)&w->inotify, on_closed);
}

void file_watch_update(struct file_watch *w, const struct plan *plan)
{
    struct text_list files;

    if (!plan->settings->watch) {
        file_watch_stop(w);
        return;
    }
    files = files_of(plan);
    w->unwatched = w->paths.fd < 0 && !begin(w);
    renew(w, &files);
    file_poll_update(&w->poll, &files, w->unwatched);
    /* A change between the reading of the files and now was not watched. */
    uv_timer_start(&w->quiet, on_quiet, QUIET_MS, 0);
}
