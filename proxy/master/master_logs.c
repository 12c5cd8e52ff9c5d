#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/ipc/log_files.h"
#include "proxy/master/master_state.h"
#include "proxy/master/plan.h"
#include "proxy/master/release.h"

void master_send_logs(struct master *m, struct child *child)
{
    char body[LOGS_BODY];
    struct message message;

    logs_to_message(&m->reload.logs, &message, body);
    if (child != NULL)
        supervisor_send(child, &message);
    else
        supervisor_broadcast(&m->supervisor, &message);
}

void master_reopen_logs(struct master *m)
{
    struct logs fresh;
    struct error err;

    if (!logs_open(&fresh, m->reload.rollout.current->plan->settings, &err)) {
        log_error("event=logs_not_reopened reason=\"%s\"", err.text);
        return;
    }
    logs_use(&fresh, "master");
    logs_close(&m->reload.logs);
    m->reload.logs = fresh;
    master_send_logs(m, NULL);
    log_info("event=logs_reopened");
}

/* A syslog daemon that was restarted has another socket: what is lost tells us. */
void master_check_logs(struct master *m)
{
    uint64_t lost = log_lost();

    for (unsigned i = 0; i < m->supervisor.count; i++) {
        if (m->supervisor.slots[i].child != NULL)
            lost += m->supervisor.slots[i].child->log_lost;
    }
    if (lost > m->log_lost && m->serving && logs_use_syslog(&m->reload.logs))
        master_reopen_logs(m);
    m->log_lost = lost;
}
