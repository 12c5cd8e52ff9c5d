#include "proxy/worker/served.h"

#include <stdlib.h>
#include <string.h>

#include "certstore/context_backend.h"
#include "certstore/credential.h"
#include "config/connect_line.h"
#include "config/settings.h"
#include "proxy/base/clock.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/crypto/engine.h"
#include "proxy/ipc/snapshot.h"
#include "proxy/session/balancer.h"

/* Here alone an SSL_CTX becomes the opaque type of net/ and session/. */
static struct tls_context *opaque(SSL_CTX *context)
{
    return (struct tls_context *)(void *)context;
}

static SSL_CTX *context_of(const struct service *service)
{
    return (SSL_CTX *)(void *)service->tls;
}

static void free_tls(struct tls_context *context)
{
    context_free((SSL_CTX *)(void *)context);
}

static void forget_credentials(struct served *served)
{
    for (size_t i = 0; i < served->last_count; i++)
        credential_unref(served->last[i]);
    free(served->last);
    served->last = NULL;
    served->last_count = 0;
}

static void on_freed(struct generation *generation, void *owner)
{
    struct served *served = owner;

    (void)generation;
    forget_credentials(served);
    list_remove(&served->link);
    free(served->choices);
    free(served->listeners);
    free(served);
}

static bool is_equal(const struct snapshot_blob *a, const struct snapshot_blob *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Services with the same certificate, one behind the other, share it: reading it takes
 * longer than the rest, and its memory is larger. */
static struct credential *unpack_one(const struct served *served,
    const struct snapshot_service *from, size_t i, credential_key_reader *read_key,
    struct error *err)
{
    const struct snapshot_blob *blob = &from->credentials[i];

    /* The service before `from` stands before it in the snapshot, too. */
    if (i < served->last_count && is_equal(blob, &from[-1].credentials[i]))
        return credential_ref(served->last[i]);
    return credential_unpack(blob->bytes, blob->len, engine_libctx(), read_key, err);
}

/* They become served->last. */
static bool unpack(struct served *served, const struct snapshot_service *from,
    credential_key_reader *read_key, struct error *err)
{
    struct credential **credentials =
        memory_array(from->credential_count, sizeof(*credentials));
    size_t count = 0;

    while (count < from->credential_count &&
        (credentials[count] = unpack_one(served, from, count, read_key, err)) != NULL)
        count++;
    forget_credentials(served);
    served->last = credentials;
    served->last_count = count;
    return count == from->credential_count;
}

static void set_backends(struct service *service, const struct snapshot_service *from)
{
    struct endpoint *list = memory_array(from->backend_count, sizeof(*list));

    for (uint32_t line = 0; line < service->settings->connect.count; line++) {
        size_t count = 0;

        for (size_t i = 0; i < from->backend_count; i++) {
            if (from->backends[i].connect == line)
                list[count++] = from->backends[i].endpoint;
        }
        service_set_addresses(service, line, list, count);
    }
    free(list);
}

/* The proxy as a client of its backends, where a `connect` line asks for TLS. */
static bool build_backend_tls(struct service *service,
    const struct snapshot_service *from, credential_key_reader *read_key,
    struct error *err)
{
    const struct snapshot_blob *packed = &from->backend_credential;
    struct credential *credential = NULL;

    if (!connect_lines_have_tls(&service->settings->connect))
        return true;
    if (packed->len > 0)
        credential =
            credential_unpack(packed->bytes, packed->len, engine_libctx(), read_key, err);
    if (packed->len == 0 || credential != NULL)
        service->backend_tls = opaque(context_backend_new(
            engine_libctx(), service->settings, credential, from->backend_ca, err));
    credential_unref(credential);
    if (service->backend_tls != NULL && packed->len > 0)
        engine_adopt((SSL_CTX *)(void *)service->backend_tls);
    return service->backend_tls != NULL;
}

static bool build_next(struct served *served, const struct snapshot *snapshot,
    const struct ticket_keys *tickets, credential_key_reader *read_key, struct error *err)
{
    struct service *service = &served->generation->services[served->built];
    const struct snapshot_service *from = &snapshot->services[served->built];

    if (unpack(served, from, read_key, err))
        service->tls = opaque(context_new(engine_libctx(), service->settings,
            served->last, served->last_count, tickets, from->ca, from->crl, err));
    if (service->tls != NULL)
        engine_adopt(context_of(service));
    if (service->tls == NULL || !build_backend_tls(service, from, read_key, err))
        return error_context(err, "service %s", service->settings->name);
    served->built++;
    return true;
}

static size_t count_names(
    const struct snapshot *snapshot, const struct settings *settings)
{
    size_t count = 0;

    for (size_t i = 0; i < snapshot->listener_count; i++) {
        for (size_t k = 0; k < snapshot->listeners[i].service_count; k++)
            count += settings->services[snapshot->listeners[i].services[k]].sni.count;
    }
    return count;
}

static struct sni_choice *enter_names(struct service *service, struct sni_choice *end)
{
    const struct text_list *names = &service->settings->sni;

    for (size_t i = 0; i < names->count; i++)
        *end++ = (struct sni_choice){
            .name = names->items[i], .context = context_of(service), .owner = service};
    return end;
}

/* Enters the names of all services that share an address with this one, its own too, if
 * this one is the address's default; returns their end. A service that shares two
 * addresses with it is entered twice, alike. */
static struct sni_choice *choose_by_name(struct generation *g,
    const struct snapshot *snapshot, uint32_t fallback, struct sni_choice *choices)
{
    struct sni_choice *end = choices;

    for (size_t i = 0; i < snapshot->listener_count; i++) {
        const struct snapshot_listener *listener = &snapshot->listeners[i];

        if (listener->services[0] != fallback)
            continue;
        for (size_t k = 0; k < listener->service_count; k++)
            end = enter_names(&g->services[listener->services[k]], end);
    }
    if (end > choices)
        context_set_sni(
            context_of(&g->services[fallback]), choices, (size_t)(end - choices));
    return end;
}

static void choose_all_by_name(struct served *served, const struct snapshot *snapshot)
{
    struct generation *g = served->generation;
    struct sni_choice *end;

    served->choices =
        memory_array(count_names(snapshot, g->settings), sizeof(*served->choices));
    end = served->choices;
    for (uint32_t i = 0; i < snapshot->service_count; i++)
        end = choose_by_name(g, snapshot, i, end);
}

static void take_listeners(struct served *served, const struct snapshot *snapshot)
{
    served->listener_count = snapshot->listener_count;
    served->listeners =
        memory_array(snapshot->listener_count, sizeof(*served->listeners));
    for (size_t i = 0; i < snapshot->listener_count; i++)
        served->listeners[i] = snapshot->listeners[i].services[0];
}

struct served *served_new(const struct snapshot *snapshot, struct error *err)
{
    struct settings *settings = settings_parse(snapshot->settings, "snapshot", err);
    struct served *served;

    if (settings == NULL)
        return NULL;
    served = memory_new(sizeof(*served));
    list_init(&served->link);
    served->generation = generation_new(snapshot->id, settings);
    served->generation->free_tls = free_tls;
    served->generation->freed = on_freed;
    served->generation->owner = served;
    if (settings->service_count != snapshot->service_count) {
        error_set(err, "the snapshot's services are not those of its settings");
        served_release(served);
        return NULL;
    }
    take_listeners(served, snapshot);
    for (size_t i = 0; i < snapshot->service_count; i++)
        set_backends(&served->generation->services[i], &snapshot->services[i]);
    return served;
}

bool served_is_built(const struct served *served)
{
    return served->built == served->generation->settings->service_count;
}

bool served_build(struct served *served, const struct snapshot *snapshot,
    const struct ticket_keys *tickets, credential_key_reader *read_key, uint64_t until,
    struct error *err)
{
    while (!served_is_built(served)) {
        if (!build_next(served, snapshot, tickets, read_key, err))
            return false;
        if ((uint64_t)clock_now_ns() >= until)
            break;
    }
    if (!served_is_built(served))
        return true;
    forget_credentials(served);
    choose_all_by_name(served, snapshot);
    return true;
}

void served_release(struct served *served)
{
    generation_unref(served->generation);
}

struct service *served_service(const struct served *served, const char *name)
{
    return generation_service(served->generation, name);
}

void served_supersede(const struct served *old, const struct served *fresh)
{
    struct generation *g = old->generation;

    for (size_t i = 0; i < g->settings->service_count; i++) {
        const struct service *service =
            served_service(fresh, g->settings->services[i].name);

        if (service != NULL)
            context_supersede(context_of(&g->services[i]), context_of(service));
    }
}
