#include "proxy/master/master_admin.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/endpoint.h"
#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/base/privileges.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/sealed_memory.h"
#include "proxy/ipc/wire.h"
#include "proxy/ipc/worker_setup.h"
#include "proxy/master/helper.h"
#include "proxy/master/plan.h"
#include "proxy/master/release.h"
#include "proxy/master/reload.h"
#include "proxy/master/successor.h"

enum { ALLOW_BYTES = 64 * 64 };

static const char unix_prefix[] = "unix:";

static const struct settings *settings_of(const struct master_admin *a)
{
    return a->reload->rollout.current->plan->settings;
}

/* ---- the socket ---- */

static void close_socket(struct master_admin *a)
{
    sockets_close(&a->sockets);
    if (a->path_fd >= 0) {
        control_path_remove(&a->path);
        close(a->path_fd);
    }
    a->path_fd = -1;
    free(a->address);
    a->address = NULL;
}

static bool open_path(struct master_admin *a, const char *path, struct error *err)
{
    a->path_fd = control_path_listen(&a->path, path, false, err);
    return a->path_fd >= 0;
}

static bool open_address(struct master_admin *a, const char *text, struct error *err)
{
    struct endpoint endpoint;

    return helper_resolve(a->identity, text, ENDPOINT_ACCEPT, &endpoint, 1,
               HELPER_DEADLINE, err) > 0 &&
        sockets_open(&a->sockets, &endpoint, 1, err);
}

static bool open_socket(struct master_admin *a, const char *text, struct error *err)
{
    const size_t prefix = sizeof(unix_prefix) - 1;
    bool opened = strncmp(text, unix_prefix, prefix) == 0
        ? open_path(a, text + prefix, err)
        : open_address(a, text, err);

    if (!opened)
        return false;
    a->address = memory_text(text);
    return true;
}

/* Until the predecessor has gone, its successor cannot have the socket: that is no
 * failure. */
static void log_failure(struct master_admin *a, const struct error *err)
{
    if (!a->failure_told && (!a->successor->began_so || a->was_open))
        log_warning("event=no_admin_socket reason=%s text=\"metrics and health cannot "
                    "be asked for; it is tried again\"",
            log_quoted(err->text).text);
    a->failure_told = true;
}

/* ---- the process ---- */

static int listening_fd(const struct master_admin *a)
{
    return a->sockets.count > 0 ? a->sockets.groups[0].fds[0] : a->path_fd;
}

static void send_socket(const struct master_admin *a, struct child *child)
{
    const struct text_list *allow = &settings_of(a)->admin_allow;
    char body[ALLOW_BYTES];
    struct wire_writer w = {.bytes = body, .capacity = sizeof(body)};
    struct message message = {.type = MESSAGE_ADMIN, .body = body};
    int fd = listening_fd(a);

    wire_put_u32(&w, (uint32_t)allow->count);
    for (size_t i = 0; i < allow->count; i++)
        wire_put_text(&w, allow->items[i]);
    message.len = w.len;
    if (fd >= 0) {
        message.fds[0] = fd;
        message.fd_count = 1;
    }
    supervisor_send(child, &message);
}

static void on_started(struct supervisor *s, struct child *child)
{
    struct master_admin *a = s->owner;
    char body[SETUP_BYTES];
    const struct setup setup = {.identity = *a->identity};
    struct message message = {.type = MESSAGE_SETUP, .body = body};

    message.len = setup_encode(&setup, body, sizeof(body));
    supervisor_send(child, &message);
}

static void on_hello(struct supervisor *s, struct child *child)
{
    send_socket(s->owner, child);
}

static void send_status(struct child *child, const char *text, size_t len)
{
    struct message message = {.type = MESSAGE_STATUS, .fd_count = 1};
    struct sealed sealed;
    struct error err;

    if (!sealed_make(&sealed, len, &err))
        return; /* it will ask again */
    memcpy(sealed.bytes, text, len);
    message.fds[0] = sealed.fd;
    supervisor_send(child, &message);
    sealed_close(&sealed);
}

static void on_status(struct status_waiter *waiter, json_t *status)
{
    struct master_admin *a = container_of(waiter, struct master_admin, waiter);
    struct child *child = a->supervisor.slots[0].child;
    char *text = json_dumps(status, JSON_COMPACT);

    if (text != NULL && child != NULL)
        send_status(child, text, strlen(text));
    free(text);
}

static void on_message(struct supervisor *s, struct child *child, struct message *message)
{
    struct master_admin *a = s->owner;

    (void)child;
    if (message->type == MESSAGE_ASK_STATUS && list_empty(&a->waiter.link) &&
        !a->reload->over)
        status_ask(a->status, &a->waiter);
}

static void on_gone(struct supervisor *s, struct child *child)
{
    struct master_admin *a = s->owner;

    (void)child;
    list_remove(&a->waiter.link);
}

static void on_empty(struct supervisor *s)
{
    (void)s; /* the master ends with its workers */
}

static const struct supervisor_events events = {
    on_started, on_hello, on_message, on_gone, on_empty};

static void tell_process(struct master_admin *a)
{
    struct supervisor *s = &a->supervisor;
    struct child *child = s->slots[0].child;

    if (s->count == 0 && a->address != NULL)
        supervisor_start(s, 1);
    else if (child != NULL && child->up)
        send_socket(a, child);
}

/* ---- its life ---- */

void master_admin_init(struct master_admin *a)
{
    a->path_fd = -1;
    a->waiter.status = on_status;
    a->waiter.recent_is_enough = true;
    list_init(&a->waiter.link);
    a->supervisor.events = &events;
    a->supervisor.owner = a;
    a->supervisor.loop = a->workers->loop;
    a->supervisor.program = a->workers->program;
    a->supervisor.kind = SUPERVISED_ADMIN;
    a->supervisor.child_program = PROGRAM_ADMIN;
}

void master_admin_update(struct master_admin *a)
{
    const char *wanted = settings_of(a)->admin;
    const bool off = strcmp(wanted, "off") == 0;
    struct error err;

    if (a->over)
        return;
    if (a->address != NULL && (off || strcmp(a->address, wanted) != 0)) {
        close_socket(a);
        a->failure_told = false;
    }
    if (a->path_fd >= 0 && control_path_is_lost(&a->path))
        close_socket(a); /* somebody has removed or replaced it */
    if (a->address == NULL && !off) {
        if (open_socket(a, wanted, &err)) {
            log_info("event=admin_listens address=%s", a->address);
            a->was_open = true;
            a->failure_told = false;
        } else {
            log_failure(a, &err);
        }
    }
    tell_process(a);
}

void master_admin_end(struct master_admin *a)
{
    a->over = true;
    list_remove(&a->waiter.link);
    supervisor_end(&a->supervisor, MESSAGE_STOP, 0);
    close_socket(a);
}
