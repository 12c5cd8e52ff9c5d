/*
 * shell.h - lines that an operator could have typed, run by the system's shell.
 */
#ifndef WLBPROXY_COMMAND_TAKEOVER_SHELL_H
#define WLBPROXY_COMMAND_TAKEOVER_SHELL_H

#include <stdbool.h>
#include <stddef.h>

struct error;

/* In a process group of its own, so that ^C reaches us alone; what it prints goes where
 * ours does. False and err: its exit status is not 0. */
bool shell_run(const char *line, struct error *err);

/* The beginning of what it prints, without the newline at its end; false: its exit status
 * is not 0. */
bool shell_ask(const char *line, char *text, size_t size);

#endif
