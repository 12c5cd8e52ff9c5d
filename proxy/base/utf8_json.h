/*
 * utf8_json.h - any text as a JSON string.
 *
 * Paths, names in certificates and what is cut to a length hold any bytes; JSON holds
 * UTF-8 only. What is no UTF-8 becomes U+FFFD, the rest stays.
 */
#ifndef WLBPROXY_BASE_UTF8_JSON_H
#define WLBPROXY_BASE_UTF8_JSON_H

#include <jansson.h>

/* Never NULL. A new reference. */
json_t *utf8_json(const char *text);

/* How long the character at `text` is, of a text that ends with '\0'; 0: it is none. */
size_t utf8_character(const char *text);

#endif
