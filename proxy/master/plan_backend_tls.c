#include "proxy/master/plan_backend_tls.h"

#include <string.h>
#include <time.h>

#include "certstore/context.h"
#include "certstore/context_backend.h"
#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/credential_load.h"
#include "certstore/judge/judge.h"
#include "config/connect_line.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/master/plan.h"
#include "proxy/master/trust_file.h"

static bool is_system_ca(const struct service_settings *settings)
{
    return strcmp(settings->backend_ca, SETTINGS_CA_AUTO) == 0;
}

static const char *ca_file(const struct service_settings *settings)
{
    return is_system_ca(settings) ? SETTINGS_CA_SYSTEM : settings->backend_ca;
}

static bool load_ca(struct plan_service *service, const struct service_settings *settings,
    struct error *err)
{
    if (!context_backend_wants_ca(settings) ||
        trust_file_read(ca_file(settings), TRUST_BACKENDS, &service->backend_ca, err))
        return true;
    if (is_system_ca(settings))
        error_context(err,
            "the issuers this system trusts (install ca-certificates, or write "
            "backend_ca = FILE)");
    return error_context(err, "backend_ca");
}

static bool load_credential(struct plan_service *service,
    const struct service_settings *settings, struct findings *findings, struct error *err)
{
    const struct finding *stale;
    struct findings own;
    char text[ERROR_TEXT_MAX];

    if (*settings->backend_cert == '\0')
        return true;
    findings_init(&own);
    service->backend_credential =
        credential_load(settings->backend_cert, settings->backend_key,
            settings->key_password_file, settings->send_root, time(NULL), &own, err);
    stale = findings_first(&own, SEVERITY_STALE);
    if (service->backend_credential != NULL && stale != NULL) {
        finding_sentence(stale, text, sizeof(text));
        service->backend_stale = memory_text(text);
    }
    findings_append(findings, &own);
    findings_destroy(&own);
    return service->backend_credential != NULL || error_context(err, "backend_cert");
}

bool plan_backend_tls_load(struct plan_service *service,
    const struct service_settings *settings, struct findings *findings, struct error *err)
{
    if (!connect_lines_have_tls(&settings->connect))
        return true;
    if (!settings->backend_verify)
        findings_add(findings, "backend-not-verified", SEVERITY_WARNING, NULL,
            "whoever is between the proxy and the backend can pose as the backend, and "
            "read and change everything",
            "remove backend_verify = off; for a self-signed certificate: backend_pins = "
            "its SHA-256",
            "[%s] verifies no certificate of its backends (backend_verify = off)",
            settings->name);
    if (!load_ca(service, settings, err) ||
        !load_credential(service, settings, findings, err))
        return false;
    plan_backend_tls_judge(service, settings, time(NULL), findings);
    return true;
}

void plan_backend_tls_judge(const struct plan_service *service,
    const struct service_settings *settings, time_t now, struct findings *findings)
{
    /* This administrator cannot mend the list of the system. */
    if (!is_system_ca(settings))
        judge_backend_trust(settings, service->backend_ca, now, findings);
}

void plan_backend_tls_files(
    const struct service_settings *settings, struct text_list *files)
{
    if (!connect_lines_have_tls(&settings->connect))
        return;
    if (context_backend_wants_ca(settings))
        text_list_add(files, ca_file(settings));
    if (*settings->backend_cert != '\0')
        text_list_add(files, settings->backend_cert);
    if (*settings->backend_key != '\0')
        text_list_add(files, settings->backend_key);
}

static bool text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool plan_backend_tls_equal(const struct plan_service *a, const struct plan_service *b)
{
    const struct credential *one = a->backend_credential, *other = b->backend_credential;

    return text_equal(a->backend_ca, b->backend_ca) &&
        (one == other || (one != NULL && other != NULL && credential_equal(one, other)));
}

bool plan_backend_tls_check(const struct plan_service *service,
    const struct service_settings *settings, struct error *err)
{
    SSL_CTX *context;

    if (!connect_lines_have_tls(&settings->connect))
        return true;
    context = context_backend_new(
        NULL, settings, service->backend_credential, service->backend_ca, err);
    if (context == NULL)
        return false;
    context_free(context);
    return true;
}
