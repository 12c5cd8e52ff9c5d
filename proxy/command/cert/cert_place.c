#include "proxy/command/cert/cert_place.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/install/folder.h"
#include "certstore/judge/credential_load.h"
#include "certstore/read/password_file.h"
#include "config/path.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

/* Returns the name by which clients know this host: its full name if the resolver knows
 * it. */
static char *host_name(void)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};
    struct addrinfo *found = NULL;
    char host[256] = "localhost";
    char *name;

    (void)gethostname(host, sizeof(host) - 1);
    if (strchr(host, '.') == NULL && getaddrinfo(host, NULL, &hints, &found) == 0 &&
        found->ai_canonname != NULL && strchr(found->ai_canonname, '.') != NULL)
        name = memory_text(found->ai_canonname);
    else
        name = memory_text(host);
    if (found != NULL)
        freeaddrinfo(found);
    return name;
}

static char *without_suffix(const char *path, const char *suffix)
{
    size_t len = strlen(path), end = strlen(suffix);
    char *copy = memory_text(path);

    if (len > end && strcmp(path + len - end, suffix) == 0)
        copy[len - end] = '\0';
    return copy;
}

static char *replace_suffix(const char *path, const char *suffix, const char *other)
{
    char *start = without_suffix(path, suffix);
    char *result = path_join(start, other, "");

    free(start);
    return result;
}

static char *absolute(const char *path)
{
    char *folder = *path == '/' ? NULL : realpath(".", NULL);
    char *result = folder == NULL ? memory_text(path) : path_join(folder, "/", path);

    free(folder);
    return result;
}

static const char *key_of(const struct service_settings *service, size_t i)
{
    const char *key = i < service->key.count ? service->key.items[i] : NULL;

    return key != NULL && !is_same_path(key, service->cert.items[i]) ? key : NULL;
}

/* Finds the configured key of this chain; else it uses the vendor's naming. */
static void find_key(struct cert_place *place)
{
    for (size_t i = 0; i < place->settings->service_count; i++) {
        const struct service_settings *service = &place->settings->services[i];

        for (size_t k = 0; k < service->cert.count; k++) {
            if (!is_same_path(service->cert.items[k], place->cert))
                continue;
            free(place->cert); /* it gets the spelling that the proxy uses */
            place->cert = memory_text(service->cert.items[k]);
            place->service = service;
            if (key_of(service, k) != NULL)
                place->key = memory_text(key_of(service, k));
            return;
        }
    }
    place->key = replace_suffix(place->cert, ".pem", ".key");
}

static void find_files(
    struct cert_place *place, const struct cert_flags *flags, const char *key)
{
    place->cert = flags->cert != NULL
        ? absolute(flags->cert)
        : memory_text(place->settings->services[0].cert.items[0]);
    find_key(place);
    if (key != NULL) {
        free(place->key);
        place->key = absolute(key);
    }
    if (place->key != NULL && is_same_path(place->key, place->cert)) {
        free(place->key);
        place->key = NULL;
    }
    place->pending_pair = path_join(place->cert, ".pending", "");
    place->pending_key = place->key != NULL ? path_join(place->key, ".pending", "")
                                            : path_join(place->cert, ".key", ".pending");
    place->csr = flags->csr != NULL ? absolute(flags->csr)
                                    : replace_suffix(place->cert, ".pem", ".csr");
}

/* The name of the pair's service; a pair of no service is meant for the clients of the
 * first. */
static const char *configured_name(const struct cert_place *place)
{
    const struct service_settings *service =
        place->service != NULL ? place->service : &place->settings->services[0];

    return *service->host_name != '\0' ? service->host_name : NULL;
}

static bool read_password(struct cert_place *place, struct error *err)
{
    struct findings findings;
    bool good;

    if (place->service == NULL)
        return true;
    findings_init(&findings);
    good = password_load(place->service->key_password_file, &place->password, &findings);
    if (!good)
        finding_sentence(&findings.items[0], err->text, sizeof(err->text));
    findings_destroy(&findings);
    return good;
}

static bool make_folder_of(const char *path, struct error *err)
{
    char *folder = folder_of_path(path);
    bool good = folder_make_path(folder, err);

    free(folder);
    return good;
}

static bool make_folders(const struct cert_place *place, struct error *err)
{
    return make_folder_of(place->cert, err) &&
        (place->key == NULL || make_folder_of(place->key, err));
}

bool cert_place_find(struct cert_place *place, const struct cert_flags *flags,
    const char *key, struct error *err)
{
    const char *config = flags->config != NULL ? flags->config : SETTINGS_DEFAULT_FILE;
    struct error ignored;

    *place = (struct cert_place){.pair = PAIR_FILE_EMPTY};
    place->settings = settings_load(config, flags->config == NULL, err);
    if (place->settings == NULL)
        return false;
    find_files(place, flags, key);
    if (!read_password(place, err))
        return false;
    place->name = flags->name != NULL    ? memory_text(flags->name)
        : configured_name(place) != NULL ? memory_text(configured_name(place))
                                         : host_name();
    if (!daemon_find(&place->daemon, flags->config, flags->control, &ignored))
        place->daemon.socket_path = NULL;
    if (flags->makes_folder && !make_folders(place, err))
        return false;
    if (!pair_file_init(&place->pair, place->cert, place->key, err))
        return false;
    place->pair.password = place->password;
    return true;
}

char *cert_place_waiting_key(const struct cert_place *place, size_t i)
{
    char number[24] = "";

    if (i == 0)
        return memory_text(place->pending_key);
    if (i > 1)
        snprintf(number, sizeof(number), ".%zu", i - 1);
    return path_join(place->pending_key, "_orig", number);
}

struct credential *cert_place_load(
    const struct cert_place *place, struct findings *findings, struct error *err)
{
    const char *password =
        place->service != NULL ? place->service->key_password_file : NULL;

    return credential_load(
        place->cert, place->key, password, true, time(NULL), findings, err);
}

void cert_place_destroy(struct cert_place *place)
{
    pair_file_destroy(&place->pair);
    password_free(place->password);
    daemon_forget(&place->daemon);
    settings_free(place->settings);
    free(place->cert);
    free(place->key);
    free(place->pending_key);
    free(place->pending_pair);
    free(place->csr);
    free(place->name);
}
