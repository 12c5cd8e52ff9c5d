/*
 * check_running.h - what `check` can only find where the proxy runs: that it serves
 * something else than what is on disk, or could not read it.
 */
#ifndef WLBPROXY_COMMAND_CHECK_RUNNING_H
#define WLBPROXY_COMMAND_CHECK_RUNNING_H

struct findings;
struct plan;

/* Where none runs: is another process in its place? Nothing to tell of one that runs with
 * another configuration. */
void check_running(const char *config, const char *control, const struct plan *plan,
    struct findings *findings);

#endif
