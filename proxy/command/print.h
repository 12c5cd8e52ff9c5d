/*
 * print.h - text for people: 80 columns, aligned, times and sizes in words.
 */
#ifndef WLBPROXY_COMMAND_PRINT_H
#define WLBPROXY_COMMAND_PRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "config/wrap.h"

enum { SPAN_MAX = 32 };

/* A command of the shell on lines of its own, each but the last ended by a backslash: it
 * can be pasted as it stands. */
void print_command(FILE *out, const char *lead, const char *command);

/* A sentence, and the commands that it holds (an array of texts, or NULL) likewise. */
void print_remedy(FILE *out, const char *lead, const char *text, const json_t *commands);

/* "3d 4h", "12m 5s" */
void span_text(uint64_t seconds, char text[SPAN_MAX]);

/* "1.5 GB" */
void bytes_text(uint64_t bytes, char text[SPAN_MAX]);

/* Fields of an object; "" and 0 where there is none. Borrowed. */
const char *json_text(const json_t *object, const char *key);
uint64_t json_number(const json_t *object, const char *key);

/* Of control.h's answers. The worst finding first. */
void print_findings(FILE *out, const json_t *findings);
void print_service(FILE *out, const json_t *service);
void print_certificate(FILE *out, const json_t *certificate);

/* Need the sentence of a refusal be printed, or do the findings say it, and more? */
bool is_told_by_a_finding(const char *sentence, const json_t *findings);

/* One object, indented, and a newline. */
void print_json(const json_t *json);

/* A sentence on stderr. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/* What could not be done, and why: a sentence on stderr, or with `json` an object with
 * "ok": false and "error" on stdout. */
void print_failure(const char *command, bool json, const char *why);

#endif
