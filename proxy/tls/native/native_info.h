/*
 * native_info.h - the result of a native handshake, in OpenSSL's names.
 */
#ifndef WLBPROXY_TLS_NATIVE_NATIVE_INFO_H
#define WLBPROXY_TLS_NATIVE_NATIVE_INFO_H

struct handshake;
struct tls_negotiated;

/* Takes the context and the host name out of a handshake that is DONE. */
struct tls_negotiated *tls_native_outcome(struct handshake *handshake);

#endif
