/*
 * option_types.h - the kinds of values an option can have: how each is read from text
 * into a field of the settings, and written back as text that reads the same.
 */
#ifndef WLBPROXY_CONFIG_OPTION_TYPES_H
#define WLBPROXY_CONFIG_OPTION_TYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct error;

/* The limits of a value. `words`: the choices, or words allowed besides; the value of
 * words[i] in an enum field is i. */
struct option_limits {
    uint64_t min, max;
    const char *const *words;
};

struct option_type {
    const char *name; /* for help */
    /* Writes the field, or appends to it (text lists). The message quotes the text. */
    bool (*parse)(const char *text, const struct option_limits *limits, void *field,
        struct error *err);
    void (*print)(const void *field, const struct option_limits *limits, FILE *out);
    /* For fields that own memory. NULL: plain bytes of this size. */
    void (*copy)(void *to, const void *from);
    void (*destroy)(void *field);
    size_t size;
    bool has_unit; /* print() writes its limits */
};

extern const struct option_type type_count; /* uint32_t; words[0] means 0 */
extern const struct option_type type_duration; /* uint64_t, ms */
extern const struct option_type type_instant; /* uint64_t, us */
extern const struct option_type type_size; /* uint64_t, bytes */
extern const struct option_type type_flag; /* bool: on, off */
extern const struct option_type type_choice; /* an enum: one of the words */
extern const struct option_type type_word; /* char *: one of the words */
extern const struct option_type type_path; /* char *: absolute, or one of the words */
extern const struct option_type type_file; /* char *: absolute; "none" is kept as "" */
extern const struct option_type
    type_listen; /* char *: "off", [address:]port, unix:/path */
extern const struct option_type type_host; /* char *: a name; "none" is kept as "" */
extern const struct option_type type_token; /* char *: OpenSSL lists, account names */
extern const struct option_type type_health, type_statuses; /* char *: see health.h */
/* struct text_list, for repeatable options; parse appends. */
extern const struct option_type type_paths;
extern const struct option_type type_files; /* paths; "none" adds nothing */
extern const struct option_type type_accept;
extern const struct option_type type_connect;
extern const struct option_type type_networks; /* addresses, networks */
extern const struct option_type type_requests; /* methods and a path's prefix */
extern const struct option_type
    type_pins; /* absolute paths, or 64 hex digits, lower case */
extern const struct option_type type_texts; /* one line each */
extern const struct option_type type_names; /* DNS names, "*." in front allowed */

#endif
