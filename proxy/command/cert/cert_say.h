/*
 * cert_say.h - what a `cert` command tells: findings, the certificate, and each thing
 * that it does, or with --dry-run would do. For people as it happens, with --json at the
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

/* `will` and `done` are one verb: "write", "wrote". */
void cert_say_step(struct cert_say *say, const char *will, const char *done,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void cert_say_findings(struct cert_say *say, const struct findings *findings);
/* A CERT of control.h; the reference is stolen. */
void cert_say_certificate(struct cert_say *say, json_t *certificate);
/* `key` for programs; text as it stands for people. */
void cert_say_result(
    struct cert_say *say, const char *key, const char *value, const char *text);
void cert_say_error(struct cert_say *say, const struct error *err);

/* Only where a person is looking: what takes a while. */
void cert_say_progress(const char *text);

/* Prints what --json is to print and frees; returns `status`. */
int cert_say_end(struct cert_say *say, int status);

#endif
