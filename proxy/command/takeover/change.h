/*
 * change.h - one change-over, either way: its record, what is served, and what is run.
 */
#ifndef WLBPROXY_COMMAND_TAKEOVER_CHANGE_H
#define WLBPROXY_COMMAND_TAKEOVER_CHANGE_H

#include <stdbool.h>

#include "proxy/command/takeover/look.h"
#include "proxy/command/takeover/takeover_record.h"
#include "proxy/command/takeover/way.h"

struct error;
struct settings;

struct change {
    struct takeover_record record;
    char *record_path;
    struct settings *settings; /* stunnel's configuration in our words */
    char *text; /* the same as text */
    struct look look;
    enum way way;
};

/* Fills settings, text and look from stunnel's configuration. False and err: wlbproxy
 * cannot do all of it; stderr has what it cannot. */
bool change_read(struct change *change, const char *stunnel_config, struct error *err);
void change_destroy(struct change *change);

/* From now on SIGINT, SIGTERM and SIGHUP end nothing: they are asked for. */
void change_hold_signals(void);
bool change_is_interrupted(struct error *err);

/* Shows the line and runs it; NULL: nothing is to be done. */
bool change_run(const char *line, struct error *err);

/* Nobody listens on the ports any more, or in time. */
bool change_await_ports(const struct change *change, int ms, struct error *err);

/* Starts wlbproxy with the configuration that is in place now. False and err: it does not
 * serve, and why. */
bool change_start_proxy(const struct change *change, struct error *err);

/* Stunnel runs as it did, wlbproxy does not, the configuration is as it was, and the
 * record is gone. May be called again after an interruption. False and err: it is
 * not so, and the record is still there. */
bool change_go_back(struct change *change, struct error *err);

#endif
