#include "proxy/command/cert/cert.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "certstore/credential.h"
#include "certstore/read/collect.h"
#include "certstore/read/password_file.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/utf8_json.h"
#include "proxy/command/arguments.h"
#include "proxy/command/cert/cert_listing.h"
#include "proxy/command/cert/cert_show_configured.h"
#include "proxy/command/cert/cert_show_file.h"
#include "proxy/command/daemon.h"
#include "proxy/command/peer.h"
#include "proxy/command/print.h"

/* ---- a file ---- */

static int show_a_file(const char *path, const char *password, bool json)
{
    json_t *shown = show_file(path, password);
    bool good = json_is_true(json_object_get(shown, "ok"));

    if (json)
        print_json(shown);
    else
        show_file_print(shown);
    json_decref(shown);
    return good ? EXIT_DONE : EXIT_NEGATIVE;
}

/* ---- a server ---- */

static json_t *peer_json(const struct peer *peer, const struct collection *collection)
{
    json_t *shown = cert_listing_of(collection, time(NULL));
    json_t *client = json_pack("{sb}", "connects", peer->xapi);

    json_object_set_new(shown, "address", utf8_json(peer->where));
    json_object_set_new(shown, "ok", json_boolean(peer->xapi));
    json_object_set_new(client, peer->xapi ? "terms" : "reason",
        utf8_json(peer->xapi ? peer->terms : peer->reason));
    json_object_set_new(shown, "xenserver", client);
    if (*peer->modern_terms != '\0')
        json_object_set_new(shown, "modern", json_string(peer->modern_terms));
    json_object_set_new(
        shown, "asks_for_client_certificate", json_boolean(peer->asks_certificate));
    return shown;
}

static void print_peer(const struct peer *peer, const json_t *shown)
{
    char text[PEER_TEXT_MAX + 128];

    printf("%s presents\n", peer->where);
    cert_listing_print(shown, "sent first");
    if (peer->xapi)
        print_wrapped(stdout, "XenServer's client connects: ", peer->terms);
    if (*peer->modern_terms != '\0')
        print_wrapped(stdout, "a modern client connects:    ", peer->modern_terms);
    if (peer->asks_certificate)
        puts("it asks its clients for a certificate");
    if (peer->xapi)
        return;
    snprintf(text, sizeof(text),
        "XenServer's client could not connect because %s; XenServer would say no more "
        "than \"connection reset\"",
        peer->reason);
    print_wrapped(stdout, "refused  ", text);
}

static int show_a_server(struct peer *peer, bool json)
{
    struct collection collection;
    struct error err = {""};
    json_t *shown;
    bool seen;

    collection_init(&collection);
    seen = peer_look(peer, &collection, &err);
    if (!seen) {
        error_context(&err, "%s", peer->where);
        print_failure("cert show", json, err.text);
        collection_destroy(&collection);
        return EXIT_FAILED;
    }
    shown = peer_json(peer, &collection);
    if (json)
        print_json(shown);
    else
        print_peer(peer, shown);
    json_decref(shown);
    collection_destroy(&collection);
    return peer->xapi ? EXIT_DONE : EXIT_NEGATIVE;
}

/* ---- file or server ---- */

static bool has_file_suffix(const char *text)
{
    static const char *const suffixes[] = {
        ".pem", ".crt", ".cer", ".der", ".key", ".p12", ".pfx", ".p7b", ".p7c", ".csr"};
    const char *dot = strrchr(text, '.');

    for (size_t i = 0; dot != NULL && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (strcasecmp(dot, suffixes[i]) == 0)
            return true;
    }
    return false;
}

/* It may be the name of a server, or a file's name with a typing error. */
static bool is_no_file(const char *text)
{
    return access(text, F_OK) != 0 && strchr(text, '/') == NULL && !has_file_suffix(text);
}

static int show(const struct text_list *operands, const char *config, const char *control,
    const char *password, bool json)
{
    struct peer peer;
    struct error err;

    if (operands->count > 1) {
        error_set(
            &err, "one file or server at a time, not '%.200s' too", operands->items[1]);
        print_failure("cert show", json, err.text);
        return EXIT_FAILED;
    }
    if (operands->count == 0)
        return show_configured(config, control, json);
    if (is_no_file(operands->items[0]) && peer_name(&peer, operands->items[0], &err))
        return show_a_server(&peer, json);
    if (is_no_file(operands->items[0]) && strchr(operands->items[0], ':') != NULL) {
        print_failure("cert show", json, err.text);
        return EXIT_FAILED;
    }
    return show_a_file(operands->items[0], password, json);
}

int cert_show_command(int argc, char **argv)
{
    const char *config = NULL, *control = NULL, *password_path = NULL;
    struct text_list operands = {0};
    char *password = NULL;
    bool json = false;
    const struct argument list[] = {
        ARGUMENT_CONFIG(config),
        ARGUMENT_CONTROL(control),
        ARGUMENT_PASSWORD(password_path),
        ARGUMENT_JSON(json),
    };
    const struct arguments arguments = {
        .command = "cert show",
        .summary =
            "Shows the certificates, keys and requests of a file (PEM, DER, PKCS#12, "
            "PKCS#7), or what a live server (HOST, HOST:PORT, [V6]:PORT) presents, to "
            "XenServer's client and to a modern one. Without either: what the "
            "configuration names, and what is served.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
        .operand = "[FILE|HOST:PORT]",
        .operands = &operands,
    };
    struct error err;
    int status = arguments_parse(&arguments, argc, argv);

    if (status == EXIT_GO_ON &&
        (!secrets_init(&err) || !password_read(password_path, &password, &err))) {
        print_failure("cert show", json, err.text);
        status = EXIT_FAILED;
    }
    if (status == EXIT_GO_ON)
        status = show(&operands, config, control, password, json);
    password_free(password);
    text_list_clear(&operands);
    return status;
}
