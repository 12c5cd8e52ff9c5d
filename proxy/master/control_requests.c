#include "proxy/master/control_requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/memory.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/wire.h"
#include "proxy/master/master_state.h"
#include "proxy/master/plan.h"
#include "proxy/master/release.h"

enum { NAME_MAX_BYTES = 512 };

/* A client that waits for something; client->work points to it. */
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

static void run_home(struct task *task, json_t *answer)
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
    run_home(container_of(waiter, struct task, reload), verdict);
}

static void on_status(struct status_waiter *waiter, json_t *status)
{
    run_home(container_of(waiter, struct task, status), status);
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

static void probe(struct master *m, struct control_client *client, const char *service)
{
    int fds[CONTROL_FDS_MAX];
    size_t count = 0;
    json_t *workers = json_array();

    for (unsigned i = 0; i < m->supervisor.count; i++) {
        struct child *child = m->supervisor.slots[i].child;

        if (child == NULL || child->serving == 0 ||
            !send_probe(child, service, &fds[count]))
            continue;
        json_array_append_new(workers, json_integer(i));
        count++;
    }
    control_reply(client,
        json_pack("{sb sI so}", "ok", 1, "generation",
            (json_int_t)m->reload.rollout.current->id, "workers", workers),
        fds, count);
}

static void take_probe(struct master *m, struct control_client *client, json_t *request)
{
    const char *service = json_string_value(json_object_get(request, "service"));

    if (service == NULL || strlen(service) > NAME_MAX_BYTES - 16)
        control_refuse(client, "probe needs \"service\", the name of a section");
    else if (plan_service(m->reload.rollout.current->plan, service) == NULL)
        control_refuse(client, "there is no service of that name");
    else
        probe(m, client, service);
}

static void rotate_tickets(struct master *m, struct control_client *client)
{
    struct error err;

    if (m->reload.rollout.current == NULL)
        control_refuse(client, "nothing is served yet");
    else if (!master_rotate_tickets(m, "command", &err))
        control_refuse(client, err.text);
    else
        control_reply(client,
            json_pack("{sb si sI}", "ok", 1, "keys", (int)m->tickets.count, "lifetime",
                (json_int_t)m->tickets.lifetime),
            NULL, 0);
}

static void on_request(struct control_client *client, json_t *request)
{
    struct master *m = client->server->owner;
    const char *name = json_string_value(json_object_get(request, "request"));

    if (name == NULL) {
        control_refuse(client, "the request lacks \"request\"");
    } else if (strcmp(name, "reload") == 0) {
        struct task *task = task_for(client);

        task->reload.verdict = on_verdict;
        task->reload.force = json_is_true(json_object_get(request, "force"));
        if (json_is_true(json_object_get(request, "upgrade")) &&
            upgrade_is_due(&m->upgrade))
            upgrade_ask(&m->upgrade, &task->reload);
        else
            reload_ask(&m->reload, &task->reload);
    } else if (strcmp(name, "status") == 0) {
        struct task *task = task_for(client);

        task->status.status = on_status;
        status_ask(&m->status, &task->status);
    } else if (strcmp(name, "probe") == 0) {
        take_probe(m, client, request);
    } else if (strcmp(name, "rotate-tickets") == 0) {
        rotate_tickets(m, client);
    } else if (strcmp(name, "reopen") == 0) {
        master_reopen_logs(m);
        control_reply(client, json_pack("{sb}", "ok", 1), NULL, 0);
    } else {
        control_refuse(client,
            "unknown request; there are reload, status, probe, rotate-tickets and "
            "reopen");
    }
}

static bool is_child(const struct control_server *server, pid_t pid)
{
    const struct master *m = server->owner;

    return supervisor_has(&m->supervisor, pid) || supervisor_has(&m->signers, pid) ||
        supervisor_has(&m->admin.supervisor, pid);
}

void control_requests_init(struct master *m)
{
    control_server_init(&m->control, &m->loop);
    m->control.owner = m;
    m->control.request = on_request;
    m->control.gone = on_gone;
    m->control.is_child = is_child;
    status_init(&m->status, m);
}
