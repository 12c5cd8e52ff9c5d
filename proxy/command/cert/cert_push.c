#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/read/pem_text.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/command/cert/cert.h"
#include "proxy/command/cert/cert_place.h"
#include "proxy/command/cert/remote.h"
#include "proxy/command/print.h"

struct push {
    struct cert_flags flags;
    bool yes;
    struct text_list nodes;
    struct cert_place place;
    struct pem_text text; /* chain and key as they are in place here */
    char sha256[65];
};

/* The pair comes on standard input: only the pair's own files ever hold it. */
static const char install_command[] = "wlbproxy cert install --json -";

static bool read_here(struct push *p, struct error *err)
{
    struct findings findings;
    struct credential *credential;
    struct pair_text pair;

    findings_init(&findings);
    credential = cert_place_load(&p->place, &findings, err);
    findings_destroy(&findings);
    if (credential == NULL)
        return error_context(err, "what is in place here is not pushed");
    memcpy(p->sha256, credential_summary(credential)->sha256, sizeof(p->sha256));
    credential_unref(credential);
    if (!pair_file_read(&p->place.pair, &pair, err))
        return false;
    for (int i = 0; i < PAIR_FILES; i++)
        pem_text_append(&p->text, &(struct pem_text){pair.text[i], pair.len[i]});
    pair_text_destroy(&pair);
    return true;
}

/* Explains why it did not confirm, in its own words if it gave any. */
static bool tell_why(
    const struct remote_answer *answer, const json_t *json, struct error *err)
{
    const char *says = json_text(json, "error");
    char words[300];

    if (*says == '\0')
        says =
            *json_text(json, "served") != '\0' ? json_text(json, "served") : answer->text;
    remote_words(says, strlen(says), words, sizeof(words));
    if (answer->status == REMOTE_UNREACHED)
        return error_set(err, "ssh did not get there: %s", words);
    return error_set(
        err, "it did not confirm (exit status %d): %s", answer->status, words);
}

/* Confirmed means: by a handshake with each worker of the node, which showed no other
 * certificate. */
static bool is_confirmed(
    const struct push *p, const struct remote_answer *answer, struct error *err)
{
    const char *begin = memchr(answer->text, '{', answer->len);
    json_t *json = begin == NULL ? NULL : json_loads(begin, JSON_DISABLE_EOF_CHECK, NULL);
    const json_t *certificate = json_object_get(json, "certificate");
    bool good =
        (answer->status == 0 && strcmp(json_text(json, "served"), "confirmed") == 0 &&
            strcmp(json_text(certificate, "sha256"), p->sha256) == 0) ||
        tell_why(answer, json, err);

    json_decref(json);
    return good;
}

static bool push_to(const struct push *p, const char *node, struct error *err)
{
    static struct remote_answer answer;
    char text[320];

    remote_show(node, install_command);
    if (!remote_run(node, install_command, p->text.text, p->text.len, &answer, err) ||
        !is_confirmed(p, &answer, err))
        return error_context(err, "%s", node);
    snprintf(text, sizeof(text), "LIVE on %s, confirmed with every worker there", node);
    print_wrapped(stdout, "", text);
    return true;
}

/* One after the other: if one node fails to serve it, the others are left alone. */
static bool push_to_all(const struct push *p, struct error *err)
{
    char text[128];

    for (size_t i = 0; i < p->nodes.count; i++) {
        if (push_to(p, p->nodes.items[i], err))
            continue;
        snprintf(
            text, sizeof(text), "STOPPED: %zu of %zu nodes serve it", i, p->nodes.count);
        print_wrapped(stdout, "", text);
        return false;
    }
    return true;
}

static int push(struct push *p)
{
    struct error err = {""};
    bool good = p->nodes.count > 0 ||
        error_set(&err, "an operand is missing: NODE, as [USER@]HOST");

    for (size_t i = 0; i < p->nodes.count && good; i++)
        good = remote_host_check(p->nodes.items[i], &err);
    good = good && secrets_init(&err) &&
        cert_place_find(&p->place, &p->flags, NULL, &err) && read_here(p, &err);
    if (!good) {
        print_failure("cert push", false, err.text);
        return EXIT_FAILED;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a node that hangs up is reported as an error of
                                     * write() */
    for (size_t i = 0; i < p->nodes.count && (p->flags.dry_run || !p->yes); i++)
        remote_show(p->nodes.items[i], install_command);
    if (p->flags.dry_run) {
        puts("DRY RUN: nothing was changed");
        return EXIT_DONE;
    }
    if (remote_agreed(p->yes, "run these commands?", &err) && push_to_all(p, &err))
        return EXIT_DONE;
    print_failure("cert push", false, err.text);
    return EXIT_NEGATIVE;
}

int cert_push_command(int argc, char **argv)
{
    struct push p = {.place = {.pair = PAIR_FILE_EMPTY}};
    const struct argument list[] = {
        ARGUMENT_CONFIG(p.flags.config),
        {.name = "cert",
            .value = "FILE",
            .help = "the chain's file, else the configured one",
            .text = &p.flags.cert},
        {.name = "yes", .help = "do not ask", .flag = &p.yes},
        {.name = "dry-run",
            .help = "show the commands, run none",
            .flag = &p.flags.dry_run},
    };
    const struct arguments arguments = {
        .command = "cert push",
        .summary =
            "Installs the pair that is in place here on other nodes, by ssh, one after "
            "the other: each must confirm by a handshake with every worker that it "
            "serves it, and rolls back by itself if not; the first that does not confirm "
            "ends it. The key goes through ssh alone.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
        .operand = "NODE...",
        .operands = &p.nodes,
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status == EXIT_GO_ON) {
        status = push(&p);
        cert_place_destroy(&p.place);
    }
    pem_text_destroy(&p.text);
    text_list_clear(&p.nodes);
    return status;
}
