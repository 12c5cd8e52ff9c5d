/*
 * print.h - prints for people: 80 columns, aligned, times and sizes in words.
 */
#ifndef WLBPROXY_COMMAND_PRINT_H
#define WLBPROXY_COMMAND_PRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "config/wrap.h"

enum { SPAN_MAX = 32 };

/* Prints a shell command on lines of its own, each but the last ended by a backslash, so
 * that it can be pasted. */
void print_command(FILE *out, const char *lead, const char *command);

/* Prints a sentence, and in the same way the commands in it (an array of texts, or
 * NULL). */
void print_remedy(FILE *out, const char *lead, const char *text, const json_t *commands);

/* "3d 4h", "12m 5s" */
void span_text(uint64_t seconds, char text[SPAN_MAX]);

/* "1.5 GB" */
void bytes_text(uint64_t bytes, char text[SPAN_MAX]);

/* Fields of an object; "" and 0 where there is none. Borrowed. */
const char *json_text(const json_t *object, const char *key);
uint64_t json_number(const json_t *object, const char *key);

/* Print parts of control.h's answers. The worst finding comes first. */
void print_findings(FILE *out, const json_t *findings);
void print_service(FILE *out, const json_t *service);
void print_certificate(FILE *out, const json_t *certificate);

/* Returns whether the findings contain the sentence of a refusal, so that it need not be
 * printed. */
bool is_told_by_a_finding(const char *sentence, const json_t *findings);

/* One object, indented, and a newline. */
void print_json(const json_t *json);

/* A sentence on stderr. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/* Reports a failure and its reason: a sentence on stderr, or with `json` an object with
 * "ok": false and "error" on stdout. */
void print_failure(const char *command, bool json, const char *why);

#endif
