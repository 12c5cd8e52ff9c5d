/*
 * credential_load.h - from files to a credential: read, judged, and where they lie
 * judged, too.
 */
#ifndef WLBPROXY_CERTSTORE_JUDGE_CREDENTIAL_LOAD_H
#define WLBPROXY_CERTSTORE_JUDGE_CREDENTIAL_LOAD_H

#include <stdbool.h>
#include <time.h>

struct credential;
struct error;
struct findings;
struct stat;

/* Reads the chain from cert_path and the key from key_path (NULL or "": from the merged
 * cert_path), each in one pass, retrying while a file changes; parses and judges them.
 * password_path: the file of the passphrase that the key may be under; NULL or "": none.
 * Every finding goes to `findings`, also when the result is good. Returns NULL if it
 * cannot be served; err then holds the sentence of the first SEVERITY_REFUSED finding.
 * `now` is the time to judge validity at. */
struct credential *credential_load(const char *cert_path, const char *key_path,
    const char *password_path, bool send_root, time_t now, struct findings *findings,
    struct error *err);

/* Access modes of the key's file, and of a folder that it lies in. */
void judge_modes(const char *key_file, const struct stat *key, struct findings *findings);
void judge_folder(
    const char *folder, const struct stat *state, struct findings *findings);

/* Both, of the folder that the file is named in, and of the one that a link leads to. */
void judge_place(
    const char *key_file, const struct stat *state, struct findings *findings);

#endif
