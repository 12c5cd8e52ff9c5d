#include "proxy/master/ticket_rotation.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/remedy.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/master/plan.h"
#include "proxy/master/supervisor.h"
#include "proxy/master/ticket_keys.h"

enum { LOOK_MS = 60 * 1000 };

static uint64_t now_seconds(void)
{
    return (uint64_t)time(NULL);
}

/* ---- keys of our own ---- */

static bool rotate(struct ticket_rotation *t, struct error *err)
{
    if (!tickets_rotate(&t->keys, t->interval, err))
        return false;
    t->began = uv_now(t->timer.loop);
    return true;
}

static bool rotate_and_tell(
    struct ticket_rotation *t, const char *reason, struct error *err)
{
    if (!rotate(t, err)) {
        log_error("event=ticket_keys_not_rotated reason=%s", log_quoted(err->text).text);
        return false;
    }
    log_info("event=ticket_keys_rotated reason=%s keys=%u", reason, t->keys.count);
    ticket_rotation_send(t, NULL);
    return true;
}

/* ---- keys of a file ---- */

static bool is_shared(const struct ticket_rotation *t)
{
    return t->file.rotated != 0;
}

static bool is_overdue(const struct ticket_rotation *t)
{
    return now_seconds() >= t->file.rotated + t->interval / 1000;
}

static void date_text(uint64_t when, char text[32])
{
    const time_t seconds = (time_t)when;
    struct tm tm;

    (void)strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
}

static void tell_file(const struct ticket_rotation *t, const char *path)
{
    char date[32];

    date_text(t->file.rotated, date);
    log_info(
        "event=ticket_keys_loaded file=%s rotated=%s keys=%u", path, date, t->keys.count);
}

static void tell_overdue(const struct ticket_rotation *t)
{
    char date[32];

    date_text(t->file.rotated, date);
    log_warning("event=ticket_keys_overdue file=%s rotated=%s text=\"they are older than "
                "ticket_rotation\"",
        t->shared.path, date);
}

static void refuse_file(const struct ticket_rotation *t, const struct error *err)
{
    log_error("event=ticket_keys_refused reason=%s text=\"%s\"",
        log_quoted(err->text).text,
        is_shared(t) ? "the keys that were last read go on"
                     : "keys of this node alone seal");
}

static bool take_file(struct ticket_rotation *t, const struct ticket_file *file)
{
    bool differs = memcmp(t->file.keys, file->keys, sizeof(file->keys)) != 0 ||
        t->file.has_previous != file->has_previous || t->file.rotated != file->rotated;

    if (differs) {
        t->file = *file;
        ticket_file_keys(file, t->interval / 1000, &t->keys);
    }
    return differs;
}

/* ---- which of them, and when ---- */

static void set_due(struct ticket_rotation *t)
{
    t->due = uv_now(t->timer.loop) + tickets_seal_for(&t->keys);
}

/* The clock may have been set: back, and keys would live too long; or forward, and the
 * first one has ended before its time. */
static void keep_time(struct ticket_rotation *t)
{
    bool shortened = tickets_shorten(&t->keys, t->interval);
    struct error err;

    bool is_due = uv_now(t->timer.loop) >= t->due || tickets_seal_for(&t->keys) == 0;

    if (is_due && rotate_and_tell(t, "time", &err))
        set_due(t);
    else if (shortened)
        ticket_rotation_send(t, NULL);
}

static void on_time(uv_timer_t *timer)
{
    struct ticket_rotation *t = timer->data;

    if (!is_shared(t))
        keep_time(t);
    else if (is_overdue(t))
        tell_overdue(t);
}

/* Of a file it is told when it is overdue, and again after the same time. Keys that were
 * inherited are not new. */
static void arm(struct ticket_rotation *t)
{
    uint64_t now = now_seconds(), ends = t->file.rotated + t->interval / 1000;

    if (is_shared(t)) {
        uv_timer_start(
            &t->timer, on_time, ends > now ? (ends - now) * 1000 : 1, t->interval);
        return;
    }
    set_due(t);
    uv_timer_start(&t->timer, on_time, LOOK_MS, LOOK_MS);
}

static void on_seen(void *owner, const struct ticket_file *file, const struct error *err)
{
    struct ticket_rotation *t = owner;

    if (file == NULL) {
        refuse_file(t, err);
    } else if (take_file(t, file)) {
        tell_file(t, t->shared.path);
        ticket_rotation_send(t, NULL);
        arm(t);
    }
}

void ticket_rotation_init(struct ticket_rotation *t, uv_loop_t *loop,
    struct task_queue *tasks, struct supervisor *workers)
{
    t->workers = workers;
    uv_timer_init(loop, &t->timer);
    t->timer.data = t;
    shared_tickets_init(&t->shared, loop, tasks, on_seen, t);
}

/* Nobody is served yet, who would have to wait for the file. */
static void begin_with_file(struct ticket_rotation *t, const char *path)
{
    struct ticket_file file;
    struct error err;

    if (ticket_file_read(path, &file, &err)) {
        (void)take_file(t, &file);
        tell_file(t, path);
    } else {
        refuse_file(t, &err);
    }
    ticket_file_wipe(&file);
}

bool ticket_rotation_begin(
    struct ticket_rotation *t, const struct plan *plan, struct error *err)
{
    const struct settings *settings = plan->settings;

    t->interval = settings->ticket_rotation;
    tickets_set_lifetime(&t->keys, settings->ticket_lifetime);
    if (*settings->ticket_keys != '\0')
        begin_with_file(t, settings->ticket_keys);
    if (is_shared(t))
        return true;
    (void)tickets_shorten(&t->keys, t->interval);
    return tickets_seal_for(&t->keys) > 0 || rotate(t, err);
}

bool ticket_rotation_now(struct ticket_rotation *t, const char *reason, struct error *err)
{
    if (is_shared(t)) {
        char *word = shell_word(t->shared.path);

        error_set(err,
            "ticket_keys = %s has the keys, for all nodes: wlbproxy tickets rotate "
            "--file %s",
            t->shared.path, word);
        free(word);
        return false;
    }
    if (!rotate_and_tell(t, reason, err))
        return false;
    if (uv_is_active((uv_handle_t *)&t->timer))
        arm(t);
    return true;
}

static void follow_settings(struct ticket_rotation *t, const struct settings *settings)
{
    const uint32_t lifetime = t->keys.lifetime;

    tickets_set_lifetime(&t->keys, settings->ticket_lifetime);
    if (t->interval == settings->ticket_rotation && t->keys.lifetime == lifetime &&
        uv_is_active((uv_handle_t *)&t->timer))
        return;
    t->interval = settings->ticket_rotation;
    if (is_shared(t))
        ticket_file_keys(&t->file, t->interval / 1000, &t->keys);
    else
        (void)tickets_shorten(&t->keys, t->interval);
    if (uv_is_active((uv_handle_t *)&t->timer))
        ticket_rotation_send(t, NULL);
    arm(t);
}

static void follow_file(struct ticket_rotation *t, const char *path)
{
    struct error err;
    bool was_shared = is_shared(t);

    shared_tickets_follow(&t->shared, path);
    if (*path != '\0' || !was_shared)
        return;
    ticket_file_wipe(&t->file);
    (void)rotate_and_tell(t, "settings", &err);
    arm(t);
}

/* A reload or `cert install` has changed the certificate: sessions from now on share no
 * key with earlier ones. Keys of a file stay: sessions are bound to the certificates. */
void ticket_rotation_update(struct ticket_rotation *t, const struct plan *plan)
{
    char *shown = plan_certificates(plan);
    struct error err;

    follow_settings(t, plan->settings);
    follow_file(t, plan->settings->ticket_keys);
    if (t->certificates != NULL && strcmp(shown, t->certificates) != 0 && !is_shared(t))
        (void)ticket_rotation_now(t, "certificates", &err);
    free(t->certificates);
    t->certificates = shown;
}

bool ticket_rotation_age(const struct ticket_rotation *t, uint64_t *age)
{
    uint64_t now = now_seconds();

    if (is_shared(t))
        *age = now > t->file.rotated ? now - t->file.rotated : 0;
    else if (t->began != 0)
        *age = (uv_now(t->timer.loop) - t->began) / 1000;
    else
        return false;
    return true;
}

void ticket_rotation_send(struct ticket_rotation *t, struct child *child)
{
    const struct message message = {
        .type = MESSAGE_TICKETS, .body = (const char *)&t->keys, .len = sizeof(t->keys)};

    if (child != NULL)
        supervisor_send(child, &message);
    else
        supervisor_broadcast(t->workers, &message);
}

void ticket_rotation_stop(struct ticket_rotation *t)
{
    uv_timer_stop(&t->timer);
    shared_tickets_stop(&t->shared);
}

void ticket_rotation_look(struct ticket_rotation *t)
{
    shared_tickets_look(&t->shared);
}

void ticket_rotation_destroy(struct ticket_rotation *t)
{
    shared_tickets_stop(&t->shared);
    ticket_file_wipe(&t->file);
    tickets_wipe(&t->keys);
    free(t->certificates);
    t->certificates = NULL;
}
