/*
 * remote.h - runs commands on other machines by the system's ssh, and shows them first.
 *
 * ssh asks for passwords and keys on the terminal by itself. A machine's answer is only
 * data: it is bounded, and cleaned before anybody reads it.
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

/* Returns whether ssh would read it as [USER@]HOST, and as nothing else. */
bool remote_host_check(const char *host, struct error *err);

/* Prints it on a line of its own, so that it can be pasted. */
void remote_show(const char *host, const char *command);

/* Returns whether the operator agrees, or gave --yes. */
bool remote_agreed(bool yes, const char *question, struct error *err);

/* `input` is its standard input. False and err: ssh could not be started, or was ended
 * because the host answered too much, or nothing for ten minutes. A host that
 * hangs up is an error only if SIGPIPE is ignored. */
bool remote_run(const char *host, const char *command, const char *input, size_t len,
    struct remote_answer *answer, struct error *err);

/* Copies another machine's text as one line of printable ASCII, cut at `size`. */
void remote_words(const char *from, size_t from_len, char *text, size_t size);

#endif
