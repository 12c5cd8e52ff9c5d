/*
 * check_running.h - findings of `check` where the proxy runs: it serves something else
 * than the files, or could not read them.
 */
#ifndef WLBPROXY_COMMAND_CHECK_RUNNING_H
#define WLBPROXY_COMMAND_CHECK_RUNNING_H

struct findings;
struct plan;

/* Where no proxy runs, it looks for another process on its ports. A proxy with another
 * configuration is ignored. */
void check_running(const char *config, const char *control, const struct plan *plan,
    struct findings *findings);

#endif
