/*
 * policy_parts.h - what the files that make a policy share.
 */
#ifndef WLBPROXY_TLS_NATIVE_POLICY_PARTS_H
#define WLBPROXY_TLS_NATIVE_POLICY_PARTS_H

#include "proxy/tls/native/policy.h"

/* policy_schemes.c: the context prefers signature schemes as OpenSSL does by itself, and
 * leaves out none that is ours. */
bool policy_signature_is_supported(SSL_CTX *context);

#endif
