/* bogo_service.h - a service as the runner's flags want it, made as the product makes it.
 */
#ifndef WLBPROXY_TESTS_BOGO_SERVICE_H
#define WLBPROXY_TESTS_BOGO_SERVICE_H

#include <openssl/types.h>

struct bogo_flags;

/* Once, before the first context. */
void bogo_service_start(void);

/* A context of its own for each connection; the ticket keys are the same for all. Free it
 * with context_free(). */
SSL_CTX *bogo_service_context(const struct bogo_flags *flags);

/* The name that OpenSSL gives to that group (RFC 8446, 4.2.7); NULL: unknown. */
const char *bogo_group_name(unsigned id);

#endif
