/*
 * master_prepare.h - what the master's process needs before it does anything.
 */
#ifndef WLBPROXY_MASTER_MASTER_PREPARE_H
#define WLBPROXY_MASTER_MASTER_PREPARE_H

#include <stdbool.h>

struct error;
struct program;

/* Memory, limits, the programs of the children, the sandbox. Once. */
bool master_prepare(struct program *program, struct error *err);

/* The same path from the root on, or as it is where that cannot be had: `status` is asked
 * from other folders, and a successor starts with it. Borrowed until the next call. */
const char *master_config_path(const char *path);

#endif
