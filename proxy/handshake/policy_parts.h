/*
 * policy_parts.h - what the files that make a policy share.
 */
#ifndef WLBPROXY_HANDSHAKE_POLICY_PARTS_H
#define WLBPROXY_HANDSHAKE_POLICY_PARTS_H

#include "proxy/handshake/policy.h"

/* policy_schemes.c: the context prefers signature schemes as OpenSSL does by itself, and
 * leaves out none that is ours. */
bool policy_signs_as_usual(SSL_CTX *context);

#endif
