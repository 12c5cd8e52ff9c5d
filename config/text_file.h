/*
 * text_file.h - a small text file, read whole.
 */
#ifndef WLBPROXY_CONFIG_TEXT_FILE_H
#define WLBPROXY_CONFIG_TEXT_FILE_H

#include <stdbool.h>

struct error;

/* At most 1 MiB of a regular file without NUL bytes; never hangs. NULL and err, beginning
 * with the path, on any fault; *missing tells the one that may be fine. Caller frees. */
char *text_file_read(const char *path, bool *missing, struct error *err);

#endif
