#include "proxy/command/cert/cert_show_configured.h"

#include <stdio.h>
#include <string.h>

#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/base/utf8_json.h"
#include "proxy/command/cert/cert_show_file.h"
#include "proxy/command/command.h"
#include "proxy/command/daemon.h"
#include "proxy/command/print.h"

/* Finds the service of that name in the running proxy's answer; NULL: not served. */
static const json_t *find_served(const json_t *status, const char *name)
{
    const json_t *service;
    size_t i;

    json_array_foreach(json_object_get(status, "services"), i, service)
    {
        if (strcmp(json_text(service, "name"), name) == 0)
            return service;
    }
    return NULL;
}

static json_t *files_of(const struct service_settings *service)
{
    json_t *files = json_array();

    for (size_t i = 0; i < service->cert.count; i++)
        json_array_append_new(files, show_file(service->cert.items[i], NULL));
    return files;
}

/* {"services": [{"name", "files": [LISTING], "served"?: [CERT], "differs"?}], "ok"} */
static json_t *describe(const struct settings *settings, const json_t *status)
{
    json_t *services = json_array();
    bool good = true;

    for (size_t i = 0; i < settings->service_count; i++) {
        const struct service_settings *service = &settings->services[i];
        json_t *object = json_pack(
            "{so so}", "name", utf8_json(service->name), "files", files_of(service));
        const json_t *served = find_served(status, service->name);
        const json_t *file;
        size_t k;

        if (served != NULL) {
            json_object_set(object, "served", json_object_get(served, "certificates"));
            json_object_set(object, "differs", json_object_get(served, "differs"));
        }
        good = good && !json_is_true(json_object_get(object, "differs"));
        json_array_foreach(json_object_get(object, "files"), k, file) good =
            good && json_is_true(json_object_get(file, "ok"));
        json_array_append_new(services, object);
    }
    return json_pack("{so sb}", "services", services, "ok", (int)good);
}

static void print_served(const json_t *service, const char *absent)
{
    const json_t *certificate;
    size_t i;

    if (json_object_get(service, "served") == NULL) {
        print_wrapped(stdout, "not served: ",
            *absent != '\0' ? absent : "the running proxy has no such service");
        return;
    }
    puts("served now");
    json_array_foreach(json_object_get(service, "served"), i, certificate)
        print_certificate(stdout, certificate);
    if (json_is_true(json_object_get(service, "differs")))
        print_wrapped(stdout, "DIFFERS  ",
            "what is on disk is not what is served; to serve it: wlbproxy reload");
    else
        puts("it is what is on disk");
}

static void print_all(const json_t *shown, const char *absent)
{
    const json_t *service, *file;
    size_t i, k;

    json_array_foreach(json_object_get(shown, "services"), i, service)
    {
        printf("%s[%s] on disk\n", i > 0 ? "\n" : "", json_text(service, "name"));
        json_array_foreach(json_object_get(service, "files"), k, file)
            show_file_print(file);
        putchar('\n');
        print_served(service, absent);
    }
}

/* NULL and err if no proxy answers. */
static json_t *ask_status(const char *config, const char *control, struct error *err)
{
    struct control_answer answer;
    struct daemon daemon;
    json_t *status = NULL;

    if (!daemon_find(&daemon, config, control, err))
        return NULL;
    if (daemon_ask(&daemon, "status", NULL, &answer, err)) {
        status = json_incref(answer.json);
        control_answer_destroy(&answer);
    }
    daemon_forget(&daemon);
    return status;
}

int show_configured(const char *config, const char *control, bool json)
{
    struct error err = {""};
    struct settings *settings = settings_load(
        config != NULL ? config : SETTINGS_DEFAULT_FILE, config == NULL, &err);
    json_t *status, *shown;
    bool good;

    if (settings == NULL) {
        print_failure("cert show", json, err.text);
        return EXIT_FAILED;
    }
    status = ask_status(config, control, &err);
    shown = describe(settings, status);
    good = json_is_true(json_object_get(shown, "ok"));
    if (status == NULL)
        json_object_set_new(shown, "not_served", utf8_json(err.text));
    if (json)
        print_json(shown);
    else
        print_all(shown, status == NULL ? err.text : "");
    json_decref(shown);
    json_decref(status);
    settings_free(settings);
    return good ? EXIT_DONE : EXIT_NEGATIVE;
}
