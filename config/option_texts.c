#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config/connect_line.h"
#include "config/endpoint.h"
#include "config/excerpt.h"
#include "config/health.h"
#include "config/network.h"
#include "config/option_types.h"
#include "config/path_rule.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum {
    TOKEN_MAX = 1024,
    NAME_MAX_LEN = 253,
    LIST_MAX = 64,
    PINS_MAX = 1000,
    SHA256_HEX = 64
};

static void text_assign(char **field, const char *text)
{
    free(*field);
    *field = memory_text(text);
}

static void text_print(const void *field, const struct option_limits *limits, FILE *out)
{
    const char *text = *(char *const *)field;

    (void)limits;
    fputs(*text == '\0' ? "none" : text, out);
}

static void text_field_copy(void *to, const void *from)
{
    *(char **)to = memory_text(*(char *const *)from);
}

static void text_field_destroy(void *field)
{
    free(*(char **)field);
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

/* A user cannot know the working directory of a daemon, so paths are absolute. */
static bool path_check(
    const char *text, const struct option_limits *limits, struct error *err)
{
    size_t max = limits->max > 0 ? limits->max : PATH_MAX - 1;

    if (*text == '"' || *text == '\'')
        return error_set(err, "%s: write it without quotes", excerpt_of_text(text).text);
    if (*text != '/')
        return error_set(err, "'%s' is not an absolute path (one that begins with '/')",
            excerpt_of_text(text).text);
    if (strlen(text) > max)
        return error_set(
            err, "'%s' is longer than %zu bytes", excerpt_of_text(text).text, max);
    if (text[strlen(text) - 1] == '/')
        return error_set(
            err, "'%s' names a directory, not a file", excerpt_of_text(text).text);
    return true;
}

static bool path_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    if (!is_one_of(text, limits->words) && !path_check(text, limits, err)) {
        bool is_path = *text == '/';

        for (size_t i = 0; !is_path && limits->words != NULL && limits->words[i] != NULL;
             i++) {
            size_t len = strlen(err->text);

            snprintf(
                err->text + len, sizeof(err->text) - len, ", nor '%s'", limits->words[i]);
        }
        return false;
    }
    text_assign(field, text);
    return true;
}

static bool file_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    if (strcmp(text, "none") == 0)
        text = "";
    else if (!path_check(text, limits, err))
        return false;
    text_assign(field, text);
    return true;
}

static bool token_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    (void)limits;
    if (strlen(text) > TOKEN_MAX)
        return error_set(
            err, "'%s' is longer than %d bytes", excerpt_of_text(text).text, TOKEN_MAX);
    for (const char *c = text; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("_-+.:@=!/?*", *c) == NULL)
            return error_set(err, "'%s' has a '%s' in it, which cannot be right",
                excerpt_of_text(text).text, excerpt_of(c, 1).text);
    }
    text_assign(field, text);
    return true;
}

static bool list_append(
    struct text_list *list, const char *text, size_t max, struct error *err)
{
    if (list->count == max)
        return error_set(err, "there are more than %zu of them", max);
    text_list_add(list, text);
    return true;
}

static bool paths_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    return path_check(text, limits, err) && list_append(field, text, LIST_MAX, err);
}

static bool files_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    return strcmp(text, "none") == 0 || paths_parse(text, limits, field, err);
}

/* Colons between the digits are left out. */
static bool read_sha256(const char *text, char digest[SHA256_HEX + 1])
{
    size_t len = 0;

    for (; *text != '\0'; text++) {
        if (*text == ':')
            continue;
        if (!isxdigit((unsigned char)*text) || len == SHA256_HEX)
            return false;
        digest[len++] = (char)tolower((unsigned char)*text);
    }
    digest[len] = '\0';
    return len == SHA256_HEX;
}

static bool pins_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    char digest[SHA256_HEX + 1];

    if (*text == '/')
        return path_check(text, limits, err) && list_append(field, text, PINS_MAX, err);
    if (!read_sha256(text, digest))
        return error_set(err,
            "'%s' is neither an absolute path nor a SHA-256 of 64 hexadecimal digits",
            excerpt_of_text(text).text);
    return list_append(field, digest, PINS_MAX, err);
}

static bool texts_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    (void)limits;
    if (strlen(text) > NAME_MAX_LEN)
        return error_set(err, "'%s' is longer than %d bytes", excerpt_of_text(text).text,
            NAME_MAX_LEN);
    return list_append(field, text, LIST_MAX, err);
}

static bool accept_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    (void)limits;
    return endpoint_check(text, ENDPOINT_ACCEPT, err) &&
        list_append(field, text, LIST_MAX, err);
}

/* A name might mean another address tomorrow. */
static bool listen_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    static const char prefix[] = "unix:";
    static const struct option_limits socket_path = {.max = 107};

    (void)limits;
    if (strncmp(text, prefix, sizeof(prefix) - 1) == 0) {
        if (!path_check(text + sizeof(prefix) - 1, &socket_path, err))
            return false;
    } else if (strcmp(text, "off") != 0) {
        if (!endpoint_check(text, ENDPOINT_ACCEPT, err))
            return false;
        if (endpoint_is_name(text, ENDPOINT_ACCEPT))
            return error_set(
                err, "'%s': write an address, not a name", excerpt_of_text(text).text);
    }
    text_assign(field, text);
    return true;
}

static bool connect_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    struct connect_line line;

    (void)limits;
    return connect_line_parse(text, &line, err) &&
        list_append(field, text, LIST_MAX, err);
}

static bool is_host_name(const char *text)
{
    size_t label = 0;

    for (const char *c = text; *c != '\0'; c++) {
        if (*c != '.' && *c != '-' && *c != '_' && !isalnum((unsigned char)*c))
            return false;
        label = *c == '.' ? 0 : label + 1;
        if (label > 63 || (*c == '.' && (c == text || c[-1] == '.')))
            return false;
    }
    return label > 0 && strlen(text) <= NAME_MAX_LEN;
}

static bool names_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    (void)limits;
    if (!is_host_name(strncmp(text, "*.", 2) == 0 ? text + 2 : text))
        return error_set(err, "'%s' is not a host name, nor '*.' and a domain",
            excerpt_of_text(text).text);
    return list_append(field, text, LIST_MAX, err);
}

static bool networks_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    struct network network;

    (void)limits;
    return network_parse(text, &network, err) && list_append(field, text, LIST_MAX, err);
}

static bool requests_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    struct path_rule rule;

    (void)limits;
    return path_rule_parse(text, &rule, err) && list_append(field, text, LIST_MAX, err);
}

static bool host_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    (void)limits;
    if (strcmp(text, "none") == 0)
        text = "";
    else if (!is_host_name(text))
        return error_set(
            err, "'%s' is not a host name, nor 'none'", excerpt_of_text(text).text);
    text_assign(field, text);
    return true;
}

static bool health_option_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    struct health health;

    (void)limits;
    if (!health_parse(text, &health, err))
        return false;
    text_assign(field, text);
    return true;
}

static bool statuses_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    (void)limits;
    if (!health_statuses_check(text, err))
        return false;
    text_assign(field, text);
    return true;
}

static void list_copy(void *to, const void *from)
{
    text_list_copy(to, from);
}

static void list_destroy(void *field)
{
    text_list_clear(field);
}

#define TEXT(function)                                                                   \
    .parse = (function), .print = text_print, .copy = text_field_copy,                   \
    .destroy = text_field_destroy, .size = sizeof(char *)
/* The owner of a list prints it, one line an item. */
#define LIST(function)                                                                   \
    .parse = (function), .copy = list_copy, .destroy = list_destroy,                     \
    .size = sizeof(struct text_list)

const struct option_type type_path = {.name = "path", TEXT(path_parse)};
const struct option_type type_file = {.name = "path", TEXT(file_parse)};
const struct option_type type_host = {.name = "host name", TEXT(host_parse)};
const struct option_type type_listen = {
    .name = "off, [address:]port or unix:/path", TEXT(listen_parse)};
const struct option_type type_health = {
    .name = "off, connect or GET /path", TEXT(health_option_parse)};
const struct option_type type_statuses = {.name = "statuses", TEXT(statuses_parse)};
const struct option_type type_token = {.name = "text", TEXT(token_parse)};
const struct option_type type_paths = {.name = "path", LIST(paths_parse)};
const struct option_type type_files = {.name = "path", LIST(files_parse)};
const struct option_type type_pins = {.name = "path or SHA-256", LIST(pins_parse)};
const struct option_type type_texts = {.name = "text", LIST(texts_parse)};
const struct option_type type_accept = {.name = "[address:]port", LIST(accept_parse)};
const struct option_type type_connect = {
    .name = "host:port or unix:/path", LIST(connect_parse)};
const struct option_type type_networks = {
    .name = "address or network", LIST(networks_parse)};
const struct option_type type_requests = {
    .name = "[METHOD,...] /path", LIST(requests_parse)};
const struct option_type type_names = {.name = "host name", LIST(names_parse)};
