/*
 * cert_place.h - the pair that a `cert` command works on, and the files that belong to
 * it.
 *
 * It is the configured pair unless flags say otherwise. Beside it: `<key>.pending`, the
 * key of a request on its way, and `<key>.pending_orig`, `<key>.pending_orig.1` and so
 * on, the keys of earlier requests; `<cert>.pending`, a merged pair that is tried before
 * it goes live; `<cert without .pem>.csr`, the request.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_PLACE_H
#define WLBPROXY_COMMAND_CERT_CERT_PLACE_H

#include <stdbool.h>

#include "certstore/install/pair_file.h"
#include "config/settings.h"
#include "proxy/command/arguments.h"
#include "proxy/command/daemon.h"

struct credential;
struct error;
struct findings;

/* The flags that all cert commands have. */
struct cert_flags {
    const char *config, *control, *name, *cert, *csr;
    bool json, force, dry_run;
    bool makes_folder; /* missing folders of the pair are made */
};

#define CERT_FLAGS(flags, force_help)                                                    \
    ARGUMENT_CONFIG((flags).config), ARGUMENT_CONTROL((flags).control),                  \
        ARGUMENT_JSON((flags).json),                                                     \
        {.name = "cert",                                                                 \
            .value = "FILE",                                                             \
            .help = "the chain's file, else the configured one",                         \
            .text = &(flags).cert},                                                      \
        {.name = "force", .help = (force_help), .flag = &(flags).force},                 \
        {.name = "dry-run",                                                              \
            .help = "tell what would be done, and do nothing",                           \
            .flag = &(flags).dry_run},                                                   \
    {                                                                                    \
        .name = "name", .value = "FQDN", .help = "the host in the WLB URL",              \
        .text = &(flags).name                                                            \
    }

struct cert_place {
    char *cert, *key; /* as configured; key NULL: merged */
    char *pending_key, *pending_pair, *csr;
    char *name; /* from --name, from the option `name`, or of this host */
    const struct service_settings *service; /* of the pair; NULL: no service has it */
    char *password; /* from its key_password_file: keys are written under it; NULL:
                     * none */
    struct settings *settings;
    struct pair_file pair;
    struct daemon daemon; /* without a socket_path: control = off */
};

/* `key` is the path of the key's file if flags name one, else NULL. */
bool cert_place_find(struct cert_place *place, const struct cert_flags *flags,
    const char *key, struct error *err);
/* Returns the file of the i-th waiting key: 0 is the newest request's, then older ones.
 * The caller frees. */
enum { CERT_WAITING_MAX = 100 };
char *cert_place_waiting_key(const struct cert_place *place, size_t i);

/* Loads the pair in place as the proxy does; NULL and err if it cannot be served. */
struct credential *cert_place_load(
    const struct cert_place *place, struct findings *findings, struct error *err);

void cert_place_destroy(struct cert_place *place);

#endif
