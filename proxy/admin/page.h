/*
 * page.h - the status page for people: page.html, made into an array by embed.sh.
 *
 * It has its style and its script within it, asks for nothing but /status.json and
 * /readyz, and its policy forbids everything else.
 */
#ifndef WLBPROXY_ADMIN_PAGE_H
#define WLBPROXY_ADMIN_PAGE_H

#include <stddef.h>

extern const unsigned char page[];
extern const size_t page_len;
extern const char page_policy[]; /* its Content-Security-Policy */

#endif
