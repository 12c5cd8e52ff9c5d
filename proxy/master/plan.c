#include "proxy/master/plan.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/credential_load.h"
#include "certstore/judge/judge.h"
#include "certstore/trust.h"
#include "config/connect_line.h"
#include "config/text_list.h"
#include "proxy/base/descriptor_limit.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/ipc/log_files.h"
#include "proxy/master/helper.h"
#include "proxy/master/plan_backend_tls.h"
#include "proxy/master/plan_backends.h"
#include "proxy/master/plan_tls.h"
#include "proxy/master/sockets.h"
#include "proxy/master/staging.h"
#include "proxy/master/trust_file.h"

static const char default_user[] = "wlbproxy";

enum { ADDRESSES_MAX = 16 };

static char *copy_sentence(const struct finding *finding)
{
    char text[ERROR_TEXT_MAX];

    if (finding == NULL)
        return NULL;
    finding_sentence(finding, text, sizeof(text));
    return memory_text(text);
}

static bool load_credential(struct plan_service *service,
    const struct service_settings *settings, size_t i, struct findings *findings,
    struct error *err)
{
    const char *key = i < settings->key.count ? settings->key.items[i] : NULL;
    struct findings own;
    struct credential *credential;

    findings_init(&own);
    credential = credential_load(settings->cert.items[i], key,
        settings->key_password_file, settings->send_root, time(NULL), &own, err);
    findings_append(findings, &own);
    if (credential != NULL) {
        service->stale[i] = copy_sentence(findings_first(&own, SEVERITY_STALE));
        service->credentials[service->credential_count++] = credential;
    }
    findings_destroy(&own);
    return credential != NULL;
}

static bool load_service(struct plan_service *service,
    const struct service_settings *settings, const struct identity *identity,
    struct findings *findings, struct error *err)
{
    if (!plan_backends_resolve(service, settings, identity, findings, err))
        return false;
    service->credentials =
        memory_array(settings->cert.count, sizeof(*service->credentials));
    service->stale = memory_array(settings->cert.count, sizeof(*service->stale));
    for (size_t i = 0; i < settings->cert.count; i++) {
        if (!load_credential(service, settings, i, findings, err))
            return false;
    }
    if (settings->ca[0] != '\0' &&
        !trust_file_read(settings->ca, TRUST_CLIENTS, &service->ca, err))
        return error_context(err, "ca");
    if (settings->crl.count > 0 && !trust_files_read(&settings->crl, &service->crl, err))
        return error_context(err, "crl");
    if (!plan_backend_tls_load(service, settings, findings, err))
        return false;
    judge_trust(settings, service->ca, service->crl, time(NULL), findings);
    judge_service(settings, service->credentials, service->credential_count, findings);
    return true;
}

static bool load_services(struct plan *plan, struct findings *findings, struct error *err)
{
    plan->services = memory_array(plan->settings->service_count, sizeof(*plan->services));
    for (size_t i = 0; i < plan->settings->service_count; i++) {
        const struct service_settings *settings = &plan->settings->services[i];

        if (!load_service(&plan->services[i], settings, &plan->identity, findings, err))
            return error_context(err, "service %s", settings->name);
    }
    return true;
}

static struct snapshot_listener *listener_on(
    const struct plan *plan, const struct endpoint *address)
{
    for (size_t i = 0; i < plan->listener_count; i++) {
        if (endpoint_equal(&plan->listeners[i].address, address))
            return &plan->listeners[i];
    }
    return NULL;
}

static struct snapshot_listener *add_listener(
    struct plan *plan, const struct endpoint *address)
{
    struct snapshot_listener *listeners =
        memory_resize(plan->listeners, plan->listener_count + 1, sizeof(*listeners));

    plan->listeners = listeners;
    listeners[plan->listener_count] = (struct snapshot_listener){
        .address = *address,
        .services = memory_array(plan->settings->service_count, sizeof(uint32_t)),
    };
    return &listeners[plan->listener_count++];
}

/* The first service without names of its own answers clients that ask for no service's
 * name. */
static bool share_listener(const struct plan *plan, struct snapshot_listener *listener,
    uint32_t service, struct error *err)
{
    const struct service_settings *all = plan->settings->services;
    size_t last = listener->service_count;

    for (size_t i = 0; i < last; i++) {
        if (listener->services[i] == service)
            return true;
    }
    listener->services[listener->service_count++] = service;
    if (last == 0 || all[service].sni.count > 0)
        return true;
    if (all[listener->services[0]].sni.count == 0)
        return error_set(err,
            "services %s and %s both accept on %s; give one of them "
            "'sni = NAME', or another port",
            all[listener->services[0]].name, all[service].name, listener->address.text);
    listener->services[last] = listener->services[0];
    listener->services[0] = service;
    return true;
}

static bool plan_service_listeners(struct plan *plan, uint32_t service, struct error *err)
{
    const struct text_list *accept = &plan->settings->services[service].accept;
    struct endpoint addresses[ADDRESSES_MAX];

    for (size_t i = 0; i < accept->count; i++) {
        size_t found = helper_resolve(&plan->identity, accept->items[i], ENDPOINT_ACCEPT,
            addresses, ADDRESSES_MAX, HELPER_DEADLINE, err);

        if (found == 0)
            return error_context(err, "accept");
        for (size_t k = 0; k < found; k++) {
            struct snapshot_listener *listener = listener_on(plan, &addresses[k]);

            if (listener == NULL)
                listener = add_listener(plan, &addresses[k]);
            if (!share_listener(plan, listener, service, err))
                return false;
        }
    }
    return true;
}

static bool plan_listeners(struct plan *plan, struct error *err)
{
    for (size_t i = 0; i < plan->settings->service_count; i++) {
        if (!plan_service_listeners(plan, (uint32_t)i, err))
            return error_context(err, "service %s", plan->settings->services[i].name);
    }
    return true;
}

/* The account is looked up in the plan, so that `check` and a reload find what the next
 * start would. */
static bool find_account(struct plan *plan, struct findings *findings, struct error *err)
{
    const char *user = plan->settings->user;
    bool fallback;

    if (!identity_find(&plan->identity, user, &fallback, err))
        return false;
    if (fallback)
        findings_add(findings, "no-such-user",
            strcmp(user, default_user) == 0 ? SEVERITY_NOTE : SEVERITY_WARNING, NULL,
            "an account of its own keeps the workers apart from other services",
            "make it: adduser --system --group ACCOUNT; or name another one: user = "
            "ACCOUNT",
            "there is no account '%s': the workers run as nobody", user);
    return true;
}

/* From here on a pin is a digest: the workers open no file, and a file with another
 * content makes another plan. */
static bool read_pins(
    struct plan *plan, const char *option, struct text_list *pins, struct error *err)
{
    struct text_list digests = {0};
    bool good = true;

    for (size_t i = 0; good && i < pins->count; i++) {
        const char *pin = pins->items[i];
        char *text = NULL;

        if (*pin != '/') {
            text_list_add(&digests, pin);
            continue;
        }
        text_list_add(&plan->pin_files, pin);
        good = trust_file_read(pin, TRUST_PINS, &text, err) &&
            (trust_add_pins(text, &digests, err) || error_context(err, "%s", pin));
        free(text);
    }
    text_list_clear(pins);
    *pins = digests;
    return good || error_context(err, "%s", option);
}

static bool read_all_pins(struct plan *plan, struct error *err)
{
    for (size_t i = 0; i < plan->settings->service_count; i++) {
        struct service_settings *service = &plan->settings->services[i];

        if ((service->verify != VERIFY_OFF &&
                !read_pins(plan, "verify_pins", &service->verify_pins, err)) ||
            (service->backend_verify && connect_lines_have_tls(&service->connect) &&
                !read_pins(plan, "backend_pins", &service->backend_pins, err)))
            return error_context(err, "service %s", service->name);
    }
    return true;
}

/* Counts the descriptors of a worker besides its clients': idle backend connections,
 * listeners, and the checks of its backends. */
static size_t count_descriptors(const struct settings *settings)
{
    size_t count = 0;

    for (size_t i = 0; i < settings->service_count; i++)
        count += settings->services[i].backend_keepalive +
            2 * settings->services[i].accept.count + settings->services[i].connect.count;
    return count;
}

struct plan *plan_load(
    const char *config_path, bool optional, struct findings *findings, struct error *err)
{
    struct plan *plan = memory_new(sizeof(*plan));

    plan->settings = settings_load(config_path, optional, err);
    if (plan->settings != NULL)
        staging_add_services(plan->settings, findings);
    if (plan->settings == NULL || !find_account(plan, findings, err) ||
        !read_all_pins(plan, err) || !plan_listeners(plan, err) ||
        !load_services(plan, findings, err) || !plan_tls_check(plan, findings, err)) {
        plan_free(plan);
        return NULL;
    }
    plan->max_connections_asked = plan->settings->max_connections;
    plan->settings->max_connections = descriptor_connections(
        plan->settings->max_connections, count_descriptors(plan->settings));
    plan->text = settings_print(plan->settings);
    return plan;
}

static bool can_be_opened(const struct plan *plan, struct error *err)
{
    for (size_t i = 0; i < plan->listener_count; i++) {
        if (!sockets_check(&plan->listeners[i].address, err))
            return false;
    }
    return logs_check(plan->settings, err);
}

struct plan *plan_try(
    const char *config_path, bool optional, struct findings *findings, struct error *err)
{
    struct plan *plan = plan_load(config_path, optional, findings, err);

    if (plan == NULL || can_be_opened(plan, err))
        return plan;
    plan_free(plan);
    return NULL;
}

static char *copy_text(const char *text)
{
    return text != NULL ? memory_text(text) : NULL;
}

static void *copy_array(const void *from, size_t count, size_t size)
{
    void *copy = memory_array(count, size);

    if (count > 0)
        memcpy(copy, from, count * size);
    return copy;
}

static void copy_service(struct plan_service *to, const struct plan_service *from)
{
    to->backend_count = from->backend_count;
    to->backends =
        copy_array(from->backends, from->backend_count, sizeof(*from->backends));
    to->credential_count = from->credential_count;
    to->credentials = memory_array(from->credential_count, sizeof(*to->credentials));
    to->stale = memory_array(from->credential_count, sizeof(*to->stale));
    for (size_t i = 0; i < from->credential_count; i++) {
        to->credentials[i] = credential_ref(from->credentials[i]);
        to->stale[i] = copy_text(from->stale[i]);
    }
    to->ca = copy_text(from->ca);
    to->crl = copy_text(from->crl);
    to->backend_ca = copy_text(from->backend_ca);
    if (from->backend_credential != NULL)
        to->backend_credential = credential_ref(from->backend_credential);
    to->backend_stale = copy_text(from->backend_stale);
}

struct plan *plan_copy(const struct plan *plan)
{
    struct plan *copy = memory_new(sizeof(*copy));
    struct error err;

    copy->settings = settings_parse(plan->text, "the settings", &err);
    if (copy->settings == NULL)
        abort(); /* settings_print() writes only texts that can be parsed */
    copy->text = memory_text(plan->text);
    copy->max_connections_asked = plan->max_connections_asked;
    text_list_copy(&copy->pin_files, &plan->pin_files);
    copy->identity = plan->identity;
    copy->services = memory_array(plan->settings->service_count, sizeof(*copy->services));
    for (size_t i = 0; i < plan->settings->service_count; i++)
        copy_service(&copy->services[i], &plan->services[i]);
    copy->listener_count = plan->listener_count;
    copy->listeners =
        copy_array(plan->listeners, plan->listener_count, sizeof(*plan->listeners));
    for (size_t i = 0; i < plan->listener_count; i++)
        copy->listeners[i].services = copy_array(plan->listeners[i].services,
            plan->listeners[i].service_count, sizeof(*plan->listeners[i].services));
    return copy;
}

static void free_service(struct plan_service *service)
{
    for (size_t i = 0; i < service->credential_count; i++) {
        credential_unref(service->credentials[i]);
        free(service->stale[i]);
    }
    free(service->credentials);
    free(service->stale);
    free(service->backends);
    free(service->ca);
    free(service->crl);
    free(service->backend_ca);
    credential_unref(service->backend_credential);
    free(service->backend_stale);
}

void plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    assert(plan->settings != NULL || plan->services == NULL);
    for (size_t i = 0; plan->services != NULL && i < plan->settings->service_count; i++)
        free_service(&plan->services[i]);
    for (size_t i = 0; i < plan->listener_count; i++)
        free(plan->listeners[i].services);
    free(plan->listeners);
    free(plan->services);
    text_list_clear(&plan->pin_files);
    free(plan->text);
    settings_free(plan->settings);
    free(plan);
}

static bool text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool service_equal(const struct plan_service *a, const struct plan_service *b)
{
    if (a->credential_count != b->credential_count || !text_equal(a->ca, b->ca) ||
        !text_equal(a->crl, b->crl) || !plan_backend_tls_equal(a, b))
        return false;
    for (size_t i = 0; i < a->credential_count; i++) {
        if (!credential_equal(a->credentials[i], b->credentials[i]))
            return false;
    }
    return true;
}

bool plan_equal(const struct plan *a, const struct plan *b)
{
    if (!text_equal(a->text, b->text) || a->listener_count != b->listener_count)
        return false;
    for (size_t i = 0; i < a->settings->service_count; i++) {
        if (!service_equal(&a->services[i], &b->services[i]))
            return false;
    }
    for (size_t i = 0; i < a->listener_count; i++) {
        if (!endpoint_equal(&a->listeners[i].address, &b->listeners[i].address))
            return false;
    }
    return true;
}

char *plan_certificates(const struct plan *plan)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = memory_stream(&text, &len);

    for (size_t i = 0; i < plan->settings->service_count; i++) {
        const struct plan_service *service = &plan->services[i];

        fprintf(out, "[%s]", plan->settings->services[i].name);
        for (size_t k = 0; k < service->credential_count; k++)
            fprintf(out, " %s", credential_summary(service->credentials[k])->sha256);
    }
    memory_stream_close(out);
    return text;
}

const struct plan_service *plan_service(const struct plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->settings->service_count; i++) {
        if (strcmp(plan->settings->services[i].name, name) == 0)
            return &plan->services[i];
    }
    return NULL;
}

bool plan_listens_on(const struct plan *plan, const struct endpoint *address)
{
    return listener_on(plan, address) != NULL;
}
