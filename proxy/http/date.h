/*
 * date.h - a point in time in the format of HTTP (RFC 9110, 5.6.7).
 */
#ifndef WLBPROXY_HTTP_DATE_H
#define WLBPROXY_HTTP_DATE_H

#include <time.h>

/* "Sun, 06 Nov 1994 08:49:37 GMT", valid until the next call; made once a second. */
const char *date_text(time_t when);

#endif
