#include <stdlib.h>
#include <string.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/install/ticket_file.h"
#include "certstore/judge/judge.h"
#include "config/config_file.h"
#include "config/remedy.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/base/utf8_json.h"
#include "proxy/command/arguments.h"
#include "proxy/command/check_running.h"
#include "proxy/command/daemon.h"
#include "proxy/command/print.h"
#include "proxy/command/summary.h"
#include "proxy/command/verdict_print.h"
#include "proxy/control/control_path.h"
#include "proxy/crypto/engine.h"
#include "proxy/master/describe.h"
#include "proxy/master/plan.h"
#include "proxy/master/verdict.h"

struct check {
    const char *config;
    const char *control; /* NULL: as configured */
    const char *address; /* NULL: each name of the certificate */
    bool optional; /* the file may be missing */
    struct plan *plan; /* NULL: refused, err says why */
    json_t *verdicts; /* NULL: none; without an address they are only information */
    struct findings findings;
    struct error err;
};

/* Tests whether the file can be read at all; its content is judged elsewhere. */
static bool can_read_config(const struct check *c, struct error *err)
{
    bool missing;
    char *text = config_file_read(c->config, &missing, err);

    free(text);
    return text != NULL || (missing && c->optional);
}

static void judge_addresses(struct check *c)
{
    for (size_t i = 0; i < c->plan->settings->service_count; i++) {
        const struct service_settings *service = &c->plan->settings->services[i];
        const struct credential *credential = judge_presented(
            c->plan->services[i].credentials, c->plan->services[i].credential_count);

        if (judge_serves_xenserver(service) && credential != NULL)
            judge_address(credential_leaf(credential), service->cert.items[0], c->address,
                &c->findings);
    }
}

/* The proxy would serve all the same. */
static void judge_control(const char *path, struct findings *findings)
{
    struct error err;

    if (strcmp(path, "off") != 0 && !control_path_check(path, &err))
        findings_add(findings, "control-unusable", SEVERITY_WARNING, path,
            "reload, status and cert install could not reach the proxy",
            "give control another path, or leave it out for the default", "%s", err.text);
}

/* Keys of the node alone would seal in their place. */
static void judge_ticket_keys(const char *path, struct findings *findings)
{
    struct ticket_file file;
    struct error err;

    if (*path != '\0' && !ticket_file_read(path, &file, &err))
        findings_add(findings, "ticket-keys-unusable", SEVERITY_WARNING, path,
            "sessions that were begun on another node could not be resumed here",
            "mend the file, or have it made anew: " COMMAND(
                "wlbproxy tickets rotate --file FILE"),
            "%s", err.text);
    else if (*path != '\0')
        ticket_file_wipe(&file);
}

/* Otherwise the workers would find it out, and refuse to start. */
static bool can_compute(const struct settings *settings, struct error *err)
{
    if (settings->crypto != CRYPTO_BATCHED)
        return true;
    if (!engine_start(ENGINE_BATCHED, err))
        return false;
    engine_stop();
    return true;
}

static bool load(struct check *c)
{
    c->plan = plan_try(c->config, c->optional, &c->findings, &c->err);
    if (c->plan == NULL || can_compute(c->plan->settings, &c->err))
        return c->plan != NULL;
    plan_free(c->plan);
    c->plan = NULL;
    return false;
}

static void judge(struct check *c)
{
    findings_init(&c->findings);
    if (!load(c))
        return;
    judge_control(c->plan->settings->control, &c->findings);
    judge_ticket_keys(c->plan->settings->ticket_keys, &c->findings);
    if (c->address == NULL && *c->plan->settings->services[0].host_name != '\0')
        c->address = c->plan->settings->services[0].host_name;
    if (c->address != NULL)
        judge_addresses(c);
    check_running(c->config, c->control, c->plan, &c->findings);
    c->verdicts = verdicts_for(c->plan, c->address);
}

static int status_of(const struct check *c)
{
    bool bad = c->plan == NULL || findings_worst(&c->findings) >= SEVERITY_STALE ||
        (c->address != NULL && !verdicts_are_good(c->verdicts));

    return bad ? EXIT_NEGATIVE : EXIT_DONE;
}

static void print_check(const struct check *c)
{
    json_t *findings = describe_findings(&c->findings);
    json_t *services = c->plan != NULL ? describe_services(c->plan) : json_array();
    const json_t *service;
    size_t i;

    json_array_foreach(services, i, service)
    {
        print_service(stdout, service);
        putchar('\n');
    }
    if (c->plan == NULL && !is_told_by_a_finding(c->err.text, findings))
        print_wrapped(stdout, "refused  ", c->err.text);
    print_findings(stdout, findings);
    if (c->verdicts != NULL)
        verdicts_print(c->verdicts);
    else if (c->findings.count > 0)
        putchar('\n');
    summary_print(&c->findings, status_of(c) == EXIT_DONE, c->plan == NULL);
    json_decref(findings);
    json_decref(services);
}

static void print_check_json(const struct check *c)
{
    json_t *json = json_pack("{sb so so}", "ok", status_of(c) == EXIT_DONE, "config",
        utf8_json(c->config), "findings", describe_findings(&c->findings));

    if (c->plan != NULL)
        json_object_set_new(json, "services", describe_services(c->plan));
    else
        json_object_set_new(json, "error", utf8_json(c->err.text));
    if (c->verdicts != NULL)
        json_object_set(json, "xenserver", c->verdicts);
    print_json(json);
    json_decref(json);
}

static int check(struct check *c, bool json)
{
    int status;

    if (!secrets_init(&c->err) || !can_read_config(c, &c->err)) {
        print_failure("check", json, c->err.text);
        return EXIT_FAILED;
    }
    judge(c);
    if (json)
        print_check_json(c);
    else
        print_check(c);
    status = status_of(c);
    json_decref(c->verdicts);
    plan_free(c->plan);
    findings_destroy(&c->findings);
    return status;
}

int check_command(int argc, char **argv)
{
    const char *config = NULL, *control = NULL, *address = NULL;
    bool json = false;
    const struct argument list[] = {
        ARGUMENT_CONFIG(config),
        ARGUMENT_CONTROL(control),
        {.name = "name",
            .value = "HOST",
            .help = "the host in the WLB URL, else the configured one",
            .text = &address,
            .former = "address"},
        ARGUMENT_JSON(json),
    };
    const struct arguments arguments = {
        .command = "check",
        .summary =
            "Judges the configuration, certificates and keys with the code of start "
            "and reload, whether XenServer could connect and would accept them, and "
            "whether they are what is served. Changes nothing. Exit "
            "status 1: a start or reload would be refused, or a certificate is not "
            "valid now.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
    };
    int status = arguments_parse(&arguments, argc, argv);
    struct check c;

    if (status != EXIT_GO_ON)
        return status;
    c = (struct check){
        .config = config != NULL ? config : SETTINGS_DEFAULT_FILE,
        .control = control,
        .address = address,
        .optional = config == NULL,
    };
    return check(&c, json);
}
