/*
 * summary.h - the last line of a check.
 */
#ifndef WLBPROXY_COMMAND_SUMMARY_H
#define WLBPROXY_COMMAND_SUMMARY_H

#include <stdbool.h>

struct findings;

/* `refused`: for a reason that is not among the findings. */
void summary_print(const struct findings *findings, bool good, bool refused);

#endif
