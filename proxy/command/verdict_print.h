/*
 * verdict_print.h - prints XenServer's verdicts (master/verdict.h) for people.
 */
#ifndef WLBPROXY_COMMAND_VERDICT_PRINT_H
#define WLBPROXY_COMMAND_VERDICT_PRINT_H

#include <stdbool.h>

#include <jansson.h>

void verdicts_print(const json_t *verdicts);
/* Prints the commands for the pool; false if there is nothing to type. */
bool verdicts_print_commands(const json_t *verdicts);

#endif
