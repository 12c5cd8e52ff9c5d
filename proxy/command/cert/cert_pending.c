#include "proxy/command/cert/cert_pending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/install/folder.h"
#include "proxy/base/error.h"
#include "proxy/command/cert/cert_place.h"
#include "proxy/command/cert/cert_say.h"
#include "proxy/command/live.h"

static bool write_pair(
    const struct cert_place *place, const char *text, size_t len, struct error *err)
{
    struct file_access access = {.is_known = true, .mode = 0600};

    pair_file_owner(&place->pair, &access.uid, &access.gid);
    return file_write(place->pending_pair, text, len, &access, err);
}

/* Restores the pending pair that was there before: a failure of ours must not lose it. */
static void go_back(
    const struct cert_place *place, struct cert_say *say, const struct file_text *former)
{
    struct live_answer answer = {0};
    struct error err;

    if (former->text == NULL) {
        (void)file_unlink(place->pending_pair, &err);
        cert_say_step(say, "remove", "removed", "%s", place->pending_pair);
    } else if (write_pair(place, former->text, former->len, &err)) {
        cert_say_step(
            say, "restore", "restored", "%s, as it was before", place->pending_pair);
    } else {
        cert_say_error(say, &err);
    }
    if (place->daemon.socket_path != NULL)
        (void)live_reload(&place->daemon, place->cert, "", false, &answer, &err);
    live_answer_destroy(&answer);
}

static bool has_name(const struct cert_place *place, struct error *err)
{
    if (place->service == NULL)
        return error_set(err,
            "no service of the configuration has cert = %s, so that nothing would serve "
            "a pending one",
            place->cert);
    return *place->service->pending != '\0' ||
        error_set(err, "[%s] has pending = none: give it a name to serve it under",
            place->service->name);
}

/* Prints how to look at it, on the address of this machine that clients use. */
static void tell_how(const struct cert_place *place, struct cert_say *say)
{
    const char *accept = place->service->accept.items[0], *colon = strrchr(accept, ':');
    char text[1024];

    snprintf(text, sizeof(text),
        "try it: openssl s_client -connect %s:%s -servername %s; then: wlbproxy cert "
        "install --activate",
        place->name, colon != NULL ? colon + 1 : accept, place->service->pending);
    cert_say_result(say, "next", text, text);
}

static int tell_outcome(struct cert_place *place, struct cert_say *say, enum live live,
    const struct live_answer *answer, struct error *err)
{
    char text[256];

    if (live == LIVE_CONFIRMED) {
        snprintf(text, sizeof(text),
            "PENDING: served to clients that ask for %s, confirmed with %zu worker%s; "
            "all others get the live one",
            place->service->pending, answer->workers, answer->workers == 1 ? "" : "s");
        cert_say_result(say, "served", "pending", text);
        tell_how(place, say);
        return EXIT_DONE;
    }
    if (live == LIVE_ABSENT) {
        cert_say_result(say, "served", "unknown",
            "no proxy is running: it will be served from the next start on");
        return EXIT_DONE;
    }
    if (live == LIVE_UNUSED)
        error_set(err,
            "the running proxy has reloaded, but does not serve the pending "
            "pair; its log says why");
    cert_say_error(say, err);
    return EXIT_NEGATIVE;
}

static int try(struct cert_place *place, struct cert_say *say, const char *sha256)
{
    struct live_answer answer = {0};
    struct error err;
    enum live live = LIVE_ABSENT;
    int status;

    if (place->daemon.socket_path != NULL)
        live = live_reload(
            &place->daemon, place->pending_pair, sha256, false, &answer, &err);
    status = tell_outcome(place, say, live, &answer, &err);
    live_answer_destroy(&answer);
    return status;
}

static int tell_only(struct cert_say *say)
{
    cert_say_result(say, "served", "not tried", "DRY RUN: nothing was changed");
    return EXIT_DONE;
}

int cert_pending_install(struct cert_place *place, struct cert_say *say,
    const struct pair_text *text, const char *sha256)
{
    struct file_text former;
    struct error err;
    int status;

    if (!has_name(place, &err)) {
        cert_say_error(say, &err);
        return EXIT_FAILED;
    }
    if (!file_read(place->pending_pair, &former, &err)) {
        cert_say_error(say, &err);
        return EXIT_FAILED;
    }
    if (!say->dry_run &&
        !write_pair(place, text->text[PAIR_CERT], text->len[PAIR_CERT], &err)) {
        cert_say_error(say, &err);
        file_text_destroy(&former);
        return EXIT_FAILED;
    }
    cert_say_step(say, "write", "wrote", "%s (0600, with the key)", place->pending_pair);
    status = say->dry_run ? tell_only(say) : try(place, say, sha256);
    if (status != EXIT_DONE)
        go_back(place, say, &former);
    file_text_destroy(&former);
    return status;
}
