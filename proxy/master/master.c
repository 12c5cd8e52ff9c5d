#include "proxy/master/master.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "config/wrap.h"
#include "proxy/base/epoll_retry.h"
#include "proxy/base/log.h"
#include "proxy/ipc/channel.h"
#include "proxy/master/control_requests.h"
#include "proxy/master/descriptor_budget.h"
#include "proxy/master/drained.h"
#include "proxy/master/expiry.h"
#include "proxy/master/file_watch.h"
#include "proxy/master/listen_fds.h"
#include "proxy/master/master_admin.h"
#include "proxy/master/master_prepare.h"
#include "proxy/master/master_signer.h"
#include "proxy/master/master_workers.h"
#include "proxy/master/notify.h"
#include "proxy/master/plan.h"
#include "proxy/master/release.h"
#include "proxy/master/reload.h"
#include "proxy/master/resolver.h"
#include "proxy/master/signals.h"
#include "proxy/master/status.h"
#include "proxy/master/successor.h"
#include "proxy/master/supervisor.h"
#include "proxy/master/task_queue.h"
#include "proxy/master/ticket_rotation.h"
#include "proxy/master/upgrade.h"
#include "proxy/master/watchdog.h"
#include "proxy/master/worker_logs.h"

enum { GRACE = 2000, LOOK_AROUND = 5000 };

/* From start to end; it only moves forward. */
enum phase {
    STARTING, /* nothing is served yet */
    SERVING,
    DRAINING,
    HURRYING, /* told to stop a second time: connections are closed at once */
    ENDING, /* nothing is served any more, or ever was */
};

struct master {
    uv_loop_t loop;
    enum phase phase;
    struct reload reload;
    struct master_workers workers;
    struct master_signer signer;
    struct master_admin admin;
    struct program program;
    struct identity identity;
    struct ticket_rotation tickets;
    struct drained drained;
    struct worker_logs logs;
    struct control_requests control;
    struct status status;
    struct upgrade upgrade;
    struct successor successor; /* our part, if we were started by a predecessor */
    struct expiry expiry;
    struct file_watch watch;
    struct signals signals;
    struct task_queue tasks;
    struct resolver resolver;
    struct watchdog watchdog;
    uv_timer_t drain_timer, look_around;
    uint32_t budget_told;
    bool told_to_stop; /* by a signal, not by a successor that took over */
    bool reload_wanted, reopen_wanted; /* asked for before something was served */
    int exit_status;
};

static bool is_ending(const struct master *m)
{
    return m->phase >= DRAINING;
}

/* ---- the end ---- */

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void kill_all(struct master *m)
{
    supervisor_kill_all(&m->workers.supervisor);
    supervisor_kill_all(&m->signer.supervisor);
    supervisor_kill_all(&m->admin.supervisor);
}

static void on_drain_timeout(uv_timer_t *timer)
{
    kill_all(timer->data);
}

static void hurry(struct master *m)
{
    m->phase = HURRYING;
    log_warning("event=stopping_now");
    supervisor_end(&m->workers.supervisor, MESSAGE_STOP, 0);
    uv_timer_start(&m->drain_timer, on_drain_timeout, GRACE, 0);
}

/* Drains. `handed_over`: a successor's workers go on accepting. True if a reload was
 * asked for that has not begun. */
static bool drain(struct master *m, bool handed_over)
{
    const struct release *current = m->reload.rollout.current;
    uint64_t drain_timeout = current != NULL ? current->plan->settings->drain_timeout : 0;
    bool reload_asked;

    if (is_ending(m))
        return false;
    m->phase = DRAINING;
    if (!handed_over) {
        notify_send("STOPPING=1\nSTATUS=Finishing what is under way");
        upgrade_abandon(&m->upgrade);
    }
    log_info("event=draining drain_timeout_ms=%llu", (unsigned long long)drain_timeout);
    file_watch_stop(&m->watch);
    ticket_rotation_stop(&m->tickets);
    resolver_stop(&m->resolver);
    reload_asked = reload_stop(&m->reload);
    control_server_stop(&m->control.server);
    master_admin_end(&m->admin);
    uv_timer_start(&m->drain_timer, on_drain_timeout, drain_timeout + GRACE, 0);
    /* New clients wait for the next instance if the service manager keeps the sockets. */
    if (!handed_over && !listen_fds_are_kept())
        sockets_shut(&m->reload.sockets);
    supervisor_end(&m->workers.supervisor, MESSAGE_DRAIN, handed_over);
    /* From now on new clients are refused instead of waiting for nothing. */
    sockets_close(&m->reload.sockets);
    return reload_asked;
}

static bool on_handed_over(void *owner)
{
    return drain(owner, true);
}

static void end(struct master *m, int status)
{
    m->exit_status = status;
    m->phase = ENDING;
    uv_stop(&m->loop);
}

/* The last process has ended. */
static void on_signer_ended(void *owner)
{
    struct master *m = owner;

    log_info("event=stopped");
    end(m, m->exit_status);
}

/* ---- generations ---- */

static bool on_begin(struct reload *reload, const struct plan *plan, struct error *err)
{
    struct master *m = reload->owner;

    m->identity = plan->identity;
    if (!ticket_rotation_begin(&m->tickets, plan, err))
        return false;
    log_info("event=starting version=%s pid=%d config=%s workers_run_as=\"%s\"",
        WLB_VERSION, (int)getpid(), reload->config_path, m->identity.name);
    if (plan->settings->signer)
        master_signer_start(&m->signer);
    reload->slots = master_workers_start(&m->workers, plan->settings);
    return true;
}

static bool on_is_well(void *owner)
{
    const struct master *m = owner;

    return supervisor_is_well(&m->workers.supervisor) &&
        supervisor_is_well(&m->signer.supervisor);
}

static bool is_well_or_ends(void *owner)
{
    return on_is_well(owner) || is_ending(owner);
}

static void open_control(void *owner)
{
    struct master *m = owner;

    control_requests_open(&m->control, m->successor.began_so);
}

/* Files may have changed, or moved, after we read or opened them. */
static void follow_up(struct master *m)
{
    if (m->reload_wanted)
        reload_request(&m->reload);
    if (m->reopen_wanted)
        worker_logs_reopen(&m->logs);
}

/* We are the only master now, or the new one. */
static void take_place(void *owner)
{
    struct master *m = owner;

    listen_fds_keep(&m->reload.sockets);
    watchdog_begin(&m->watchdog, m->successor.began_so);
    follow_up(m);
}

static void on_released(struct reload *reload, bool first)
{
    struct master *m = reload->owner;
    const struct plan *plan = reload->rollout.current->plan;

    if (!first)
        listen_fds_keep(&m->reload.sockets);
    worker_logs_send(&m->logs, NULL);
    master_signer_retire_keys(&m->signer);
    descriptor_budget_tell(plan, &m->budget_told);
    ticket_rotation_update(&m->tickets, plan);
    drained_update(&m->drained, plan);
    expiry_watch(&m->expiry, plan);
    file_watch_update(&m->watch, plan);
    master_admin_update(&m->admin);
    resolver_begin(&m->resolver);
    if (!first)
        return;
    m->phase = SERVING;
    if (successor_serves(&m->successor))
        return;
    open_control(m);
    take_place(m);
}

static void on_unchanged(struct reload *reload)
{
    struct master *m = reload->owner;

    ticket_rotation_look(&m->tickets);
    resolver_begin(&m->resolver);
}

static void on_start_failed(struct reload *reload, const struct error *err)
{
    struct master *m = reload->owner;

    if (!log_goes_to(STDERR_FILENO)) /* the log's last line may already have said it
                                      * there */
        print_wrapped(stderr, "wlbproxy: cannot start: ", err->text);
    notify_status("Cannot start", err->text);
    successor_refuses(&m->successor, err->text);
    m->exit_status = MASTER_NOT_STARTED;
    m->phase = ENDING;
    (void)reload_stop(reload);
    if (supervisor_is_empty(&m->workers.supervisor) &&
        supervisor_is_empty(&m->signer.supervisor)) {
        end(m, MASTER_NOT_STARTED);
        return;
    }
    supervisor_end(&m->workers.supervisor, MESSAGE_STOP, 0);
    uv_timer_start(&m->drain_timer, on_drain_timeout, GRACE, 0);
}

static const struct reload_events reload_events = {
    on_begin, on_released, on_unchanged, on_start_failed};

static void on_look_around(uv_timer_t *timer)
{
    struct master *m = timer->data;

    worker_logs_look(&m->logs);
    if (m->phase == SERVING) {
        master_admin_update(&m->admin);
        control_requests_look(&m->control);
    }
    epoll_retry_tell();
}

/* ---- signals ---- */

static void on_stop_signal(struct master *m)
{
    const bool again = m->told_to_stop;

    m->told_to_stop = true;
    if (m->phase == SERVING)
        drain(m, false);
    else if (m->phase == DRAINING && again)
        hurry(m);
    else if (m->phase == DRAINING)
        log_info("event=draining_already");
    else
        end(m, m->exit_status);
}

/* A sender that does not know yet that we have a successor means the successor, too. */
static void pass_on(const struct master *m, int number)
{
    if (!upgrade_pass_on(&m->upgrade, number))
        log_info("event=signal_ignored signal=%d", number);
}

static void on_signal(void *owner, int number)
{
    struct master *m = owner;

    if (number == SIGCHLD) {
        supervisor_look_for_ended(&m->workers.supervisor);
        supervisor_look_for_ended(&m->signer.supervisor);
        supervisor_look_for_ended(&m->admin.supervisor);
    } else if (number == SIGTERM || number == SIGINT)
        on_stop_signal(m);
    else if (m->phase == STARTING && number != SIGUSR2)
        *(number == SIGHUP ? &m->reload_wanted : &m->reopen_wanted) = true;
    else if (m->phase != SERVING)
        pass_on(m, number);
    else if (number == SIGUSR1)
        worker_logs_reopen(&m->logs);
    else if (number == SIGUSR2 ||
        (m->upgrade.state == UPGRADE_NONE && upgrade_is_due(&m->upgrade)))
        upgrade_begin(&m->upgrade);
    else
        reload_request(&m->reload);
}

/* ---- from start to end ---- */

static void begin_timer(struct master *m, uv_timer_t *timer)
{
    uv_timer_init(&m->loop, timer);
    timer->data = m;
}

static void init_workers(struct master *m)
{
    m->workers = (struct master_workers){.reload = &m->reload,
        .signer = &m->signer,
        .identity = &m->identity,
        .tickets = &m->tickets,
        .drained = &m->drained,
        .logs = &m->logs,
        .resolver = &m->resolver,
        .status = &m->status};
    master_workers_init(&m->workers, &m->loop, &m->program);
    m->logs =
        (struct worker_logs){.reload = &m->reload, .workers = &m->workers.supervisor};
    ticket_rotation_init(&m->tickets, &m->loop, &m->tasks, &m->workers.supervisor);
    m->drained.workers = &m->workers.supervisor;
}

static void init_reload(struct master *m, const char *config_path, bool optional)
{
    task_queue_init(&m->tasks, &m->loop);
    reload_init(&m->reload, &m->loop);
    m->reload.tasks = &m->tasks;
    m->reload.events = &reload_events;
    m->reload.owner = m;
    m->reload.config_path = config_path;
    m->reload.optional = optional;
    m->reload.rollout.supervisor = &m->workers.supervisor;
}

static void init_others(struct master *m)
{
    m->signer = (struct master_signer){.workers = &m->workers.supervisor,
        .reload = &m->reload,
        .identity = &m->identity,
        .status = &m->status,
        .ended = on_signer_ended,
        .owner = m};
    master_signer_init(&m->signer);
    m->admin = (struct master_admin){.workers = &m->workers.supervisor,
        .reload = &m->reload,
        .identity = &m->identity,
        .status = &m->status,
        .successor = &m->successor};
    master_admin_init(&m->admin);
}

static void init_what_is_asked(struct master *m)
{
    const struct status_sources of = {.loop = &m->loop,
        .reload = &m->reload,
        .workers = &m->workers.supervisor,
        .signers = &m->signer.supervisor,
        .tickets = &m->tickets,
        .drained = &m->drained,
        .started = time(NULL),
        .began = uv_now(&m->loop)};

    status_init(&m->status, &of);
    m->control = (struct control_requests){.reload = &m->reload,
        .status = &m->status,
        .upgrade = &m->upgrade,
        .workers = &m->workers.supervisor,
        .signers = &m->signer.supervisor,
        .admins = &m->admin.supervisor,
        .tickets = &m->tickets,
        .drained = &m->drained,
        .logs = &m->logs};
    control_requests_init(&m->control);
}

static void init_upgrade(struct master *m)
{
    const struct upgrade_of upgrade = {.reload = &m->reload,
        .tickets = &m->tickets.keys,
        .drained = &m->drained,
        .program = &m->program,
        .handed_over = on_handed_over,
        .owner = m};
    const struct successor_of successor = {.reload = &m->reload,
        .tickets = &m->tickets.keys,
        .drained = &m->drained,
        .is_well = on_is_well,
        .open_control = open_control,
        .take_place = take_place,
        .owner = m};

    upgrade_init(&m->upgrade, &upgrade);
    successor_init(&m->successor, &successor);
}

static bool init(
    struct master *m, const char *config_path, bool config_given, struct error *err)
{
    if (!master_prepare(&m->program, &m->loop, err))
        return false;
    init_reload(m, config_path, !config_given);
    init_workers(m);
    init_others(m);
    init_what_is_asked(m);
    resolver_init(&m->resolver, &m->loop, &m->reload, &m->workers.supervisor);
    m->watchdog = (struct watchdog){.is_well = is_well_or_ends, .owner = m};
    watchdog_init(&m->watchdog, &m->loop);
    begin_timer(m, &m->drain_timer);
    begin_timer(m, &m->look_around);
    uv_timer_start(&m->look_around, on_look_around, LOOK_AROUND, LOOK_AROUND);
    expiry_init(&m->expiry, &m->loop);
    file_watch_init(&m->watch, &m->reload);
    m->signals = (struct signals){.caught = on_signal, .owner = m};
    return signals_catch(&m->signals, &m->loop, err);
}

/* A thread still uses memory that we would free. */
static _Noreturn void exit_with_blocked_task(struct master *m)
{
    log_info(
        "event=exit_with_blocked_task text=\"files or names were still waited for\"");
    ticket_rotation_destroy(&m->tickets);
    _exit(m->exit_status);
}

static void destroy(struct master *m)
{
    kill_all(m);
    control_server_stop(&m->control.server);
    reload_stop(&m->reload);
    ticket_rotation_stop(&m->tickets);
    resolver_stop(&m->resolver);
    if (!task_queue_end(&m->tasks) || !resolver_end(&m->resolver))
        exit_with_blocked_task(m);
    uv_walk(&m->loop, close_handle, NULL);
    uv_run(&m->loop, UV_RUN_DEFAULT);
    uv_loop_close(&m->loop);
    signals_destroy(&m->signals);
    reload_destroy(&m->reload);
    ticket_rotation_destroy(&m->tickets);
    logs_close(&m->reload.logs);
}

int master_run(const char *config_path, bool config_given)
{
    static struct master master;
    struct master *m = &master;
    struct error err;

    signals_hold();
    log_open(STDERR_FILENO, log_kind_of_stderr(), LOG_LEVEL_INFO, "master");
    if (!init(m, master_config_path(config_path), config_given, &err)) {
        print_wrapped(stderr, "wlbproxy: cannot start: ", err.text);
        return MASTER_NOT_STARTED;
    }
    (void)listen_fds_adopt(&m->reload.sockets);
    init_upgrade(m);
    reload_start(&m->reload);
    uv_run(&m->loop, UV_RUN_DEFAULT);
    destroy(m);
    return m->exit_status;
}
