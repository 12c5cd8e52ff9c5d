/*
 * takeover_record.h - the state before wlbproxy took stunnel's place, and how far it
 * has come: in a file beside the configuration, written before anything is changed, so
 * that whoever comes after an interruption knows what to do.
 */
#ifndef WLBPROXY_COMMAND_TAKEOVER_RECORD_H
#define WLBPROXY_COMMAND_TAKEOVER_RECORD_H

#include <stdbool.h>

#include <jansson.h>

struct error;

enum takeover_state {
    TAKEOVER_BEGUN, /* and not known to have ended */
    TAKEOVER_DONE, /* wlbproxy has its place */
    TAKEOVER_UNDOING, /* on the way back */
};

/* Texts are owned; NULL: there is none. */
struct takeover_record {
    enum takeover_state state;
    unsigned step; /* begun last, from 1 on; 0: none */
    char *when; /* it began */
    char *stunnel_config, *stunnel_unit, *stunnel_start;
    long stunnel_pid; /* until it was stopped */
    bool stunnel_enabled;
    char *config; /* wlbproxy's */
    char *kept; /* the file that was in its place before; NULL: none was */
    char *way; /* "unit", "rc" or "background" */
};

char *takeover_record_path(const char *config);

/* *found false: there is none. False and err: it cannot be read, or understood. */
bool takeover_record_read(
    const char *path, struct takeover_record *record, bool *found, struct error *err);
/* On the disk when it returns; replaced as one. */
bool takeover_record_write(
    const char *path, const struct takeover_record *record, struct error *err);
void takeover_record_destroy(struct takeover_record *record);

#endif
