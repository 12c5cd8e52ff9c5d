/*
 * page.h - the status page for people: embed.sh makes an array of page.html.
 *
 * The page contains its style and its script, and fetches only /status.json and /readyz.
 * Its policy forbids everything else.
 */
#ifndef WLBPROXY_ADMIN_PAGE_H
#define WLBPROXY_ADMIN_PAGE_H

#include <stddef.h>

extern const unsigned char page[];
extern const size_t page_len;
extern const char page_policy[]; /* its Content-Security-Policy */

#endif
