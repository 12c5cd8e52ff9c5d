#include "proxy/master/control_requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/wire.h"
#include "proxy/master/drained.h"
#include "proxy/master/plan.h"
#include "proxy/master/release.h"
#include "proxy/master/reload.h"
#include "proxy/master/status.h"
#include "proxy/master/supervisor.h"
#include "proxy/master/ticket_rotation.h"
#include "proxy/master/upgrade.h"
#include "proxy/master/worker_logs.h"

enum { NAME_MAX_BYTES = 512 };

/* A client that waits for an answer; client->work points to it. */
struct task {
    struct control_client *client;
    struct reload_waiter reload;
    struct status_waiter status;
};

static struct task *task_for(struct control_client *client)
{
    struct task *task = memory_new(sizeof(*task));

    task->client = client;
    list_init(&task->reload.link);
    list_init(&task->status.link);
    client->work = task;
    return task;
}

static void answer_and_free(struct task *task, json_t *answer)
{
    control_reply(task->client, json_incref(answer), NULL, 0);
    free(task);
}

static void on_gone(struct control_client *client)
{
    struct task *task = client->work;

    list_remove(&task->reload.link);
    list_remove(&task->status.link);
    free(task);
    client->work = NULL;
}

static void on_verdict(struct reload_waiter *waiter, json_t *verdict)
{
    answer_and_free(container_of(waiter, struct task, reload), verdict);
}

static void on_status(struct status_waiter *waiter, json_t *status)
{
    answer_and_free(container_of(waiter, struct task, status), status);
}

static bool send_probe(struct child *child, const char *service, int *ours)
{
    char body[NAME_MAX_BYTES];
    struct wire_writer w = {.bytes = body, .capacity = sizeof(body)};
    struct message m = {.type = MESSAGE_PROBE, .body = body, .fd_count = 1};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return false;
    wire_put_text(&w, service);
    m.len = w.len;
    m.fds[0] = pair[1];
    supervisor_send(child, &m);
    close(pair[1]);
    *ours = pair[0];
    return true;
}

static void probe(
    const struct control_requests *r, struct control_client *client, const char *service)
{
    int fds[CONTROL_FDS_MAX];
    size_t count = 0;
    json_t *workers = json_array();

    for (unsigned i = 0; i < r->workers->count; i++) {
        struct child *child = r->workers->slots[i].child;

        if (child == NULL || child->serving == 0 ||
            !send_probe(child, service, &fds[count]))
            continue;
        json_array_append_new(workers, json_integer(i));
        count++;
    }
    control_reply(client,
        json_pack("{sb sI so}", "ok", 1, "generation",
            (json_int_t)r->reload->rollout.current->id, "workers", workers),
        fds, count);
}

static void take_probe(
    const struct control_requests *r, struct control_client *client, json_t *request)
{
    const char *service = json_string_value(json_object_get(request, "service"));

    if (service == NULL || strlen(service) > NAME_MAX_BYTES - 16)
        control_refuse(client, "probe needs \"service\", the name of a section");
    else if (plan_service(r->reload->rollout.current->plan, service) == NULL)
        control_refuse(client, "there is no service of that name");
    else
        probe(r, client, service);
}

static void rotate_tickets(
    const struct control_requests *r, struct control_client *client)
{
    struct error err;

    if (r->reload->rollout.current == NULL)
        control_refuse(client, "nothing is served yet");
    else if (!ticket_rotation_now(r->tickets, "command", &err))
        control_refuse(client, err.text);
    else
        control_reply(client,
            json_pack("{sb si sI}", "ok", 1, "keys", (int)r->tickets->keys.count,
                "lifetime", (json_int_t)r->tickets->keys.lifetime),
            NULL, 0);
}

/* Returns whether all backends of that service are drained. */
static bool is_last(const struct control_requests *r, const char *name)
{
    const struct plan_service *service =
        plan_service(r->reload->rollout.current->plan, name);

    for (size_t i = 0; i < service->backend_count; i++) {
        if (drained_since(r->drained, name, service->backends[i].endpoint.text) == 0)
            return false;
    }
    return true;
}

static json_t *drain_answer(const struct control_requests *r,
    const struct named_backend *backend, bool drained, bool changed)
{
    json_t *answer = json_pack("{sb ss ss sb sb}", "ok", 1, "service", backend->service,
        "address", backend->address, "drained", (int)drained, "changed", (int)changed);

    if (drained && is_last(r, backend->service))
        json_object_set_new(answer, "warning",
            json_string("no backend of this service is left: its clients are answered "
                        "503, tcp connections are closed"));
    return answer;
}

static void drain(const struct control_requests *r, struct control_client *client,
    const json_t *request, bool drained)
{
    struct named_backend backend;
    struct error err;
    bool changed;

    if (!drained_find(r->reload->rollout.current->plan,
            json_string_value(json_object_get(request, "service")),
            json_string_value(json_object_get(request, "address")), &backend, &err) ||
        !drained_set(r->drained, &backend, drained, &changed, &err))
        control_refuse(client, err.text);
    else
        control_reply(client, drain_answer(r, &backend, drained, changed), NULL, 0);
}

static void take_backend(const struct control_requests *r, struct control_client *client,
    const json_t *request)
{
    const char *action = json_string_value(json_object_get(request, "action"));

    if (r->reload->rollout.current == NULL)
        control_refuse(client, "nothing is served yet");
    else if (action != NULL && strcmp(action, "drain") == 0)
        drain(r, client, request, true);
    else if (action != NULL && strcmp(action, "enable") == 0)
        drain(r, client, request, false);
    else
        control_refuse(client, "backend needs \"action\": drain or enable");
}

static void on_request(struct control_client *client, json_t *request)
{
    const struct control_requests *r = client->server->owner;
    const char *name = json_string_value(json_object_get(request, "request"));

    if (name == NULL) {
        control_refuse(client, "the request lacks \"request\"");
    } else if (strcmp(name, "reload") == 0) {
        struct task *task = task_for(client);

        task->reload.verdict = on_verdict;
        task->reload.force = json_is_true(json_object_get(request, "force"));
        if (json_is_true(json_object_get(request, "upgrade")) &&
            upgrade_is_due(r->upgrade))
            upgrade_ask(r->upgrade, &task->reload);
        else
            reload_ask(r->reload, &task->reload);
    } else if (strcmp(name, "status") == 0) {
        struct task *task = task_for(client);

        task->status.status = on_status;
        status_ask(r->status, &task->status);
    } else if (strcmp(name, "probe") == 0) {
        take_probe(r, client, request);
    } else if (strcmp(name, "backend") == 0) {
        take_backend(r, client, request);
    } else if (strcmp(name, "rotate-tickets") == 0) {
        rotate_tickets(r, client);
    } else if (strcmp(name, "reopen") == 0) {
        worker_logs_reopen(r->logs);
        control_reply(client, json_pack("{sb}", "ok", 1), NULL, 0);
    } else {
        control_refuse(client,
            "unknown request; there are reload, status, probe, backend, rotate-tickets "
            "and reopen");
    }
}

static bool is_child(const struct control_server *server, pid_t pid)
{
    const struct control_requests *r = server->owner;

    return supervisor_has(r->workers, pid) || supervisor_has(r->signers, pid) ||
        supervisor_has(r->admins, pid);
}

void control_requests_init(struct control_requests *r)
{
    control_server_init(&r->server, r->reload->loop);
    r->server.owner = r;
    r->server.request = on_request;
    r->server.gone = on_gone;
    r->server.is_child = is_child;
}

static void try_to_open(struct control_requests *r, bool succeeding)
{
    const char *path = r->reload->started_with.control;
    struct error err;

    if (control_server_open(&r->server, path, succeeding, &err)) {
        if (r->failure_told)
            log_info("event=control_listens path=%s", path);
        r->failure_told = false;
        return;
    }
    if (!r->failure_told)
        log_warning("event=no_control_socket reason=%s text=\"`reload`, `status` and "
                    "`cert install` cannot reach this process; it is tried again\"",
            log_quoted(err.text).text);
    r->failure_told = true;
}

void control_requests_open(struct control_requests *r, bool succeeding)
{
    r->wanted = strcmp(r->reload->started_with.control, "off") != 0;
    if (r->wanted)
        try_to_open(r, succeeding);
}

void control_requests_look(struct control_requests *r)
{
    struct control_server *server = &r->server;

    /* A successor has put its own there. */
    if (!r->wanted || r->upgrade->state == UPGRADE_AWAIT_TAKEN)
        return;
    if (server->fd < 0) {
        try_to_open(r, false);
    } else if (server->count == 0 && control_path_is_lost(&server->path)) {
        log_warning("event=no_control_socket reason=\"%s was removed or replaced\" "
                    "text=\"it is made again\"",
            server->path.text);
        r->failure_told = true;
        control_server_stop(server);
    }
}
