/*
 * look.h - the sight that clients have on the ports of a configuration: through stunnel
 * before, and through wlbproxy after. A handshake with XenServer's parameters and, where
 * it is HTTP, the reply to a request; what works before must work after.
 */
#ifndef WLBPROXY_COMMAND_TAKEOVER_LOOK_H
#define WLBPROXY_COMMAND_TAKEOVER_LOOK_H

#include <stdbool.h>
#include <stddef.h>

struct daemon;
struct error;
struct settings;

enum { LOOK_PORTS_MAX = 64 };

struct seen {
    const char *service; /* borrowed of the settings */
    char *where; /* an address to connect to */
    const char *name; /* to be asked for; NULL: none in particular */
    bool http;
    bool shakes_hands; /* before */
    unsigned status; /* before; 0: no request was made */
};

struct look {
    const struct settings *settings; /* borrowed */
    struct seen *items;
    size_t count;
    unsigned ports[LOOK_PORTS_MAX];
    size_t port_count;
};

bool look_init(struct look *look, const struct settings *settings, struct error *err);
void look_destroy(struct look *look);

/* False and err: a backend does not answer. Told on stdout: what cannot be compared. */
bool look_before(struct look *look, struct error *err);

/* Every handshake that worked before works now. */
bool look_shakes_hands(const struct look *look, struct error *err);

/* Likewise; each worker presents what it should, and requests are answered. */
bool look_after(const struct look *look, const struct daemon *daemon, struct error *err);

/* Of the ports that somebody listens on the first; 0: all are free. */
unsigned look_held_port(const struct look *look);

#endif
