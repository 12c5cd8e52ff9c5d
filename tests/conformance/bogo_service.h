/* bogo_service.h - a service set up by the runner's flags, made like the product's. */
#ifndef WLBPROXY_TESTS_BOGO_SERVICE_H
#define WLBPROXY_TESTS_BOGO_SERVICE_H

#include <openssl/types.h>

struct bogo_flags;

/* Call it once, before the first context. */
void bogo_service_start(void);

/* Each connection has a context of its own; the ticket keys are the same for all. Free it
 * with context_free(). */
SSL_CTX *bogo_service_context(const struct bogo_flags *flags);

/* OpenSSL's name of the group (RFC 8446, 4.2.7); NULL: unknown. */
const char *bogo_group_name(unsigned id);

#endif
