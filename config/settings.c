#include "config/settings.h"

#include <stdlib.h>
#include <string.h>

#include "config/config_file.h"
#include "config/excerpt.h"
#include "config/ini.h"
#include "config/settings_build.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

static void fill_defaults(enum option_scope scope, void *object)
{
    for (size_t i = 0; i < option_count(); i++) {
        const struct option *option = option_at(i);
        struct error err;

        if (option->scope != scope || option->default_text == NULL)
            continue;
        if (!option->type->parse(option->default_text, &option->limits,
                option_field(option, object), &err))
            abort(); /* the table contradicts itself: the first test run finds that */
    }
}

static void clear_options(enum option_scope scope, void *object)
{
    for (size_t i = 0; i < option_count(); i++) {
        const struct option *option = option_at(i);

        if (option->scope == scope && option->type->destroy != NULL)
            option->type->destroy(option_field(option, object));
    }
}

static void copy_service(struct service_settings *to, const struct service_settings *from)
{
    for (size_t i = 0; i < option_count(); i++) {
        const struct option *option = option_at(i);
        void *field = option_field(option, to);
        const void *source = option_value(option, from);

        if (option->scope != OPTION_SERVICE)
            continue;
        if (option->type->copy != NULL)
            option->type->copy(field, source);
        else
            memcpy(field, source, option->type->size);
    }
}

static void service_destroy(struct service_settings *service)
{
    clear_options(OPTION_SERVICE, service);
    free(service->name);
}

/* A cert without a key in its own scope contains its key: the key of an outer scope
 * belongs to another certificate. */
static bool has_cert_alone(
    const struct written *written, const char *cert, const char *key)
{
    return written->lines[option_index(option_find(cert))] != 0 &&
        written->lines[option_index(option_find(key))] == 0;
}

static void settle_keys(struct service_settings *service, const struct written *written)
{
    if (has_cert_alone(written, "cert", "key"))
        text_list_clear(&service->key);
    if (has_cert_alone(written, "backend_cert", "backend_key"))
        service->backend_key[0] = '\0';
}

static bool section_is_used(
    const struct settings_build *build, size_t index, struct error *err)
{
    const struct written *written = &build->services[index];

    for (size_t i = 0; i < option_count(); i++) {
        if (written->lines[i] != 0)
            return true;
    }
    return error_set(err, "the section [%s] of line %u has no options",
        build->settings->services[index].name, written->at);
}

/* Called at the next section, and at the end. */
static bool close_scope(struct settings_build *build, struct error *err)
{
    size_t count = build->settings->service_count;

    if (count == 0) {
        settle_keys(&build->defaults, &build->before_sections);
        return true;
    }
    settle_keys(&build->settings->services[count - 1], &build->services[count - 1]);
    return section_is_used(build, count - 1, err);
}

static void add_service(struct settings_build *build, const char *name, unsigned line)
{
    struct settings *settings = build->settings;
    size_t count = settings->service_count + 1;

    settings->services =
        memory_resize(settings->services, count, sizeof(*settings->services));
    build->services = memory_resize(build->services, count, sizeof(*build->services));
    build->services[count - 1] = (struct written){.at = line};
    settings->services[count - 1] = (struct service_settings){.name = memory_text(name)};
    copy_service(&settings->services[count - 1], &build->defaults);
    settings->service_count = count;
}

static bool on_section(void *owner, const char *name, unsigned line, struct error *err)
{
    struct settings_build *build = owner;
    const struct settings *settings = build->settings;

    for (size_t i = 0; i < settings->service_count; i++) {
        if (strcmp(settings->services[i].name, name) == 0)
            return error_set(err, "there is a section [%s] already, on line %u", name,
                build->services[i].at);
    }
    if (settings->service_count == SERVICES_MAX)
        return error_set(err, "there are more than %d sections", SERVICES_MAX);
    if (!close_scope(build, err))
        return false;
    add_service(build, name, line);
    return true;
}

static bool unknown_option(const char *name, struct error *err)
{
    const char *nearest = option_nearest(name);

    if (nearest != NULL)
        return error_set(err, "there is no option '%s'; did you mean '%s'?",
            excerpt_of_text(name).text, nearest);
    return error_set(err, "there is no option '%s'; 'wlbproxy options' lists them all",
        excerpt_of_text(name).text);
}

/* The items that the line has added are at the end. */
static void remember_line(struct text_list *list, unsigned line)
{
    for (size_t i = list->count; i > 0 && list->lines[i - 1] == 0; i--)
        list->lines[i - 1] = line;
}

static bool set_option(const struct option *option, const char *value, void *object,
    struct written *written, unsigned line, struct error *err)
{
    unsigned *first = &written->lines[option_index(option)];
    void *field = option_field(option, object);

    if (*first != 0 && !option->repeatable)
        return error_set(
            err, "%s is repeated: it stands on line %u already", option->name, *first);
    /* The first item of a list replaces an inherited list. */
    if (*first == 0 && option->repeatable)
        text_list_clear(field);
    else if (option->repeatable && option != option_find("key") &&
        text_list_has(field, value))
        return error_set(
            err, "%s: '%s' is there already", option->name, excerpt_of_text(value).text);
    if (!option->type->parse(value, &option->limits, field, err))
        return error_context(err, "%s", option->name);
    if (option->repeatable)
        remember_line(field, line);
    if (*first == 0)
        *first = line;
    return true;
}

static bool on_pair(
    void *owner, const char *name, const char *value, unsigned line, struct error *err)
{
    struct settings_build *build = owner;
    struct settings *settings = build->settings;
    const struct option *option = option_find(name);
    size_t count = settings->service_count;

    if (option == NULL)
        return unknown_option(name, err);
    if (option->scope == OPTION_GLOBAL && count > 0)
        return error_set(err,
            "%s is not an option of one service: write it before the first [section]",
            name);
    if (option->scope == OPTION_GLOBAL)
        return set_option(option, value, settings, &build->before_sections, line, err);
    if (count == 0)
        return set_option(
            option, value, &build->defaults, &build->before_sections, line, err);
    return set_option(option, value, &settings->services[count - 1],
        &build->services[count - 1], line, err);
}

static const struct ini_events ini_events = {.section = on_section, .pair = on_pair};

static bool finish(struct settings_build *build, const char *name, struct error *err)
{
    unsigned line = 0;

    if (!close_scope(build, err))
        return error_context(err, "%s", name);
    if (build->settings->service_count == 0)
        add_service(build, "wlb", 0);
    if (settings_check(build, &line, err))
        return true;
    if (line == 0)
        return error_context(err, "%s", name);
    return error_context(err, "%s:%u", name, line);
}

struct settings *settings_parse(const char *text, const char *name, struct error *err)
{
    struct settings_build build = {.settings = memory_new(sizeof(*build.settings))};
    bool good;

    fill_defaults(OPTION_GLOBAL, build.settings);
    fill_defaults(OPTION_SERVICE, &build.defaults);
    good = ini_read(text, name, &ini_events, &build, err) && finish(&build, name, err);
    service_destroy(&build.defaults);
    free(build.services);
    if (good)
        return build.settings;
    settings_free(build.settings);
    return NULL;
}

struct settings *settings_load(const char *path, bool optional, struct error *err)
{
    struct settings *settings;
    bool missing;
    char *text = config_file_read(path, &missing, err);

    if (text == NULL)
        return missing && optional ? settings_parse("", path, err) : NULL;
    settings = settings_parse(text, path, err);
    free(text);
    return settings;
}

static bool stop_at_section(
    void *owner, const char *name, unsigned line, struct error *err)
{
    (void)owner;
    (void)line;
    return error_set(err, "[%s]: the options of the whole proxy end here", name);
}

static bool take_control(
    void *owner, const char *name, const char *value, unsigned line, struct error *err)
{
    char **control = owner;

    (void)line;
    (void)err;
    if (*control == NULL && strcmp(name, "control") == 0)
        *control = memory_text(value);
    return true;
}

char *settings_find_control(const char *path)
{
    static const struct ini_events events = {
        .section = stop_at_section, .pair = take_control};
    struct error ignored;
    bool missing;
    char *control = NULL, *text = config_file_read(path, &missing, &ignored);

    if (text != NULL)
        (void)ini_read(text, path, &events, &control, &ignored);
    free(text);
    if (control == NULL || *control == '/' || strcmp(control, "off") == 0)
        return control;
    free(control);
    return NULL;
}

struct service_settings *settings_copy_service(
    struct settings *settings, size_t index, const char *name)
{
    size_t count = settings->service_count + 1;
    struct service_settings *copy;

    settings->services =
        memory_resize(settings->services, count, sizeof(*settings->services));
    copy = &settings->services[count - 1];
    *copy = (struct service_settings){.name = memory_text(name)};
    copy_service(copy, &settings->services[index]);
    settings->service_count = count;
    return copy;
}

void settings_free(struct settings *settings)
{
    if (settings == NULL)
        return;
    for (size_t i = 0; i < settings->service_count; i++)
        service_destroy(&settings->services[i]);
    free(settings->services);
    clear_options(OPTION_GLOBAL, settings);
    free(settings);
}
