/*
 * helper.h - asks questions whose answers come from the network. The asking process may
 * be root and have keys; the helper process has neither.
 *
 * The helper is this program, executed anew under another name, so that it has nothing of
 * our memory. It becomes the workers' user, may execute nothing and write no file,
 * answers one question and ends; at the deadline it is killed. Only a resolver of names
 * may read files. The answer is only data: it is bounded, and checked as if an attacker
 * had sent it.
 */
#ifndef WLBPROXY_MASTER_HELPER_H
#define WLBPROXY_MASTER_HELPER_H

#include <stdbool.h>
#include <stddef.h>

#include "config/endpoint.h"
#include "proxy/ipc/channel.h"

struct error;
struct identity;

enum {
    HELPER_DEADLINE = 20 * 1000, /* ms */
    HELPER_ANSWER_MAX = 4 << 20,
};

struct helper_answer {
    char *bytes; /* their meaning depends on the question */
    size_t len;
    bool refused; /* there is no answer because the helper said why not */
};

/* Asks a helper; the descriptors of `question` stay the caller's. Blocks for up to
 * `deadline_ms`; may be called on a thread. False and err: there is no answer, and
 * nothing to destroy. */
bool helper_ask(const struct identity *identity, const struct message *question,
    struct helper_answer *answer, int deadline_ms, struct error *err);
/* Wipes it. */
void helper_answer_destroy(struct helper_answer *answer);

/* Text of an answer, as it may be shown: one line of UTF-8 without control characters. */
void helper_text(char *out, size_t size, const char *text);

/* endpoint_resolve(), by a helper if `text` contains a name. */
size_t helper_resolve(const struct identity *identity, const char *text,
    enum endpoint_use use, struct endpoint *list, size_t max, int deadline_ms,
    struct error *err);

/* A helper can do more than resolve names. `prepare` opens the files that the answer
 * takes, for it runs before the helper loses the file system. `answer` fills `out` with
 * the answer to a question of this type and returns its length; 0 and err: it refuses. It
 * closes no descriptor. */
struct helper_task {
    enum message_type question;
    void (*prepare)(void);
    size_t (*answer)(
        const struct message *question, char *out, size_t capacity, struct error *err);
};

/* Returns whether the program was executed under the helper's name; helper_main() is its
 * main(). */
bool helper_is_meant(const char *argument0);
int helper_main(const struct helper_task *tasks, size_t count);

#endif
