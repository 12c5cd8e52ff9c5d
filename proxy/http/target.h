/*
 * target.h - the request target: origin-form, absolute-form, or "*" with OPTIONS.
 */
#ifndef WLBPROXY_HTTP_TARGET_H
#define WLBPROXY_HTTP_TARGET_H

#include "proxy/http/authority.h"
#include "proxy/http/head.h"
#include "proxy/http/refusal.h"

/* Puts head->target into the form to forward. `text` is the block it points into; `host`
 * is Host's parsed value, if there is one. */
enum refusal target_judge(struct head *head, char *text, const struct authority *host);

#endif
