/*
 * credential_parts.h - between a judged pair and a credential, for the files here.
 */
#ifndef WLBPROXY_CERTSTORE_CREDENTIAL_PARTS_H
#define WLBPROXY_CERTSTORE_CREDENTIAL_PARTS_H

struct credential;
struct judged_pair;

/* Takes the pair over: *pair is empty afterwards. */
struct credential *credential_of_pair(struct judged_pair *pair);

/* Borrowed. */
const struct judged_pair *credential_pair(const struct credential *credential);

#endif
