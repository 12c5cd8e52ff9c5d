/*
 * remote.h - commands on other machines, by the system's ssh, shown before they are run.
 *
 * ssh asks for passwords and keys on the terminal by itself. What a machine answers is
 * data: bounded, and cleaned before anybody reads it.
 */
#ifndef WLBPROXY_COMMAND_CERT_REMOTE_H
#define WLBPROXY_COMMAND_CERT_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

struct error;

enum { REMOTE_ANSWER_MAX = 64 * 1024, REMOTE_UNREACHED = 255 };

struct remote_answer {
    char text[REMOTE_ANSWER_MAX]; /* standard output and standard error */
    size_t len;
    int status; /* of the command; REMOTE_UNREACHED: ssh itself failed */
};

/* Whether ssh would take it for [USER@]HOST, and for nothing else. */
bool remote_host_check(const char *host, struct error *err);

/* On a line of its own, as it can be pasted. */
void remote_show(const char *host, const char *command);

/* Whether the operator agrees, or did by --yes. */
bool remote_agreed(bool yes, const char *question, struct error *err);

/* `input` is its standard input. False and err: ssh could not be started. A host that
 * hangs up is told of only where SIGPIPE is ignored. */
bool remote_run(const char *host, const char *command, const char *input, size_t len,
    struct remote_answer *answer, struct error *err);

/* What another machine said as one line of printable ASCII, cut at `size`. */
void remote_words(const char *from, size_t from_len, char *text, size_t size);

#endif
