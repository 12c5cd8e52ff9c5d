#include "proxy/master/verdict.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "certstore/certificate.h"
#include "certstore/credential.h"
#include "certstore/judge/judge.h"
#include "certstore/judge/xenserver.h"
#include "proxy/base/utf8_json.h"
#include "proxy/master/plan.h"

enum { TEXT_MAX = 512, NAMES_MAX = 4096, ADDRESSES_MAX = 8 };

static json_t *lines_json(char *text)
{
    json_t *list = json_array();
    char *rest = text, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        if (*line != '\0')
            json_array_append_new(list, utf8_json(line));
    }
    return list;
}

/* *install: the certificate that must be in the pool; NULL also if `installed` was
 * given. */
static struct xenserver_verdict judge(const struct verdict_question *question,
    enum xenserver_release release, const char *address, X509 **install)
{
    const struct xenserver_offer offer = {
        question->leaf, question->chain, question->unsent};

    *install = NULL;
    if (question->installed == NULL)
        return xenserver_judge_prepared(release, &offer, address, time(NULL), install);
    return xenserver_judge(release, question->leaf, question->chain, address,
        question->installed, time(NULL));
}

static void set_install(json_t *verdict, enum xenserver_release release, X509 *install)
{
    char subject[TEXT_MAX] = "", name[128] = "", commands[TEXT_MAX] = "";

    if (install != NULL) {
        certificate_subject(install, subject, sizeof(subject));
        xenserver_file_name(install, name, sizeof(name));
        xenserver_commands(release, name, commands, sizeof(commands));
    }
    json_object_set_new(verdict, "install", utf8_json(subject));
    json_object_set_new(verdict, "file_name", utf8_json(name));
    json_object_set_new(verdict, "commands", lines_json(commands));
}

static void add_address(
    json_t *verdicts, const struct verdict_question *question, const char *address)
{
    for (int release = 0; release < XENSERVER_RELEASES; release++) {
        X509 *install;
        struct xenserver_verdict said =
            judge(question, (enum xenserver_release)release, address, &install);
        json_t *verdict = json_pack("{so ss sb so}", "address", utf8_json(address),
            "release", xenserver_release_name((enum xenserver_release)release),
            "accepted", (int)said.accepted, "reason", utf8_json(said.reason));

        if (question->service != NULL)
            json_object_set_new(verdict, "service", utf8_json(question->service));
        if (question->installed == NULL)
            set_install(verdict, (enum xenserver_release)release, install);
        json_array_append_new(verdicts, verdict);
    }
}

void verdicts_add(json_t *verdicts, const struct verdict_question *question)
{
    char names[NAMES_MAX], address[NAMES_MAX + 4];
    char *rest = names, *name;
    unsigned count = 0;

    if (question->address != NULL) {
        add_address(verdicts, question, question->address);
        return;
    }
    xenserver_names(question->leaf, names, sizeof(names));
    while ((name = strsep(&rest, ",")) != NULL && count < ADDRESSES_MAX) {
        if (*name == '\0')
            continue;
        xenserver_name_to_ask(name, address, sizeof(address));
        add_address(verdicts, question, address);
        count++;
    }
}

json_t *verdicts_for(const struct plan *plan, const char *address)
{
    json_t *verdicts = json_array();

    for (size_t i = 0; i < plan->settings->service_count; i++) {
        const struct service_settings *settings = &plan->settings->services[i];
        const struct credential *credential = judge_presented(
            plan->services[i].credentials, plan->services[i].credential_count);

        if (!judge_serves_xenserver(settings) || credential == NULL)
            continue;
        verdicts_add(verdicts,
            &(struct verdict_question){
                .service = settings->name,
                .leaf = credential_leaf(credential),
                .chain = credential_chain(credential),
                .unsent = credential_pair(credential)->unsent,
                .address = address != NULL || *settings->host_name == '\0'
                    ? address
                    : settings->host_name,
            });
    }
    return verdicts;
}

bool verdicts_are_good(const json_t *verdicts)
{
    const json_t *verdict;
    size_t i;

    json_array_foreach(verdicts, i, verdict)
    {
        if (!json_is_true(json_object_get(verdict, "accepted")))
            return false;
    }
    return true;
}
