#include "proxy/command/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/settings.h"
#include "config/text_list.h"
#include "proxy/base/clock.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/command/arguments.h"
#include "proxy/command/print.h"

enum { TIMEOUT_MS = 120 * 1000, TIMEOUT_LEAST_MS = 1000 };

static char *default_control(void)
{
    struct error none;
    struct settings *settings = settings_parse("", "defaults", &none);
    char *control = memory_text(settings->control);

    settings_free(settings);
    return control;
}

/* *doubt: why it is the default path; "" if it is not. */
static char *control_of(const char *config, struct error *doubt)
{
    const char *path = config != NULL ? config : SETTINGS_DEFAULT_FILE;
    struct settings *settings = settings_load(path, config == NULL, doubt);
    char *control =
        settings != NULL ? memory_text(settings->control) : settings_find_control(path);

    settings_free(settings);
    if (control == NULL)
        return default_control();
    doubt->text[0] = '\0';
    return control;
}

void daemon_forget(struct daemon *daemon)
{
    free(daemon->socket_path);
    daemon->socket_path = NULL;
}

bool daemon_find(
    struct daemon *daemon, const char *config, const char *control, struct error *err)
{
    *daemon = (struct daemon){0};
    daemon->socket_path =
        control != NULL ? memory_text(control) : control_of(config, &daemon->doubt);
    if (control == NULL && strcmp(daemon->socket_path, "off") == 0) {
        daemon_forget(daemon);
        return error_set(err, "there is no control socket to ask on: control = off");
    }
    return true;
}

bool daemon_is_absent(const struct daemon *daemon)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    bool absent = false;
    int fd;

    if (strlen(daemon->socket_path) >= sizeof(address.sun_path))
        return false;
    strcpy(address.sun_path, daemon->socket_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        absent = errno == ENOENT || errno == ENOTDIR || errno == ECONNREFUSED;
    close(fd);
    return absent;
}

void daemon_hurry(struct daemon *daemon, int ms)
{
    daemon->due = clock_now_ms() + ms;
}

bool daemon_is_late(const struct daemon *daemon)
{
    return daemon->due != 0 && clock_now_ms() >= daemon->due;
}

int daemon_timeout(const struct daemon *daemon)
{
    int64_t left = daemon->due - clock_now_ms();

    if (daemon->due == 0)
        return TIMEOUT_MS;
    if (left > TIMEOUT_MS)
        return TIMEOUT_MS;
    return left > TIMEOUT_LEAST_MS ? (int)left : TIMEOUT_LEAST_MS;
}

/* Nobody listens: perhaps the socket is the wrong one. */
static void explain(const struct daemon *daemon, struct error *err)
{
    struct error why = *err;

    if (*daemon->doubt.text != '\0' && daemon_is_absent(daemon))
        error_set(err, "%s (the default socket, for %s)", why.text, daemon->doubt.text);
}

bool daemon_ask_json(const struct daemon *daemon, json_t *question,
    struct control_answer *answer, struct error *err)
{
    if (control_ask(daemon->socket_path, question, daemon_timeout(daemon), answer, err))
        return true;
    explain(daemon, err);
    return false;
}

bool daemon_ask(const struct daemon *daemon, const char *request, const char *service,
    struct control_answer *answer, struct error *err)
{
    json_t *question = json_pack("{ss}", "request", request);

    if (service != NULL)
        json_object_set_new(question, "service", json_string(service));
    return daemon_ask_json(daemon, question, answer, err);
}

bool daemon_reload(const struct daemon *daemon, bool force, bool upgrade,
    struct control_answer *answer, struct error *err)
{
    json_t *question = json_pack(
        "{ss sb sb}", "request", "reload", "force", (int)force, "upgrade", (int)upgrade);

    return daemon_ask_json(daemon, question, answer, err);
}

int daemon_command(const struct daemon_command *command, int argc, char **argv)
{
    const char *config = NULL, *control = NULL;
    bool json = false, force = false;
    const struct argument list[] = {
        ARGUMENT_CONFIG(config),
        ARGUMENT_CONTROL(control),
        ARGUMENT_JSON(json),
        {.name = "force", .help = command->force, .flag = &force},
    };
    const struct arguments arguments = {
        .command = command->name,
        .summary = command->summary,
        .list = list,
        .count = sizeof(list) / sizeof(list[0]) - (command->force == NULL),
    };
    int status = arguments_parse(&arguments, argc, argv);
    struct daemon daemon;
    struct error err;

    if (status != EXIT_GO_ON)
        return status;
    if (!daemon_find(&daemon, config, control, &err)) {
        print_failure(command->name, json, err.text);
        return EXIT_FAILED;
    }
    status = command->talk(&daemon, force, json);
    daemon_forget(&daemon);
    return status;
}
