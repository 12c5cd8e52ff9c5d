/*
 * master_prepare.h - prepares the master's process before it does anything else.
 */
#ifndef WLBPROXY_MASTER_MASTER_PREPARE_H
#define WLBPROXY_MASTER_MASTER_PREPARE_H

#include <stdbool.h>

#include <uv.h>

struct error;
struct program;

enum { MASTER_NOT_STARTED = 2 }; /* exit status */

/* Memory, limits, the programs of the children, the sandbox, the loop. Call it once. */
bool master_prepare(struct program *program, uv_loop_t *loop, struct error *err);

/* Returns the absolute path, or the path itself where that is not known: `status` is
 * asked from other folders, and a successor starts with it. Borrowed until the next
 * call. */
const char *master_config_path(const char *path);

#endif
