#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/install/pair_switch.h"
#include "certstore/judge/judge.h"
#include "certstore/read/password_file.h"
#include "certstore/read/pem_text.h"
#include "config/path.h"
#include "config/remedy.h"
#include "proxy/base/error.h"
#include "proxy/command/cert/cert.h"
#include "proxy/command/cert/cert_change.h"
#include "proxy/command/cert/cert_place.h"
#include "proxy/command/cert/cert_say.h"
#include "proxy/master/describe.h"

struct rollback {
    struct cert_flags flags;
    struct cert_place place;
    struct cert_say say;
};

static struct credential *judge_text_pair(
    const struct rollback *r, const struct pair_text *text, struct findings *findings)
{
    const bool merged = text->text[PAIR_KEY] == NULL;
    const int key_at = merged ? PAIR_CERT : PAIR_KEY; /* the file with it */
    struct judge_input input = {
        .cert_file = r->place.cert,
        .cert_text = text->text[PAIR_CERT],
        .cert_len = text->len[PAIR_CERT],
        .key_file = merged ? NULL : r->place.key,
        .key_text = text->text[PAIR_KEY],
        .key_len = text->len[PAIR_KEY],
        .password_given = r->place.password != NULL,
        .send_root = true,
        .now = time(NULL),
    };
    struct judged_pair pair;
    struct pem_text unlocked;
    bool good;

    if (password_unlock(merged ? r->place.cert : r->place.key, text->text[key_at],
            text->len[key_at], r->place.password, &unlocked)) {
        *(merged ? &input.cert_text : &input.key_text) = unlocked.text;
        *(merged ? &input.cert_len : &input.key_len) = unlocked.len;
    }
    good = judge_pair(&input, &pair, findings);
    pem_text_destroy(&unlocked);
    return good ? credential_of_pair(&pair) : NULL;
}

/* It was moved aside: it still exists, outside the history. */
static bool refuse_unusable(const struct rollback *r, const char *name, struct error *err)
{
    char *start = path_join(r->place.pair.store, "/", name);
    char *aside = path_join(r->place.pair.store, "/unusable-", name);
    char *from = shell_word(start), *to = shell_word(aside);

    error_set(err,
        "the pair before cannot be served, so what is in place stays; to go further "
        "back, move it aside first: " COMMAND("mv -n %s %s"),
        from, to);
    free(from);
    free(to);
    free(start);
    free(aside);
    return false;
}

static bool may_go_back(const struct rollback *r, const char *name,
    const struct credential *credential, const struct findings *findings,
    struct error *err)
{
    const struct finding *stale = findings_first(findings, SEVERITY_STALE);

    if (credential == NULL)
        return refuse_unusable(r, name, err);
    if (stale == NULL || r->flags.force)
        return true;
    return error_set(err,
        "not rolled back: %s; --force does it all the same (a running proxy still "
        "refuses it while it serves a good one)",
        stale->fact);
}

static int go_back_to(struct rollback *r, const char *name, const struct pair_text *text)
{
    char summary[PAIR_NAME_MAX + 32];
    struct findings findings;
    struct credential *credential;
    struct error err;
    int status = EXIT_NEGATIVE;

    findings_init(&findings);
    credential = judge_text_pair(r, text, &findings);
    cert_say_findings(&r->say, &findings);
    if (credential != NULL)
        cert_say_certificate(&r->say,
            describe_certificate(
                r->place.cert, credential_summary(credential), time(NULL)));
    snprintf(summary, sizeof(summary), "as it was in %s", name);
    if (may_go_back(r, name, credential, &findings, &err))
        status = cert_change_apply(&(struct cert_change){
            .place = &r->place,
            .say = &r->say,
            .fresh = text,
            .sha256 = credential_summary(credential)->sha256,
            .summary = summary,
            .keep = PAIR_KEEP_UNDONE,
            .force = r->flags.force,
        });
    else
        cert_say_error(&r->say, &err);
    credential_unref(credential);
    findings_destroy(&findings);
    return status;
}

static int roll_back(struct rollback *r)
{
    char name[PAIR_NAME_MAX];
    struct pair_text text;
    struct error err;
    int status;

    if (!secrets_init(&err) || !cert_place_find(&r->place, &r->flags, NULL, &err) ||
        !cert_change_open(&r->place, &r->say, &err) ||
        !pair_file_previous(&r->place.pair, name, &text, &err)) {
        cert_say_error(&r->say, &err);
        return EXIT_FAILED;
    }
    if (*name == '\0') {
        error_set(&err, "there is no pair before the present one: nothing in %s",
            r->place.pair.store);
        cert_say_error(&r->say, &err);
        return EXIT_NEGATIVE;
    }
    status = go_back_to(r, name, &text);
    pair_text_destroy(&text);
    return status;
}

int cert_rollback_command(int argc, char **argv)
{
    struct rollback r = {.place = {.pair = PAIR_FILE_EMPTY}};
    const struct argument list[] = {
        CERT_FLAGS(r.flags, "go back though it is not valid now")};
    const struct arguments arguments = {
        .command = "cert rollback",
        .summary =
            "Puts the pair back that was in place before the present one, and with each "
            "further call the one before that; as atomically as install, with reload and "
            "confirmation. The pair left behind is kept aside.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status != EXIT_GO_ON)
        return status;
    cert_say_init(&r.say, "cert rollback", r.flags.json, r.flags.dry_run);
    status = roll_back(&r);
    cert_place_destroy(&r.place);
    return cert_say_end(&r.say, status);
}
