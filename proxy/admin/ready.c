#include "proxy/admin/ready.h"

#include <string.h>

#include "proxy/admin/time_text.h"
#include "proxy/base/buffer.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static void judge_workers(const json_t *status, struct buffer *reasons)
{
    const json_t *worker;
    size_t i;

    json_array_foreach(json_object_get(status, "workers"), i, worker)
    {
        if (json_is_true(json_object_get(worker, "answers")))
            return;
    }
    buffer_append_text(reasons, "no worker answers\n");
}

static void judge_certificates(const json_t *service, time_t now, struct buffer *reasons)
{
    const char *name = text_of(service, "name");
    const json_t *certificate;
    size_t i;

    json_array_foreach(json_object_get(service, "certificates"), i, certificate)
    {
        const char *file = text_of(certificate, "file");
        const char *from = text_of(certificate, "not_before");
        const char *until = text_of(certificate, "not_after");
        time_t when;

        if (time_from_text(from, &when) && now < when)
            buffer_printf(reasons,
                "service %s: the certificate in %s is not valid before %s\n", name, file,
                from);
        if (time_from_text(until, &when) && now > when)
            buffer_printf(reasons, "service %s: the certificate in %s has expired: %s\n",
                name, file, until);
    }
}

static void judge_backends(const json_t *service, struct buffer *reasons)
{
    const json_t *backends = json_object_get(service, "backends");
    const json_t *backend;
    bool drained = false;
    size_t i;

    json_array_foreach(backends, i, backend)
    {
        if (!json_is_false(json_object_get(backend, "up")) &&
            !json_is_true(json_object_get(backend, "drained")))
            return;
        drained = drained || json_is_true(json_object_get(backend, "drained"));
    }
    buffer_printf(reasons, "service %s: no backend is up%s\n", text_of(service, "name"),
        drained ? ", or all that are up are drained" : "");
}

bool ready_judge(const json_t *status, time_t now, struct buffer *reasons)
{
    const size_t before = buffer_len(reasons);
    const json_t *service;
    size_t i;

    judge_workers(status, reasons);
    json_array_foreach(json_object_get(status, "services"), i, service)
    {
        judge_certificates(service, now, reasons);
        judge_backends(service, reasons);
    }
    return buffer_len(reasons) == before;
}
