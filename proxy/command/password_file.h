/*
 * password_file.h - the password of a PKCS#12 container or a key, from a file: never
 * typed, never on the command line, where every user of the machine could read it.
 */
#ifndef WLBPROXY_COMMAND_PASSWORD_FILE_H
#define WLBPROXY_COMMAND_PASSWORD_FILE_H

#include <stdbool.h>

struct error;

/* The file's first line; *password is NULL if path is. Free with password_free(). */
bool password_read(const char *path, char **password, struct error *err);
void password_free(char *password);

#define ARGUMENT_PASSWORD(variable)                                                      \
    {                                                                                    \
        .name = "password-file", .value = "FILE",                                        \
        .help = "has the password of a PKCS#12 file or a key", .text = &(variable)       \
    }

#endif
