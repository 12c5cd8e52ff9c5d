#include "proxy/command/verdict.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/x509.h>

#include "certstore/credential.h"
#include "certstore/xenserver.h"
#include "proxy/command/print.h"
#include "proxy/process/plan.h"

/* XAPI's algorithms choose the RSA certificate where there are two. */
static const struct credential *presented(const struct plan_service *service)
{
    for (size_t i = 0; i < service->credential_count; i++) {
        if (strncmp(credential_summary(service->credentials[i])->key, "RSA", 3) == 0)
            return service->credentials[i];
    }
    return service->credential_count > 0 ? service->credentials[0] : NULL;
}

static void subject_text(X509 *certificate, char *text, int size)
{
    *text = '\0';
    if (certificate != NULL)
        X509_NAME_oneline(X509_get_subject_name(certificate), text, size);
}

/* The root is with the CA alone: its chain cannot be followed, the name can be judged. */
static struct xenserver_verdict judge_name(X509 *leaf, const char *address)
{
    struct xenserver_verdict verdict = {0};
    char reason[200];

    verdict.accepted = xenserver_host_matches(leaf, address, reason, sizeof(reason));
    snprintf(verdict.reason, sizeof(verdict.reason),
        "%s; its chain was not judged, for the root is not in the file", reason);
    return verdict;
}

/* As if the administrator of the pool had done what he must. */
static json_t *verdict_of(enum xenserver_release release,
    const struct credential *credential, const char *service, const char *address)
{
    X509 *leaf = credential_leaf(credential);
    STACK_OF(X509) *chain = credential_chain(credential);
    STACK_OF(X509) *installed = sk_X509_new_null();
    X509 *install = xenserver_to_install(release, leaf, chain);
    struct xenserver_verdict verdict;
    char subject[256];
    json_t *reason;

    if (install != NULL)
        sk_X509_push(installed, install);
    verdict = install == NULL
        ? judge_name(leaf, address)
        : xenserver_judge(release, leaf, chain, address, installed, time(NULL));
    sk_X509_free(installed); /* borrowed certificates */
    subject_text(install, subject, sizeof(subject));
    reason = json_string(verdict.reason);
    return json_pack("{ss ss sb so so}", "service", service, "release",
        xenserver_release_name(release), "accepted", (int)verdict.accepted, "reason",
        reason != NULL ? reason : json_string("(not UTF-8)"), "install",
        json_string(subject));
}

json_t *verdicts_for(const struct plan *plan, const char *address)
{
    json_t *list = json_array();

    for (size_t i = 0; i < plan->settings->service_count; i++) {
        const struct service_settings *settings = &plan->settings->services[i];
        const struct credential *credential = presented(&plan->services[i]);

        if (settings->sni.count > 0 || credential == NULL)
            continue;
        for (int release = 0; release < XENSERVER_RELEASES; release++)
            json_array_append_new(list,
                verdict_of((enum xenserver_release)release, credential, settings->name,
                    address));
    }
    return list;
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

void verdicts_print(const json_t *verdicts, const char *address)
{
    const json_t *verdict;
    char text[1024];
    size_t i;

    snprintf(text, sizeof(text),
        "XenServer, with verification on and connecting to %s:", address);
    putchar('\n');
    print_wrapped(stdout, "", text);
    json_array_foreach(verdicts, i, verdict)
    {
        bool accepted = json_is_true(json_object_get(verdict, "accepted"));
        const char *install = json_text(verdict, "install");

        snprintf(text, sizeof(text), "[%s] %s %s: %s", json_text(verdict, "service"),
            json_text(verdict, "release"), accepted ? "accepts it" : "REFUSES IT",
            json_text(verdict, "reason"));
        print_wrapped(stdout, "  ", text);
        snprintf(text, sizeof(text), "%s",
            *install != '\0' ? install : "the root certificate of the issuing CA");
        print_wrapped(stdout, "    in the pool: ", text);
    }
    putchar('\n');
}
