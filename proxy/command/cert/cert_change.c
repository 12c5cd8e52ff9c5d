#include "proxy/command/cert/cert_change.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/install/folder.h"
#include "certstore/install/pair_switch.h"
#include "proxy/base/error.h"
#include "proxy/command/cert/cert_change_tell.h"
#include "proxy/command/cert/cert_place.h"
#include "proxy/command/cert/cert_say.h"
#include "proxy/command/live.h"
#include "proxy/command/print.h"

/* Time for the proxy to reload and prove it, and as much again for going back. */
enum { CONFIRM_MS = 15 * 1000 };

bool cert_change_open(struct cert_place *place, struct cert_say *say, struct error *err)
{
    bool was_interrupted;

    if (say->dry_run)
        return pair_file_try(&place->pair, err);
    if (!pair_file_open(&place->pair, &was_interrupted, err))
        return false;
    if (was_interrupted)
        cert_say_step(say, "settle", "settled",
            "what an interrupted command had left; the pair that was in place stays");
    return true;
}

/* Until all is confirmed or undone, Ctrl-C and closed pipes are blocked or ignored. */
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

static enum live go_live(const struct cert_change *change, const char *sha256, bool force,
    struct live_answer *answer, struct error *err)
{
    *answer = (struct live_answer){0};
    if (change->place->daemon.socket_path == NULL)
        return LIVE_ABSENT;
    cert_say_progress("waiting for the proxy to reload ...");
    return live_reload(
        &change->place->daemon, change->place->cert, sha256, force, answer, err);
}

/* Reads the leaf of the pair on the disk, loaded as the proxy does; false if it cannot be
 * served. */
static bool present_leaf(const struct cert_place *place, char sha256[65])
{
    struct findings findings;
    struct error ignored;
    struct credential *credential;

    findings_init(&findings);
    credential = cert_place_load(place, &findings, &ignored);
    if (credential != NULL)
        memcpy(sha256, credential_summary(credential)->sha256, 65);
    credential_unref(credential);
    findings_destroy(&findings);
    return credential != NULL;
}

/* Describes the result of going back. */
static void describe_back(enum live live, const struct live_answer *answer,
    const struct error *err, char *text, size_t size)
{
    static const char start[] = "ROLLED BACK: the pair before is in place";

    if (live == LIVE_CONFIRMED)
        snprintf(text, size, "%s and served by every worker", start);
    else if (live == LIVE_ABSENT)
        snprintf(text, size, "%s; no proxy is running any more", start);
    else if (live == LIVE_UNUSED)
        snprintf(text, size, "%s; no service of the running proxy uses it", start);
    else if (answer->verdict != NULL &&
        !json_is_true(json_object_get(answer->verdict, "ok")))
        snprintf(text, size, "%s; the proxy serves what it served: %s", start, err->text);
    else
        snprintf(text, size,
            "%s, but it is not confirmed that every worker serves it: %s; see wlbproxy "
            "status; systemctl restart wlbproxy makes sure of it",
            start, err->text);
}

static void tell_back(const struct cert_change *change)
{
    struct live_answer answer = {0};
    struct error err;
    char sha256[65] = "", text[ERROR_TEXT_MAX + 256];

    if (present_leaf(change->place, sha256)) {
        enum live live = go_live(change, sha256, true, &answer, &err);

        describe_back(live, &answer, &err, text, sizeof(text));
    } else {
        snprintf(text, sizeof(text),
            "ROLLED BACK: the pair before is in place; it cannot be served either, so "
            "the proxy serves what it served");
    }
    cert_say_result(change->say, "served", "rolled_back", text);
    live_answer_destroy(&answer);
}

/* Restores the pair that was in place before. */
static int go_back(const struct cert_change *change, const struct pair_text *before,
    const struct error *why)
{
    struct pair_file *pair = &change->place->pair;
    enum pair_keep keep;
    struct error err;

    cert_say_error(change->say, why);
    if (before->text[PAIR_CERT] == NULL) {
        cert_say_result(change->say, "served", "refused",
            "there was no pair before: the new one stays in place");
        return EXIT_NEGATIVE;
    }
    /* A pair that a rollback has taken from the history returns to it. */
    keep = change->keep == PAIR_KEEP_OLD ? PAIR_KEEP_UNDONE : PAIR_KEEP_OLD;
    if (!pair_file_replace(pair, before, keep, &err)) {
        cert_say_error(change->say, &err);
        return EXIT_FAILED;
    }
    cert_say_step(change->say, "keep", "kept", "the pair that was refused: %s/%s",
        pair->store, keep == PAIR_KEEP_UNDONE ? "undone" : "");
    tell_back(change);
    return EXIT_NEGATIVE;
}

/* Removes a file that is no longer needed. Its bytes are kept until all is confirmed: it
 * is read first, because otherwise it could not be put back. */
static bool consume(const char *path, struct file_text *consumed, struct error *err)
{
    *consumed = (struct file_text){0};
    if (path == NULL)
        return true;
    if (!file_read(path, consumed, err))
        return error_context(err, "it is left there");
    return consumed->text == NULL || file_unlink(path, err);
}

static void restore(const char *path, const struct file_text *consumed)
{
    struct error ignored;

    if (consumed->text != NULL)
        (void)file_write(
            path, consumed->text, consumed->len, &consumed->access, &ignored);
}

static void tell_consumed(const struct cert_change *change, const bool gone[])
{
    for (size_t i = 0; i < CERT_CONSUMED_MAX; i++) {
        if (change->consumed[i] != NULL && gone[i])
            cert_say_step(change->say, "remove", "removed", "%s", change->consumed[i]);
    }
}

static int make_live(const struct cert_change *change, const struct pair_text *before)
{
    struct file_text consumed[CERT_CONSUMED_MAX];
    bool gone[CERT_CONSUMED_MAX];
    struct live_answer answer;
    struct error err;
    enum live live;
    int status = EXIT_DONE;

    for (size_t i = 0; i < CERT_CONSUMED_MAX; i++) {
        gone[i] = consume(change->consumed[i], &consumed[i], &err);
        if (!gone[i])
            cert_say_error(change->say, &err);
    }
    live = go_live(change, change->sha256, change->force, &answer, &err);
    if (live == LIVE_REFUSED) {
        for (size_t i = 0; i < CERT_CONSUMED_MAX; i++)
            restore(change->consumed[i], &consumed[i]);
        status = go_back(change, before, &err);
    } else {
        tell_consumed(change, gone);
        change_tell_live(change, live, &answer);
    }
    for (size_t i = 0; i < CERT_CONSUMED_MAX; i++)
        file_text_destroy(&consumed[i]);
    live_answer_destroy(&answer);
    return status;
}

static int put_in_place(const struct cert_change *change, const struct pair_text *before)
{
    struct error err;

    if (!pair_file_replace(&change->place->pair, change->fresh, change->keep, &err)) {
        cert_say_error(change->say, &err);
        return EXIT_FAILED;
    }
    change_tell_written(change);
    change_tell_kept(change, before->text[PAIR_CERT] != NULL);
    return make_live(change, before);
}

static int tell_only(const struct cert_change *change, const struct pair_text *before)
{
    change_tell_written(change);
    change_tell_kept(change, before->text[PAIR_CERT] != NULL);
    tell_consumed(change, (const bool[CERT_CONSUMED_MAX]){true, true});
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
        daemon_hurry(&change->place->daemon, CONFIRM_MS);
        status = put_in_place(change, &before);
        hold_signals(false);
    }
    pair_text_destroy(&before);
    return status;
}
