/*
 * master.h - the process that reads configuration and keys, owns the listening sockets
 * and supervises the workers. It never parses a byte from the network.
 */
#ifndef WLBPROXY_MASTER_MASTER_H
#define WLBPROXY_MASTER_MASTER_H

#include <stdbool.h>

/* Serves until told to stop. `config_given`: the operator named the file, so it must
 * exist; else a missing one means the built-in defaults. Returns the exit status: 0
 * stopped as asked, 2 could not start. */
int master_run(const char *config_path, bool config_given);

#endif
