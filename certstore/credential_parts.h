/*
 * credential_parts.h - between a judged pair and a credential, for the files here.
 */
#ifndef WLBPROXY_CERTSTORE_CREDENTIAL_PARTS_H
#define WLBPROXY_CERTSTORE_CREDENTIAL_PARTS_H

struct credential;
struct findings;
struct judged_pair;
struct stat;

/* Takes the pair over: *pair is empty afterwards. */
struct credential *credential_of_pair(struct judged_pair *pair);

/* Access modes of the key's file, and of the folder it lies in: of the one that it is
 * named in, and of the one that a link leads to. */
void judge_place(
    const char *key_file, const struct stat *state, struct findings *findings);

/* Borrowed. */
const struct judged_pair *credential_pair(const struct credential *credential);

#endif
