/*
 * cert_say.h - the output of a `cert` command: findings, the certificate, and each step
 * that it takes or, with --dry-run, would take. For people at once, with --json at the
 * end.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_SAY_H
#define WLBPROXY_COMMAND_CERT_CERT_SAY_H

#include <stdbool.h>

#include <jansson.h>

struct error;
struct findings;

struct cert_say {
    const char *command; /* "cert install" */
    bool json, dry_run;
    json_t *answer; /* an object */
};

void cert_say_init(struct cert_say *say, const char *command, bool json, bool dry_run);

/* `will` and `done` are two forms of a verb: "write", "wrote". */
void cert_say_step(struct cert_say *say, const char *will, const char *done,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void cert_say_findings(struct cert_say *say, const struct findings *findings);
/* A CERT of control.h; the reference is stolen. */
void cert_say_certificate(struct cert_say *say, json_t *certificate);
/* `key` is for programs; people see `text` as it is. */
void cert_say_result(
    struct cert_say *say, const char *key, const char *value, const char *text);
void cert_say_error(struct cert_say *say, const struct error *err);

/* Announces something slow, only on a terminal. */
void cert_say_progress(const char *text);

/* Prints the JSON, if --json was given, and frees; returns `status`. */
int cert_say_end(struct cert_say *say, int status);

#endif
