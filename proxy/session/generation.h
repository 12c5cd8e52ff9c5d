/*
 * generation.h - one immutable snapshot that a worker serves: settings, TLS contexts,
 * backends.
 *
 * Each client connection keeps one reference to the generation it was accepted under; the
 * last unref frees it. Plain int count: a worker is one thread. worker/served.c builds it
 * from the master's snapshot.
 */
#ifndef WLBPROXY_SESSION_GENERATION_H
#define WLBPROXY_SESSION_GENERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings.h"
#include "proxy/session/idle_connections.h"

struct access_rules;
struct balancer;
struct endpoint;
struct tls_context;

/* One [section]. */
struct service {
    const struct service_settings *settings; /* the generation's */
    struct generation *generation;
    struct tls_context *tls; /* owned: an SSL_CTX */
    struct tls_context *backend_tls; /* owned, as a client; NULL: no `connect = tls:` */
    struct access_rules *rules; /* owned */
    struct balancer *balancer; /* owned: the addresses of `connect`, and their health */
    struct idle_connections idle;
};

struct generation {
    int refs;
    uint32_t id;
    uint64_t began; /* ms, monotonic: when it was committed */
    uint32_t clients;
    struct settings *settings; /* owned */
    bool has_names; /* a name chooses a service (sni) */
    bool access_differs; /* not all services admit the same (access_rules.h) */
    struct service *services; /* owned, generation->settings->service_count of them */
    void (*free_tls)(struct tls_context *tls); /* given by the builder */
    void (*freed)(struct generation *generation, void *owner);
    void *owner;
};

/* Returns one reference, the caller's. Takes settings over; each service gets its
 * settings and a balancer without addresses. The builder fills in tls, addresses, began,
 * free_tls, freed. generation_unref() also frees a half-built one. */
struct generation *generation_new(uint32_t id, struct settings *settings);

/* Sets the present addresses of the connect line of that number. */
void service_set_addresses(const struct service *service, uint32_t connect,
    const struct endpoint *list, size_t count);

/* NULL if no service has that name. */
struct service *generation_service(const struct generation *generation, const char *name);

/* The services take over the backends' health from those of the same name in `from`. */
void generation_inherit(struct generation *generation, const struct generation *from);

struct generation *generation_ref(struct generation *generation);
void generation_unref(struct generation *generation);

#endif
