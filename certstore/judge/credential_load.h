/*
 * credential_load.h - reads and judges files, and their folders, and makes a credential
 * of them.
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
 * cert_path), each in one pass, again while a file changes; parses and judges them.
 * password_path: a file with the key's passphrase; NULL or "": none. Every finding goes
 * to `findings`, also when the result is good. Returns NULL if it cannot be served; err
 * then holds the sentence of the first SEVERITY_REFUSED finding. Validity is judged at
 * `now`. */
struct credential *credential_load(const char *cert_path, const char *key_path,
    const char *password_path, bool send_root, time_t now, struct findings *findings,
    struct error *err);

/* Judges the modes of the key's file and of its folder. */
void judge_modes(const char *key_file, const struct stat *key, struct findings *findings);
void judge_folder(
    const char *folder, const struct stat *state, struct findings *findings);

/* Judges the modes of the folder that the path names, and of the one that a link leads
 * to. */
void judge_place(
    const char *key_file, const struct stat *state, struct findings *findings);

#endif
