/*
 * utf8_json.h - any text as a JSON string.
 *
 * Paths, names in certificates and texts that were cut can hold any bytes; JSON holds
 * UTF-8 only. Bytes that are no UTF-8 become U+FFFD, the rest stays.
 */
#ifndef WLBPROXY_BASE_UTF8_JSON_H
#define WLBPROXY_BASE_UTF8_JSON_H

#include <jansson.h>

/* Returns a new reference, never NULL. */
json_t *utf8_json(const char *text);

/* Returns the length of the character at `text`, which ends with '\0'; 0: it is not
 * UTF-8. */
size_t utf8_character(const char *text);

#endif
