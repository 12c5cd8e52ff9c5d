/*
 * config_file.h - a configuration file, read whole.
 */
#ifndef WLBPROXY_CONFIG_CONFIG_FILE_H
#define WLBPROXY_CONFIG_CONFIG_FILE_H

#include <stdbool.h>

struct error;

/* Reads at most 1 MiB of a regular file without NUL bytes; never hangs. NULL and err,
 * beginning with the path, on any fault; *missing tells a missing file, which may be no
 * fault. The caller frees. */
char *config_file_read(const char *path, bool *missing, struct error *err);

#endif
