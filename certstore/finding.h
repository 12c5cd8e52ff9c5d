/*
 * finding.h - one judgement about a certificate, key or chain, in the operator's words.
 *
 * `check`, start, reload and `cert install` all get the same list from the same code
 * (judge.h). The severity decides what each of them does about it.
 */
#ifndef WLBPROXY_CERTSTORE_FINDING_H
#define WLBPROXY_CERTSTORE_FINDING_H

#include <stdbool.h>
#include <stddef.h>

enum severity {
    SEVERITY_NOTE, /* good to know */
    SEVERITY_WARNING, /* works, but a client or the operator may be hurt */
    SEVERITY_STALE, /* loud at start, refused at reload while the served one is good */
    SEVERITY_REFUSED, /* cannot be served */
};

struct finding {
    const char *id; /* stable, e.g. "key-mismatch"; static storage */
    enum severity severity;
    char *file; /* where; may be NULL */
    char *fact; /* one sentence: the fact */
    char *why; /* why it matters to XenServer or the operator; may be NULL */
    char *remedy; /* the remedy, with COMMAND() marks (remedy.h); may be NULL */
};

struct findings {
    struct finding *items;
    size_t count, capacity;
};

void findings_init(struct findings *findings);
void findings_destroy(struct findings *findings);

/* Copies file, why and remedy. FILE in the remedy becomes the file's name, and within
 * COMMAND() a word of the shell (remedy.h). `fact` is formatted. */
void findings_add(struct findings *findings, const char *id, enum severity severity,
    const char *file, const char *why, const char *remedy, const char *fact, ...)
    __attribute__((format(printf, 7, 8)));

/* Appends copies of all others. */
void findings_append(struct findings *findings, const struct findings *others);

/* The worst severity in the list; SEVERITY_NOTE if it is empty. */
enum severity findings_worst(const struct findings *findings);

/* The first finding of at least this severity, or NULL. */
const struct finding *findings_first(
    const struct findings *findings, enum severity at_least);

/* Prints without marks: "<file>: <fact>; <remedy>", for a log line or a refusal. */
void finding_sentence(const struct finding *finding, char *text, size_t size);

#endif
