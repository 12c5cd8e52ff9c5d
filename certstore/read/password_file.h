/*
 * password_file.h - the password of a PKCS#12 container or of a key, read from a file. It
 * is never typed, never in a log, and never on the command line, where every user of the
 * machine could read it.
 */
#ifndef WLBPROXY_CERTSTORE_PASSWORD_FILE_H
#define WLBPROXY_CERTSTORE_PASSWORD_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct findings;
struct pem_text;

/* Reads the file's first line; *password is NULL if path is. Free with
 * password_free(). */
bool password_read(const char *path, char **password, struct error *err);

/* The same for a password that stays in its file: a file that every user of the machine
 * may read, or its group may write, is refused. path "" counts as NULL. */
bool password_load(const char *path, char **password, struct findings *findings);
void password_free(char *password);

/* Returns the PEM text with the decrypted forms of all keys that the password opens
 * appended. False: no key is encrypted, or the password opens none. */
bool password_unlock(const char *file, const char *text, size_t len, const char *password,
    struct pem_text *unlocked);

#endif
