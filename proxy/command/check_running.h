/*
 * check_running.h - what `check` can only find where the proxy runs: that it serves
 * something else than what is on disk, or could not read it.
 */
#ifndef WLBPROXY_COMMAND_CHECK_RUNNING_H
#define WLBPROXY_COMMAND_CHECK_RUNNING_H

struct findings;
struct settings;

/* Nothing to tell if no proxy runs, or runs with another configuration. */
void check_running(const char *config, const char *control,
    const struct settings *settings, struct findings *findings);

#endif
