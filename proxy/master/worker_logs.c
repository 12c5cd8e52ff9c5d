#include "proxy/master/worker_logs.h"

#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/ipc/log_files.h"
#include "proxy/master/plan.h"
#include "proxy/master/release.h"
#include "proxy/master/reload.h"
#include "proxy/master/supervisor.h"

void worker_logs_send(const struct worker_logs *logs, struct child *child)
{
    char body[LOGS_BODY];
    struct message message;

    logs_to_message(&logs->reload->logs, &message, body);
    if (child != NULL)
        supervisor_send(child, &message);
    else
        supervisor_broadcast(logs->workers, &message);
}

static bool reopen(struct worker_logs *logs, struct error *err)
{
    struct logs fresh;

    if (!logs_open(&fresh, logs->reload->rollout.current->plan->settings, err))
        return false;
    logs_use(&fresh, "master");
    logs_close(&logs->reload->logs);
    logs->reload->logs = fresh;
    worker_logs_send(logs, NULL);
    logs->unreachable = false;
    log_info("event=logs_reopened");
    return true;
}

void worker_logs_reopen(struct worker_logs *logs)
{
    struct error err;

    if (!reopen(logs, &err))
        log_error("event=logs_not_reopened reason=%s", log_quoted(err.text).text);
}

/* A daemon that was restarted has another socket: lost lines show it. */
void worker_logs_look(struct worker_logs *logs)
{
    const bool wanted = logs->unreachable || log_lost() > logs->lost;
    struct error err;

    if (wanted && logs->reload->rollout.current != NULL &&
        logs_use_daemon(&logs->reload->logs) && !reopen(logs, &err)) {
        if (!logs->unreachable)
            log_error("event=logs_not_reopened reason=%s", log_quoted(err.text).text);
        logs->unreachable = true;
    }
    logs->lost = log_lost();
}
