/*
 * password_file.h - the password of a PKCS#12 container or of a key, from a file: never
 * typed, never on the command line, where every user of the machine could read it, and
 * never in a log.
 */
#ifndef WLBPROXY_CERTSTORE_PASSWORD_FILE_H
#define WLBPROXY_CERTSTORE_PASSWORD_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct findings;
struct pem_text;

/* The file's first line; *password is NULL if path is. Free with password_free(). */
bool password_read(const char *path, char **password, struct error *err);

/* Likewise, for a password that stays there: a file that every user of the machine may
 * read, or its group write, is refused. "" is no path. */
bool password_load(const char *path, char **password, struct findings *findings);
void password_free(char *password);

/* The PEM text again with the keys in it that the password opens, decrypted, behind it.
 * False: none is encrypted, or the password opens none. */
bool password_unlock(const char *file, const char *text, size_t len, const char *password,
    struct pem_text *unlocked);

#endif
