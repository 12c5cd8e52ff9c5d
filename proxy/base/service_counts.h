/*
 * service_counts.h - the requests of one service by method and status. Both are sorted
 * into few classes, so that a client cannot make new ones.
 */
#ifndef WLBPROXY_BASE_SERVICE_COUNTS_H
#define WLBPROXY_BASE_SERVICE_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METHOD_CLASSES(X)                                                                \
    X(GET, "GET")                                                                        \
    X(HEAD, "HEAD")                                                                      \
    X(POST, "POST")                                                                      \
    X(PUT, "PUT")                                                                        \
    X(DELETE, "DELETE")                                                                  \
    X(OPTIONS, "OPTIONS")                                                                \
    X(OTHER, "other")

/* The classes of the status, by its first digit; NONE: there was no answer. */
#define CODE_CLASSES(X)                                                                  \
    X(NONE, "none") X(1XX, "1xx") X(2XX, "2xx") X(3XX, "3xx") X(4XX, "4xx") X(5XX, "5xx")

#define X(name, text) METHOD_##name,
enum method_class { METHOD_CLASSES(X) METHOD_CLASS_COUNT };
#undef X
#define X(name, text) CODE_##name,
enum code_class { CODE_CLASSES(X) CODE_CLASS_COUNT };
#undef X

enum {
    SERVICE_COUNTS_MAX = 64, /* services with a row of their own, in each worker */
    SERVICE_COUNTS_NAME = 64,
};

struct service_counts {
    char service[SERVICE_COUNTS_NAME]; /* a longer name is cut */
    uint64_t responses[METHOD_CLASS_COUNT][CODE_CLASS_COUNT];
};

struct service_counts_list {
    struct service_counts items[SERVICE_COUNTS_MAX];
    size_t count;
};

/* Counts a request that has ended; status 0: without an answer. */
void service_counts_add(struct service_counts_list *list, const char *service,
    enum method_class method, unsigned status);

void service_counts_sum(
    struct service_counts_list *sum, const struct service_counts_list *one);

enum method_class method_class_of(const char *method, size_t len);
const char *method_class_text(enum method_class method);
const char *code_class_text(enum code_class code);

#endif
