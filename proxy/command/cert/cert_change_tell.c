#include "proxy/command/cert/cert_change_tell.h"

#include <inttypes.h>
#include <stdio.h>

#include "certstore/install/pair_switch.h"
#include "config/path.h"
#include "proxy/command/cert/cert_change.h"
#include "proxy/command/cert/cert_place.h"
#include "proxy/command/cert/cert_say.h"
#include "proxy/command/print.h"

void change_tell_written(const struct cert_change *change)
{
    const struct pair_file *pair = &change->place->pair;
    const char *const *path = (const char *const *)pair->path;
    bool merged = path[PAIR_KEY] == NULL;

    cert_say_step(change->say, "write", "wrote", "%s (%04o%s): %s", path[PAIR_CERT],
        (unsigned)pair_file_access(pair, change->fresh, PAIR_CERT).mode,
        merged ? ", with the key" : "", change->summary);
    if (!merged)
        cert_say_step(change->say, "write", "wrote", "%s (%04o)", path[PAIR_KEY],
            (unsigned)pair_file_access(pair, change->fresh, PAIR_KEY).mode);
}

void change_tell_kept(const struct cert_change *change, bool existed)
{
    const struct pair_file *pair = &change->place->pair;

    if (!existed)
        return;
    if (change->keep == PAIR_KEEP_UNDONE)
        cert_say_step(
            change->say, "keep", "kept", "the pair left behind: %s/undone", pair->store);
    else if (pair->path[PAIR_KEY] != NULL)
        cert_say_step(change->say, "keep", "kept",
            "the pair before: %s_orig, %s_orig; the last %d: %s/", pair->path[PAIR_CERT],
            name_of_path(pair->path[PAIR_KEY]), PAIR_HISTORY_MAX, pair->store);
    else
        cert_say_step(change->say, "keep", "kept",
            "the file before: %s_orig; the last "
            "%d: %s/",
            pair->path[PAIR_CERT], PAIR_HISTORY_MAX, pair->store);
}

static void tell_absent(const struct cert_change *change)
{
    const char *path = change->place->daemon.socket_path;
    char text[512];

    if (path != NULL)
        snprintf(text, sizeof(text),
            "no proxy is running (nobody listens on %s): it will be served from the next "
            "start on",
            path);
    else
        snprintf(text, sizeof(text),
            "control = off, so a running proxy cannot be asked: make it reload with "
            "systemctl reload wlbproxy");
    cert_say_result(change->say, "served", "unknown", text);
}

static void tell_unused(const struct cert_change *change)
{
    char text[512];

    snprintf(text, sizeof(text),
        "the running proxy has reloaded, but none of its services has cert = %s",
        change->place->cert);
    cert_say_result(change->say, "served", "unused", text);
}

static void tell_confirmed(
    const struct cert_change *change, const struct live_answer *answer)
{
    uint64_t generation = json_number(answer->verdict, "generation");
    char text[512];

    if (answer->workers == 1)
        snprintf(text, sizeof(text),
            "LIVE: generation %" PRIu64 ", confirmed by a handshake with the worker",
            generation);
    else
        snprintf(text, sizeof(text),
            "LIVE: generation %" PRIu64 ", confirmed by a handshake with each of %zu "
            "workers",
            generation, answer->workers);
    cert_say_result(change->say, "served", "confirmed", text);
    json_object_set_new(
        change->say->answer, "generation", json_integer((json_int_t)generation));
}

void change_tell_live(
    const struct cert_change *change, enum live live, const struct live_answer *answer)
{
    if (live == LIVE_ABSENT)
        tell_absent(change);
    else if (live == LIVE_UNUSED)
        tell_unused(change);
    else
        tell_confirmed(change, answer);
}
