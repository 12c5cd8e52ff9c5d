/*
 * post_handshake.h - the messages that may come between the data of an established
 * session: alerts (RFC 8446, 6; RFC 5246, 7.2) and handshake messages (RFC 8446, 4.6).
 *
 * Both return 0 to read on, else a result of tls_read().
 */
#ifndef WLBPROXY_TLS_NATIVE_POST_HANDSHAKE_H
#define WLBPROXY_TLS_NATIVE_POST_HANDSHAKE_H

#include <stddef.h>

struct tls;

int tls_on_alert(struct tls *tls, const unsigned char *bytes, size_t len);
int tls_on_handshake(struct tls *tls, const unsigned char *bytes, size_t len);

#endif
