/*
 * cert_listing.h - certificates, keys and requests described for people: each in words,
 * how they belong together, and what is missing.
 *
 * LISTING: {"certificates": [{"number", "file"?, "line"?, "format"?, "subject", "names":
 * [text], "issuer", "serial", "not_before", "not_after", "days_left", "key", "signature",
 * "sha256", "sha1", "ca", "self_signed", "issued_by"?: number}], "keys": [{"file",
 * "line"?, "key", "of"?: number}], "requests": [{"file", "subject", "names", "key"}],
 * "others":
 * [{"file", "line"?, "what"}], "missing": [{"issuer", "of": number}]}. Numbers count the
 * certificates from 1.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_LISTING_H
#define WLBPROXY_COMMAND_CERT_CERT_LISTING_H

#include <time.h>

#include <jansson.h>

struct collection;

json_t *cert_listing_of(const struct collection *collection, time_t now);

/* `first`: the label of the chain's first certificate, "sent first". */
void cert_listing_print(const json_t *listing, const char *first);

#endif
