/*
 * status_print.h - the status of control.h for people.
 */
#ifndef WLBPROXY_COMMAND_STATUS_PRINT_H
#define WLBPROXY_COMMAND_STATUS_PRINT_H

#include <jansson.h>

void status_print(const json_t *status);

#endif
