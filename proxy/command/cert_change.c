#include "proxy/command/cert_change.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certstore/credential.h"
#include "certstore/durable.h"
#include "certstore/finding.h"
#include "certstore/secret_file.h"
#include "config/error.h"
#include "proxy/command/cert_place.h"
#include "proxy/command/cert_say.h"
#include "proxy/command/live.h"
#include "proxy/command/print.h"

bool cert_change_open(struct cert_place *place, struct cert_say *say, struct error *err)
{
    bool was_interrupted;

    if (say->dry_run)
        return true;
    if (!pair_file_open(&place->pair, &was_interrupted, err))
        return false;
    if (was_interrupted)
        cert_say_step(say, "settle", "settled",
            "what an interrupted command had left; the pair that was in place stays");
    return true;
}

/* From the first change to the last word nobody's Ctrl-C, and no closed pipe, may keep us
 * from confirming or going back. */
static void hold_signals(bool hold)
{
    static const int held[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
        sigaddset(&set, held[i]);
    (void)sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
    (void)signal(SIGPIPE, hold ? SIG_IGN : SIG_DFL);
}

static void tell_written(const struct cert_change *change)
{
    const struct pair_file *pair = &change->place->pair;
    const char *const *path = (const char *const *)pair->path;
    bool merged = path[PAIR_KEY] == NULL;

    cert_say_step(change->say, "write", "wrote", "%s (%s): %s", path[PAIR_CERT],
        merged ? "0600, with the key" : "0644", change->summary);
    if (!merged)
        cert_say_step(change->say, "write", "wrote", "%s (0600)", path[PAIR_KEY]);
}

static void tell_kept(const struct cert_change *change, bool existed)
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

static enum live go_live(const struct cert_change *change, const char *sha256,
    struct live_answer *answer, struct error *err)
{
    *answer = (struct live_answer){0};
    if (change->place->daemon.socket_path == NULL)
        return LIVE_ABSENT;
    cert_say_progress("waiting for the proxy to reload ...");
    return live_reload(&change->place->daemon, change->place->cert, sha256, answer, err);
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

    snprintf(text, sizeof(text),
        "LIVE: generation %" PRIu64 " serves it, confirmed by a handshake with %s",
        generation, answer->workers == 1 ? "the worker" : "each of the workers");
    if (answer->workers > 1)
        snprintf(
            text + strlen(text), sizeof(text) - strlen(text), " (%zu)", answer->workers);
    cert_say_result(change->say, "served", "confirmed", text);
    json_object_set_new(
        change->say->answer, "generation", json_integer((json_int_t)generation));
}

static void tell_live(
    const struct cert_change *change, enum live live, const struct live_answer *answer)
{
    if (live == LIVE_ABSENT)
        tell_absent(change);
    else if (live == LIVE_UNUSED)
        tell_unused(change);
    else
        tell_confirmed(change, answer);
}

/* The leaf of the pair on the disk, loaded as the proxy does; false if it is no good. */
static bool present_leaf(const struct cert_place *place, char sha256[65])
{
    struct findings findings;
    struct error ignored;
    struct credential *credential;

    findings_init(&findings);
    credential =
        credential_load(place->cert, place->key, true, time(NULL), &findings, &ignored);
    if (credential != NULL)
        memcpy(sha256, credential_summary(credential)->sha256, 65);
    credential_unref(credential);
    findings_destroy(&findings);
    return credential != NULL;
}

static void tell_back(const struct cert_change *change)
{
    struct live_answer answer;
    struct error err;
    char sha256[65] = "", text[ERROR_TEXT_MAX + 200];
    enum live live = LIVE_REFUSED;

    err.text[0] = '\0';
    if (present_leaf(change->place, sha256))
        live = go_live(change, sha256, &answer, &err);
    else
        answer = (struct live_answer){0};
    if (live == LIVE_CONFIRMED)
        snprintf(text, sizeof(text),
            "ROLLED BACK: the pair before is in place and served by every worker");
    else
        snprintf(text, sizeof(text),
            "ROLLED BACK: the pair before is in place; the proxy serves what it served%s"
            "%s",
            *err.text != '\0' ? ": " : "", err.text);
    cert_say_result(change->say, "served", "rolled_back", text);
    live_answer_destroy(&answer);
}

/* What was there before, again. */
static int go_back(const struct cert_change *change, const struct pair_text *before,
    const struct error *why)
{
    struct pair_file *pair = &change->place->pair;
    struct error err;

    cert_say_error(change->say, why);
    if (before->text[PAIR_CERT] == NULL) {
        cert_say_result(change->say, "served", "refused",
            "there was no pair before: the new one stays in place");
        return EXIT_NOT_SO;
    }
    if (!pair_file_replace(pair, before, PAIR_KEEP_UNDONE, &err)) {
        cert_say_error(change->say, &err);
        return EXIT_FAILED;
    }
    cert_say_step(
        change->say, "keep", "kept", "the pair that failed: %s/undone", pair->store);
    tell_back(change);
    return EXIT_NOT_SO;
}

/* The file that is used up, away; its bytes are kept until all is well. */
struct consumed {
    char *text;
    size_t len;
    struct file_access access;
};

static bool consume(const char *path, struct consumed *consumed, struct error *err)
{
    struct secret_file file;
    struct findings findings;
    bool read;

    *consumed = (struct consumed){0};
    if (path == NULL)
        return true;
    findings_init(&findings);
    read = secret_file_read(&file, path, &findings);
    findings_destroy(&findings);
    if (read) {
        consumed->text = file.text;
        consumed->len = file.len;
        consumed->access = (struct file_access){
            file.state.st_mode & 07777, file.state.st_uid, file.state.st_gid};
    }
    return durable_unlink(path, err);
}

static void restore(const char *path, struct consumed *consumed)
{
    struct error ignored;

    if (consumed->text != NULL)
        (void)durable_write(
            path, consumed->text, consumed->len, &consumed->access, &ignored);
}

static int put_in_place(const struct cert_change *change, const struct pair_text *before)
{
    struct pair_file *pair = &change->place->pair;
    struct consumed consumed = {0};
    struct live_answer answer;
    struct error err;
    enum live live;
    int status = EXIT_DONE;

    if (!pair_file_replace(pair, change->fresh, change->keep, &err)) {
        cert_say_error(change->say, &err);
        return EXIT_FAILED;
    }
    tell_written(change);
    tell_kept(change, before->text[PAIR_CERT] != NULL);
    if (!consume(change->consumed, &consumed, &err))
        cert_say_error(change->say, &err);
    live = go_live(change, change->sha256, &answer, &err);
    if (live == LIVE_REFUSED) {
        restore(change->consumed, &consumed);
        status = go_back(change, before, &err);
    } else {
        if (change->consumed != NULL)
            cert_say_step(change->say, "remove", "removed", "%s", change->consumed);
        tell_live(change, live, &answer);
    }
    secrets_free(consumed.text, consumed.len);
    live_answer_destroy(&answer);
    return status;
}

static int tell_only(const struct cert_change *change, const struct pair_text *before)
{
    tell_written(change);
    tell_kept(change, before->text[PAIR_CERT] != NULL);
    if (change->consumed != NULL)
        cert_say_step(change->say, "remove", "removed", "%s", change->consumed);
    cert_say_step(change->say, "reload", "reloaded",
        "the running proxy if there is one, confirm by a handshake with each worker, "
        "roll back if not");
    cert_say_result(change->say, "served", "not tried", "DRY RUN: nothing was changed");
    return EXIT_DONE;
}

int cert_change_apply(const struct cert_change *change)
{
    struct pair_text before;
    struct error err;
    int status;

    if (!pair_file_read(&change->place->pair, &before, &err)) {
        cert_say_error(change->say, &err);
        return EXIT_FAILED;
    }
    if (change->say->dry_run) {
        status = tell_only(change, &before);
    } else {
        hold_signals(true);
        status = put_in_place(change, &before);
        hold_signals(false);
    }
    pair_text_destroy(&before);
    return status;
}
