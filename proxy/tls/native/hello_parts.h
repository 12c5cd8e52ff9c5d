/*
 * hello_parts.h - what the two files that read a ClientHello share.
 */
#ifndef WLBPROXY_TLS_NATIVE_HELLO_PARTS_H
#define WLBPROXY_TLS_NATIVE_HELLO_PARTS_H

#include "proxy/tls/native/hello.h"

/* hello_extensions.c: `all` is the inside of the vector of extensions. */
bool hello_read_extensions(struct hello *hello, struct span all);

#endif
