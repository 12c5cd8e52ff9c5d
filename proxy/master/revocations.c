#include "proxy/master/revocations.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "certstore/finding.h"
#include "certstore/trust.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/master/plan.h"
#include "proxy/master/regression.h"
#include "proxy/master/trust_file.h"

/* The lists of one service. */
struct service_lists {
    struct text_list files;
    char *text; /* NULL: not read, or there are none */
};

struct revocations {
    size_t count;
    struct service_lists services[]; /* in the order of the settings */
};

struct revocations *revocations_of(const struct plan *served)
{
    size_t count = served->settings->service_count;
    struct revocations *r = memory_new(sizeof(*r) + count * sizeof(r->services[0]));
    bool any = false;

    r->count = count;
    for (size_t i = 0; i < count; i++) {
        if (served->services[i].crl == NULL)
            continue;
        text_list_copy(&r->services[i].files, &served->settings->services[i].crl);
        any = true;
    }
    if (any)
        return r;
    revocations_free(r);
    return NULL;
}

static bool is_whole(const char *lists)
{
    struct trust trust;
    struct error ignored;

    if (!trust_parse(&trust, NULL, NULL, lists, &ignored))
        return false;
    trust_destroy(&trust);
    return true;
}

void revocations_read(struct revocations *r)
{
    struct error ignored;

    for (size_t i = 0; r != NULL && i < r->count; i++) {
        struct service_lists *lists = &r->services[i];

        if (lists->files.count == 0 ||
            !trust_files_read(&lists->files, &lists->text, &ignored) ||
            is_whole(lists->text))
            continue;
        free(lists->text);
        lists->text = NULL;
    }
}

static bool same_files(const struct text_list *a, const struct text_list *b)
{
    for (size_t i = 0; a->count == b->count && i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return a->count == b->count;
}

/* The lists are of that service, and differ from its present ones. */
static bool is_new(const struct service_lists *lists, const struct plan_service *service,
    const struct service_settings *settings)
{
    return lists->text != NULL && service->crl != NULL &&
        same_files(&lists->files, &settings->crl) &&
        strcmp(lists->text, service->crl) != 0;
}

static bool any_is_new(const struct revocations *r, const struct plan *served)
{
    for (size_t i = 0; i < r->count; i++) {
        if (is_new(&r->services[i], &served->services[i], &served->settings->services[i]))
            return true;
    }
    return false;
}

static void put(const struct revocations *r, struct plan *plan)
{
    for (size_t i = 0; i < r->count; i++) {
        struct plan_service *service = &plan->services[i];

        if (!is_new(&r->services[i], service, &plan->settings->services[i]))
            continue;
        free(service->crl);
        service->crl = memory_text(r->services[i].text);
    }
}

struct plan *revocations_renew(const struct revocations *r, const struct plan *served)
{
    struct findings findings;
    struct error ignored;
    struct plan *plan;

    if (r == NULL || r->count != served->settings->service_count ||
        !any_is_new(r, served))
        return NULL;
    plan = plan_copy(served);
    put(r, plan);
    findings_init(&findings);
    if (!regression_judge(served, plan, false, time(NULL), &findings, &ignored)) {
        plan_free(plan);
        plan = NULL;
    }
    findings_destroy(&findings);
    return plan;
}

void revocations_free(struct revocations *r)
{
    for (size_t i = 0; r != NULL && i < r->count; i++) {
        text_list_clear(&r->services[i].files);
        free(r->services[i].text);
    }
    free(r);
}
