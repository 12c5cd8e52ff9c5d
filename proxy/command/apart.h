/*
 * apart.h - reads foreign bytes in a helper: handshakes with a server or a worker, and
 * files that a CA or anybody else has sent.
 *
 * The commands run as root and may have a key in their memory. So a helper (helper.h)
 * that has neither makes the handshake and parses the file. Its answer is only data:
 * certificates and keys come from it in DER, one by one, and are parsed again here.
 */
#ifndef WLBPROXY_COMMAND_APART_H
#define WLBPROXY_COMMAND_APART_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/base/bytes.h"
#include "proxy/base/error.h"
#include "proxy/master/helper.h"

struct collection;
struct findings;

/* ---- handshakes ---- */

/* The offer of a client; NULL and 0: the library's own. */
struct handshake_offer {
    int version;
    const char *ciphers, *groups, *signatures;
    const char *server_name;
    bool leaf_only; /* the rest of the chain is not wanted */
    bool request; /* a request follows: GET / */
};

enum { HANDSHAKE_TEXT_MAX = 400, HANDSHAKE_CHAIN_MAX = 32, HANDSHAKES_MAX = 64 };

struct handshake {
    bool done;
    bool asks_certificate; /* wants to see a client's */
    char terms[HANDSHAKE_TEXT_MAX]; /* agreed: "TLSv1.2, <cipher>, <group>" */
    struct error err; /* why it is not done, or why there is no status */
    unsigned status; /* of the reply to the request; 0: none came */
    struct bytes chain[HANDSHAKE_CHAIN_MAX]; /* DER, as it came; borrowed */
    size_t chain_len;
};

struct handshakes {
    struct handshake list[HANDSHAKES_MAX];
    struct helper_answer answer; /* holds the chains */
};

/* Makes one on each of `count` connected sockets, which stay the caller's. Nothing is
 * verified. All together end within `timeout_ms`. False and err: no helper could do
 * it. */
bool handshakes_apart(struct handshakes *seen, const struct handshake_offer *offer,
    const int *fds, size_t count, int timeout_ms, struct error *err);
void handshakes_destroy(struct handshakes *seen);

/* ---- files ---- */

/* collect_text() and collect_file() of collect.h, by a helper. `as_pem`: another format
 * is a finding, too. */
bool collect_text_apart(struct collection *collection, const char *file, const char *text,
    size_t len, const char *password, bool as_pem, struct findings *findings);
bool collect_file_apart(struct collection *collection, const char *path,
    const char *password, bool as_pem, struct findings *findings);

/* ---- the helper's side: functions for a struct helper_task ---- */

void apart_prepare_handshakes(void);
size_t apart_answer_handshakes(
    const struct message *question, char *out, size_t capacity, struct error *err);
void apart_prepare_file(void);
size_t apart_answer_file(
    const struct message *question, char *out, size_t capacity, struct error *err);

/* The account of the commands' helper. */
bool apart_identity(struct identity *identity, struct error *err);

#endif
