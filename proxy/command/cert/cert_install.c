#include <string.h>
#include <time.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/install/pair_switch.h"
#include "certstore/read/password_file.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/command/cert/cert.h"
#include "proxy/command/cert/cert_change.h"
#include "proxy/command/cert/cert_fresh.h"
#include "proxy/command/cert/cert_next.h"
#include "proxy/command/cert/cert_pending.h"
#include "proxy/command/cert/cert_place.h"
#include "proxy/command/cert/cert_say.h"
#include "proxy/master/describe.h"

struct install {
    struct cert_flags flags;
    const char *key, *password_file;
    bool pending, activate;
    struct text_list files;
    struct cert_place place;
    struct cert_say say;
};

static const char summary[] =
    "Puts what the CA sent into service: PEM, DER, PKCS#7 or PKCS#12, one file or "
    "many, or - for standard input, in any order. Sorts the chain, finds the key "
    "(in the files, of `cert request`, or the present one), judges as start and "
    "reload do, replaces both files as one, keeps the pair before, makes the "
    "running proxy reload, confirms by a handshake with every worker that it is "
    "served, and rolls back by itself if not (exit status 1). Interrupted at any "
    "point, the old or the new pair is in place, never a mixture.";

/* A certificate that is expired or not yet valid cannot replace a good one in the running
 * proxy, even with --force. */
static bool may_install(
    const struct install *in, const struct findings *findings, struct error *err)
{
    const struct finding *stale = findings_first(findings, SEVERITY_STALE);

    if (stale == NULL || in->flags.force)
        return true;
    return error_set(err, "not installed: %s; --force installs it all the same%s",
        stale->fact,
        strcmp(stale->id, "xenserver-lost") == 0
            ? ""
            : " (a running proxy still refuses it while it serves a good one)");
}

static int put_in(struct install *in, struct cert_fresh *fresh)
{
    const struct credential_summary *s = credential_summary(fresh->credential);
    struct pair_text text = cert_fresh_text(fresh, in->pending || in->place.key == NULL);
    int status;

    if (in->pending)
        return cert_pending_install(&in->place, &in->say, &text, s->sha256);
    status = cert_change_apply(&(struct cert_change){
        .place = &in->place,
        .say = &in->say,
        .fresh = &text,
        .sha256 = s->sha256,
        .summary = fresh->summary,
        .keep = PAIR_KEEP_OLD,
        .force = in->flags.force,
        .consumed =
            {
                in->activate ? in->place.pending_pair : NULL,
                fresh->waiting_key,
            },
    });
    if (status == EXIT_DONE && !in->say.dry_run)
        cert_next_tell(&in->say, &in->place, fresh->credential);
    return status;
}

static int judge_and_put_in(struct install *in)
{
    const struct cert_source source = {&in->files, in->key, in->password_file};
    struct findings findings;
    struct cert_fresh fresh;
    struct error err;
    int status = EXIT_NEGATIVE;
    bool good;

    findings_init(&findings);
    good = cert_fresh_gather(&fresh, &in->place, &source, &findings, &err);
    cert_say_findings(&in->say, &findings);
    if (good) {
        cert_say_certificate(&in->say,
            describe_certificate(
                in->place.cert, credential_summary(fresh.credential), time(NULL)));
        if (may_install(in, &findings, &err))
            status = put_in(in, &fresh);
        else
            cert_say_error(&in->say, &err);
        cert_fresh_destroy(&fresh);
    } else {
        if (*err.text == '\0')
            error_set(&err, "not installed; what was in place still is");
        cert_say_error(&in->say, &err);
    }
    findings_destroy(&findings);
    return status;
}

static bool has_something_to_install(struct install *in, struct error *err)
{
    if (in->activate && (in->files.count > 0 || in->pending || in->key != NULL))
        return error_set(err, "--activate takes the pending pair, and no other file");
    if (in->activate)
        text_list_add(&in->files, in->place.pending_pair);
    return in->files.count > 0 ||
        error_set(err,
            "a file is missing: name what the CA sent; see wlbproxy cert "
            "install --help");
}

static int install(struct install *in)
{
    struct error err;
    int status = EXIT_FAILED;

    if (!secrets_init(&err) || !cert_place_find(&in->place, &in->flags, NULL, &err) ||
        !has_something_to_install(in, &err) ||
        !cert_change_open(&in->place, &in->say, &err))
        cert_say_error(&in->say, &err);
    else
        status = judge_and_put_in(in);
    cert_place_destroy(&in->place);
    return status;
}

int cert_install_command(int argc, char **argv)
{
    struct install in = {.place = {.pair = PAIR_FILE_EMPTY}};
    const struct argument list[] = {
        CERT_FLAGS(in.flags, "though it is not valid now, or no use to XenServer"),
        {.name = "key",
            .value = "FILE",
            .help = "the key, if it is elsewhere",
            .text = &in.key},
        ARGUMENT_PASSWORD(in.password_file),
        {.name = "pending",
            .help = "to be tried before it goes live",
            .flag = &in.pending},
        {.name = "activate", .help = "make the pending one live", .flag = &in.activate},
    };
    const struct arguments arguments = {
        .command = "cert install",
        .summary = summary,
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
        .operand = "FILE...",
        .operands = &in.files,
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status == EXIT_GO_ON) {
        cert_say_init(&in.say, "cert install", in.flags.json, in.flags.dry_run);
        status = cert_say_end(&in.say, install(&in));
    }
    text_list_clear(&in.files);
    return status;
}
