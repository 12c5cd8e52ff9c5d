/*
 * tls_engine.h - the implementations of TLS. A service chooses one.
 */
#ifndef WLBPROXY_BASE_TLS_ENGINE_H
#define WLBPROXY_BASE_TLS_ENGINE_H

#define TLS_ENGINE_KINDS(X) X(OPENSSL, "openssl") X(NATIVE, "native")

#define X(name, text) TLS_ENGINE_##name,
enum tls_engine_choice { TLS_ENGINE_KINDS(X) TLS_ENGINE_COUNT };
#undef X

#endif
