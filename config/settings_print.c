#include <stdio.h>
#include <string.h>

#include "config/connect_line.h"
#include "config/options.h"
#include "config/settings.h"
#include "proxy/base/memory.h"

static void print_list(const char *name, const struct text_list *list, FILE *out)
{
    for (size_t i = 0; i < list->count; i++)
        fprintf(out, "%s = %s\n", name, list->items[i]);
}

static void print_option(const struct option *option, const void *object, FILE *out)
{
    const void *field = option_value(option, object);

    if (option->repeatable) {
        print_list(option->name, field, out);
        return;
    }
    fprintf(out, "%s = ", option->name);
    option->type->print(field, &option->limits, out);
    fputc('\n', out);
}

static void print_global(const struct settings *settings, FILE *out)
{
    for (size_t i = 0; i < option_count(); i++) {
        if (option_at(i)->scope == OPTION_GLOBAL)
            print_option(option_at(i), settings, out);
    }
}

/* A service may have inherited options that do not apply to it, and that it could not
 * write itself. */
static bool is_used(const struct option *option, const struct service_settings *service)
{
    static const char *const for_verify[] = {
        "ca", "crl", "verify_depth", "verify_pins", "verify_names"};

    if (option->http_only && service->protocol != PROTOCOL_HTTP)
        return false;
    if (option->backend_tls_only && !connect_lines_have_tls(&service->connect))
        return false;
    if (!service->backend_verify &&
        (strcmp(option->name, "backend_ca") == 0 ||
            strcmp(option->name, "backend_pins") == 0))
        return false;
    for (size_t i = 0; service->verify == VERIFY_OFF && i < 5; i++) {
        if (strcmp(option->name, for_verify[i]) == 0)
            return false;
    }
    return true;
}

static void print_service(const struct service_settings *service, FILE *out)
{
    fprintf(out, "\n[%s]\n", service->name);
    for (size_t i = 0; i < option_count(); i++) {
        if (option_at(i)->scope == OPTION_SERVICE && is_used(option_at(i), service))
            print_option(option_at(i), service, out);
    }
}

char *settings_print(const struct settings *settings)
{
    char *text = NULL;
    size_t size;
    FILE *out = memory_stream(&text, &size);

    print_global(settings, out);
    for (size_t i = 0; i < settings->service_count; i++)
        print_service(&settings->services[i], out);
    memory_stream_close(out);
    return text;
}
