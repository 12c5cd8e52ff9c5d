#include "proxy/master/master.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certstore/credential.h"
#include "config/wrap.h"
#include "proxy/base/abort_log.h"
#include "proxy/base/descriptor_limit.h"
#include "proxy/base/epoll_retry.h"
#include "proxy/base/log.h"
#include "proxy/base/sandbox.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/worker_setup.h"
#include "proxy/master/control_requests.h"
#include "proxy/master/listen_fds.h"
#include "proxy/master/master_signer.h"
#include "proxy/master/master_state.h"
#include "proxy/master/notify.h"
#include "proxy/master/plan.h"
#include "proxy/master/release.h"
#include "proxy/master/ticket_keys.h"

enum { GRACE = 2000, LOOK_AROUND = 5000, STARTUP_FAILED = 2, RESERVE = 4 << 20 };

/* ---- the end ---- */

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void on_drain_timeout(uv_timer_t *timer)
{
    struct master *m = timer->data;

    supervisor_kill_all(&m->supervisor);
    supervisor_kill_all(&m->signers);
    supervisor_kill_all(&m->admin.supervisor);
}

static void hurry(struct master *m)
{
    m->hurried = true;
    log_warning("event=stopping_now");
    supervisor_end(&m->supervisor, MESSAGE_STOP, 0);
    uv_timer_start(&m->drain_timer, on_drain_timeout, GRACE, 0);
}

bool master_drain(struct master *m, bool handed_over)
{
    const struct release *current = m->reload.rollout.current;
    uint64_t drain_timeout = current != NULL ? current->plan->settings->drain_timeout : 0;
    bool reload_asked;

    if (m->stopping)
        return false;
    m->stopping = true;
    if (!handed_over) {
        notify_send("STOPPING=1\nSTATUS=Finishing what is under way");
        upgrade_abandon(&m->upgrade);
    }
    log_info("event=draining drain_timeout_ms=%llu", (unsigned long long)drain_timeout);
    file_watch_stop(&m->watch);
    resolver_stop(&m->resolver);
    reload_asked = reload_stop(&m->reload);
    control_server_stop(&m->control);
    master_admin_end(m);
    uv_timer_start(&m->drain_timer, on_drain_timeout, drain_timeout + GRACE, 0);
    /* Newcomers wait for the next instance where the service manager keeps the sockets.
     */
    if (!handed_over && !listen_fds_are_kept())
        sockets_shut(&m->reload.sockets);
    supervisor_end(&m->supervisor, MESSAGE_DRAIN, handed_over);
    /* Whoever connects from now on is refused instead of waiting for nobody. */
    sockets_close(&m->reload.sockets);
    return reload_asked;
}

static void end(struct master *m, int status)
{
    m->exit_status = status;
    m->stopping = true;
    uv_stop(&m->loop);
}

/* ---- workers ---- */

void master_send_tickets(struct master *m)
{
    struct message message = {.type = MESSAGE_TICKETS,
        .body = (const char *)&m->tickets,
        .len = sizeof(m->tickets)};

    supervisor_broadcast(&m->supervisor, &message);
}

static void on_started(struct supervisor *s, struct child *child)
{
    struct master *m = s->owner;
    char body[SETUP_BYTES];
    struct setup setup = {.slot = child->slot,
        .identity = m->identity,
        .crypto = m->reload.started_with.crypto,
        .signer = m->reload.started_with.signer,
        .connects_to_unix = m->reload.started_with.connects_to_unix};
    struct message message = {.type = MESSAGE_SETUP, .body = body};

    message.len = setup_encode(&setup, body, sizeof(body));
    supervisor_send(child, &message);
    master_send_logs(m, child);
    message = (struct message){.type = MESSAGE_TICKETS,
        .body = (const char *)&m->tickets,
        .len = sizeof(m->tickets)};
    supervisor_send(child, &message);
    master_signer_join(m, child);
}

static void on_hello(struct supervisor *s, struct child *child)
{
    struct master *m = s->owner;

    rollout_hello(&m->reload.rollout, child);
}

static void on_message(struct supervisor *s, struct child *child, struct message *message)
{
    struct master *m = s->owner;

    if (message->type == MESSAGE_COMMITTED)
        resolver_tell(&m->resolver, child);
    if (!rollout_message(&m->reload.rollout, child, message) &&
        message->type == MESSAGE_STATS)
        status_take(&m->status, child, message);
}

static void on_gone(struct supervisor *s, struct child *child)
{
    struct master *m = s->owner;

    status_gone(&m->status, child);
    if (!m->stopping)
        rollout_gone(&m->reload.rollout, child);
}

void master_stopped(struct master *m)
{
    log_info("event=stopped");
    end(m, m->exit_status);
}

static void on_all_gone(struct supervisor *s)
{
    master_signer_end(s->owner);
}

static const struct supervisor_events supervisor_events = {
    on_started, on_hello, on_message, on_gone, on_all_gone};

/* ---- generations ---- */

static unsigned slots_for(const struct settings *settings)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = settings->workers != 0 ? settings->workers : (unsigned)cpus;

    return count < 1 ? 1 : count < SUPERVISOR_SLOTS_MAX ? count : SUPERVISOR_SLOTS_MAX;
}

static bool on_begin(struct reload *reload, const struct plan *plan, struct error *err)
{
    struct master *m = reload->owner;

    m->identity = plan->identity;
    tickets_set_lifetime(&m->tickets, plan->settings->ticket_lifetime);
    if (m->tickets.count == 0) {
        if (!tickets_rotate(&m->tickets, plan->settings->ticket_rotation, err))
            return false;
        m->tickets_began = uv_now(&m->loop);
    }
    log_info("event=starting version=%s pid=%d config=%s workers_run_as=\"%s\"",
        WLB_VERSION, (int)getpid(), m->config_path, m->identity.name);
    reload->slots = slots_for(plan->settings);
    m->supervisor.count = reload->slots;
    m->supervisor.child_program =
        plan->settings->signer ? PROGRAM_WORKER : PROGRAM_WORKER_WITH_KEYS;
    if (plan->settings->signer)
        master_signer_start(m);
    supervisor_start(&m->supervisor, reload->slots);
    return true;
}

/* At start, and whenever a reload changes it. */
static void tell_budget(struct master *m, const struct plan *plan)
{
    uint32_t asked = plan->max_connections_asked, given = plan->settings->max_connections;

    if (given == m->budget_told)
        return;
    if (given < asked)
        log_warning(
            "event=descriptors limit=%zu max_connections=%u asked=%u text=\"raise "
            "LimitNOFILE to %u for what was asked\"",
            descriptor_limit(), given, asked, 2 * asked + 128);
    else
        log_info(
            "event=descriptors limit=%zu max_connections=%u", descriptor_limit(), given);
    m->budget_told = given;
}

bool master_rotate_tickets(struct master *m, const char *reason, struct error *err)
{
    const struct settings *settings = m->reload.rollout.current->plan->settings;

    if (!tickets_rotate(&m->tickets, settings->ticket_rotation, err)) {
        log_error("event=ticket_keys_not_rotated reason=\"%s\"", err->text);
        return false;
    }
    m->tickets_began = uv_now(&m->loop);
    log_info("event=ticket_keys_rotated reason=%s keys=%u", reason, m->tickets.count);
    master_send_tickets(m);
    if (uv_is_active((uv_handle_t *)&m->rotation))
        uv_timer_again(&m->rotation);
    return true;
}

static void on_rotation(uv_timer_t *timer)
{
    struct error err;

    (void)master_rotate_tickets(timer->data, "time", &err);
}

static void plan_rotation(struct master *m, const struct settings *settings)
{
    if (m->tickets.lifetime != settings->ticket_lifetime / 1000) {
        tickets_set_lifetime(&m->tickets, settings->ticket_lifetime);
        master_send_tickets(m);
    }
    if (uv_timer_get_repeat(&m->rotation) == settings->ticket_rotation)
        return;
    uv_timer_start(
        &m->rotation, on_rotation, settings->ticket_rotation, settings->ticket_rotation);
}

/* Another certificate is shown, by this reload or by `cert install`: sessions begun from
 * now on share no key with those before. */
static void rotate_for_certificates(struct master *m, const struct plan *plan)
{
    char *shown = plan_certificates(plan);
    struct error err;

    if (m->certificates != NULL && strcmp(shown, m->certificates) != 0)
        (void)master_rotate_tickets(m, "certificates", &err);
    free(m->certificates);
    m->certificates = shown;
}

bool master_is_well(const struct master *m)
{
    return supervisor_is_well(&m->supervisor) && supervisor_is_well(&m->signers);
}

static void on_watchdog(uv_timer_t *timer)
{
    struct master *m = timer->data;

    if (master_is_well(m) || m->stopping)
        notify_send("WATCHDOG=1");
}

/* Serving matters more than being asked about it. */
void master_open_control(struct master *m)
{
    const char *path = m->reload.rollout.current->plan->settings->control;
    struct error err;

    if (strcmp(path, "off") != 0 &&
        !control_server_open(&m->control, path, m->successor.began_so, &err))
        log_warning("event=no_control_socket reason=\"%s\" text=\"`reload`, `status` and "
                    "`cert install` cannot reach this process\"",
            err.text);
}

/* Files may have changed, or moved, after we read or opened them. */
static void follow_up(struct master *m)
{
    if (m->reload_wanted)
        reload_request(&m->reload);
    if (m->reopen_wanted)
        master_reopen_logs(m);
}

void master_take_place(struct master *m)
{
    uint64_t interval = notify_watchdog_interval(m->successor.began_so);

    listen_fds_keep(&m->reload.sockets);
    if (interval > 0)
        uv_timer_start(&m->watchdog, on_watchdog, 0, interval);
    follow_up(m);
}

static void on_released(struct reload *reload, bool first)
{
    struct master *m = reload->owner;
    const struct plan *plan = reload->rollout.current->plan;

    if (!first)
        listen_fds_keep(&m->reload.sockets);
    master_send_logs(m, NULL);
    master_signer_retire_keys(m);
    tell_budget(m, plan);
    plan_rotation(m, plan->settings);
    rotate_for_certificates(m, plan);
    expiry_watch(&m->expiry, plan);
    file_watch_update(&m->watch, plan);
    master_admin_update(m);
    resolver_begin(&m->resolver);
    if (!first)
        return;
    m->serving = true;
    if (successor_serves(&m->successor))
        return;
    master_open_control(m);
    master_take_place(m);
}

static void on_unchanged(struct reload *reload)
{
    struct master *m = reload->owner;

    resolver_begin(&m->resolver);
}

static void on_start_failed(struct reload *reload, const struct error *err)
{
    struct master *m = reload->owner;

    if (!log_goes_to(STDERR_FILENO)) /* where it has been said by the log's last line */
        print_wrapped(stderr, "wlbproxy: cannot start: ", err->text);
    notify_status("Cannot start", err->text);
    successor_refuses(&m->successor, err->text);
    m->exit_status = STARTUP_FAILED;
    m->stopping = true;
    if (supervisor_is_empty(&m->supervisor) && supervisor_is_empty(&m->signers)) {
        end(m, STARTUP_FAILED);
        return;
    }
    supervisor_end(&m->supervisor, MESSAGE_STOP, 0);
    uv_timer_start(&m->drain_timer, on_drain_timeout, GRACE, 0);
}

static const struct reload_events reload_events = {
    on_begin, on_released, on_unchanged, on_start_failed};

static void on_look_around(uv_timer_t *timer)
{
    struct master *m = timer->data;
    uint64_t waits = epoll_retry_count();

    master_check_logs(m);
    if (m->serving)
        master_admin_update(m);
    if (waits != m->epoll_retries_told)
        log_warning("event=kernel_memory waits=%llu text=\"the kernel was out of memory "
                    "for a while\"",
            (unsigned long long)(waits - m->epoll_retries_told));
    m->epoll_retries_told = waits;
}

/* ---- signals ---- */

static void on_stop_signal(struct master *m)
{
    const bool again = m->told_to_stop;

    m->told_to_stop = true;
    if (m->stopping && m->serving && !again)
        log_info("event=draining_already");
    else if (m->stopping && !m->hurried)
        hurry(m);
    else if (m->stopping || !m->serving)
        end(m, m->exit_status);
    else
        master_drain(m, false);
}

/* Who does not know yet that we have a successor means that one, too. */
static void ignore(const struct master *m, int number)
{
    if (!upgrade_pass_on(&m->upgrade, number))
        log_info("event=signal_ignored signal=%d", number);
}

static void on_signal(void *owner, int number)
{
    struct master *m = owner;

    if (number == SIGCHLD) {
        supervisor_look_for_ended(&m->supervisor);
        supervisor_look_for_ended(&m->signers);
        supervisor_look_for_ended(&m->admin.supervisor);
    } else if (number == SIGTERM || number == SIGINT)
        on_stop_signal(m);
    else if (!m->serving && !m->stopping && number != SIGUSR2)
        *(number == SIGHUP ? &m->reload_wanted : &m->reopen_wanted) = true;
    else if (m->stopping || !m->serving)
        ignore(m, number);
    else if (number == SIGHUP && m->upgrade.state == UPGRADE_NONE &&
        upgrade_is_due(&m->upgrade))
        upgrade_begin(&m->upgrade);
    else if (number == SIGHUP)
        reload_request(&m->reload);
    else if (number == SIGUSR1)
        master_reopen_logs(m);
    else
        upgrade_begin(&m->upgrade);
}

static bool catch_signals(struct master *m, struct error *err)
{
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGCHLD};

    signal(SIGPIPE, SIG_IGN);
    m->signals.caught = on_signal;
    m->signals.owner = m;
    return signals_catch(
        &m->signals, &m->loop, numbers, sizeof(numbers) / sizeof(numbers[0]), err);
}

/* ---- from start to end ---- */

static void begin_timer(struct master *m, uv_timer_t *timer)
{
    uv_timer_init(&m->loop, timer);
    timer->data = m;
}

static bool init(
    struct master *m, const char *config_path, bool config_given, struct error *err)
{
    m->config_path = config_path;
    m->config_given = config_given;
    m->started = time(NULL);
    int result;

    if (!descriptor_suffices(err))
        return false;
    abort_log_to_terminal("cannot start: event loop", STARTUP_FAILED);
    result = uv_loop_init(&m->loop);
    abort_log_to_log();
    if (result != 0)
        return error_set(err, "event loop: %s", uv_strerror(result));
    m->began = uv_now(&m->loop);
    task_queue_init(&m->tasks, &m->loop);
    reload_init(&m->reload, &m->loop);
    m->reload.tasks = &m->tasks;
    m->reload.events = &reload_events;
    m->reload.owner = m;
    m->reload.config_path = config_path;
    m->reload.optional = !config_given;
    m->reload.rollout.supervisor = &m->supervisor;
    m->supervisor.events = &supervisor_events;
    m->supervisor.owner = m;
    m->supervisor.loop = &m->loop;
    m->supervisor.program = &m->program;
    m->supervisor.kind = SUPERVISED_WORKERS;
    master_signer_init(m);
    master_admin_init(m);
    resolver_init(&m->resolver, &m->loop, &m->reload, &m->supervisor);
    begin_timer(m, &m->rotation);
    begin_timer(m, &m->watchdog);
    begin_timer(m, &m->drain_timer);
    begin_timer(m, &m->look_around);
    uv_timer_start(&m->look_around, on_look_around, LOOK_AROUND, LOOK_AROUND);
    control_requests_init(m);
    expiry_init(&m->expiry, &m->loop);
    file_watch_init(&m->watch, m);
    return catch_signals(m, err);
}

/* A thread still works with what we would free. */
static _Noreturn void exit_with_blocked_task(struct master *m)
{
    log_info(
        "event=exit_with_blocked_task text=\"files or names were still waited for\"");
    tickets_wipe(&m->tickets);
    free(m->certificates);
    m->certificates = NULL;
    _exit(m->exit_status);
}

static void destroy(struct master *m)
{
    supervisor_kill_all(&m->supervisor);
    supervisor_kill_all(&m->signers);
    supervisor_kill_all(&m->admin.supervisor);
    control_server_stop(&m->control);
    reload_stop(&m->reload);
    resolver_stop(&m->resolver);
    if (!task_queue_end(&m->tasks) || !resolver_end(&m->resolver))
        exit_with_blocked_task(m);
    uv_walk(&m->loop, close_handle, NULL);
    uv_run(&m->loop, UV_RUN_DEFAULT);
    uv_loop_close(&m->loop);
    signals_destroy(&m->signals);
    reload_destroy(&m->reload);
    tickets_wipe(&m->tickets);
    free(m->certificates);
    m->certificates = NULL;
    logs_close(&m->reload.logs);
}

/* One heap, asked of the kernel in large steps and never given back: when there is no
 * memory to be had for a while, there is enough to go on with. */
static void keep_a_reserve(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TOP_PAD, RESERVE);
    mallopt(M_TRIM_THRESHOLD, 2 * RESERVE);
}

/* What every process of ours needs before it does anything. */
static bool prepare(struct master *m, struct error *err)
{
    umask(0027);
    signal(SIGXFSZ, SIG_IGN); /* what is too large for RLIMIT_FSIZE fails, that is all */
    keep_a_reserve();
    privileges_harden();
    descriptor_raise_limit();
    privileges_trim();
    return program_find(&m->program, err) && secrets_init(err) &&
        sandbox_enter_early(uv_version(), err);
}

/* `status` is asked from other folders, and a successor starts with it. */
static const char *absolute(const char *path)
{
    static char text[PATH_MAX];
    char folder[PATH_MAX];

    if (path[0] == '/' || getcwd(folder, sizeof(folder)) == NULL ||
        snprintf(text, sizeof(text), "%s/%s", folder, path) >= (int)sizeof(text))
        return path;
    return text;
}

int master_run(const char *config_path, bool config_given)
{
    static const int early[] = {SIGHUP, SIGUSR1, SIGUSR2};
    static struct master master;
    struct master *m = &master;
    struct error err;

    /* A reload asked for before there is anything to reload is no end. */
    signals_hold(early, sizeof(early) / sizeof(early[0]));
    log_open(STDERR_FILENO, log_kind_of_stderr(), LOG_LEVEL_INFO, "master");
    if (!prepare(m, &err) || !init(m, absolute(config_path), config_given, &err)) {
        print_wrapped(stderr, "wlbproxy: cannot start: ", err.text);
        return STARTUP_FAILED;
    }
    (void)listen_fds_adopt(&m->reload.sockets);
    upgrade_init(&m->upgrade, m);
    successor_init(&m->successor, m);
    reload_start(&m->reload);
    uv_run(&m->loop, UV_RUN_DEFAULT);
    destroy(m);
    return m->exit_status;
}
