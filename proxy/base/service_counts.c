#include "proxy/base/service_counts.h"

#include <stdio.h>
#include <string.h>

#define X(name, text) text,
static const char *const methods[] = {METHOD_CLASSES(X)};
static const char *const codes[] = {CODE_CLASSES(X)};
#undef X

/* Beyond SERVICE_COUNTS_MAX all services share the last row, "other". */
static struct service_counts *counts_of(
    struct service_counts_list *list, const char *service)
{
    struct service_counts *own;

    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->items[i].service, service, SERVICE_COUNTS_NAME - 1) == 0)
            return &list->items[i];
    }
    if (list->count == SERVICE_COUNTS_MAX)
        return &list->items[SERVICE_COUNTS_MAX - 1];
    own = &list->items[list->count++];
    memset(own, 0, sizeof(*own));
    snprintf(own->service, sizeof(own->service), "%s",
        list->count == SERVICE_COUNTS_MAX ? "other" : service);
    return own;
}

static enum code_class code_class_of(unsigned status)
{
    return status < 100 || status > 599 ? CODE_NONE : (enum code_class)(status / 100);
}

void service_counts_add(struct service_counts_list *list, const char *service,
    enum method_class method, unsigned status)
{
    counts_of(list, service)->responses[method][code_class_of(status)]++;
}

void service_counts_sum(
    struct service_counts_list *sum, const struct service_counts_list *one)
{
    for (size_t i = 0; i < one->count; i++) {
        struct service_counts *to = counts_of(sum, one->items[i].service);

        for (int m = 0; m < METHOD_CLASS_COUNT; m++) {
            for (int c = 0; c < CODE_CLASS_COUNT; c++)
                to->responses[m][c] += one->items[i].responses[m][c];
        }
    }
}

enum method_class method_class_of(const char *method, size_t len)
{
    for (int i = 0; i < METHOD_OTHER; i++) {
        if (strlen(methods[i]) == len && memcmp(methods[i], method, len) == 0)
            return (enum method_class)i;
    }
    return METHOD_OTHER;
}

const char *method_class_text(enum method_class method)
{
    return methods[method];
}

const char *code_class_text(enum code_class code)
{
    return codes[code];
}
