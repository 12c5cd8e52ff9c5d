#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proxy/command/cert/cert_listing.h"
#include "proxy/command/print.h"

enum { TEXT_MAX = 8192, TREE_DEPTH_MAX = 10, NUMBERS_MAX = 101 };

static void join(const json_t *list, char *text, size_t size)
{
    const json_t *item;
    size_t i, len = 0;

    *text = '\0';
    json_array_foreach(list, i, item)
    {
        if (len < size)
            len += (size_t)snprintf(text + len, size - len, "%s%s", i == 0 ? "" : ", ",
                json_string_value(item));
    }
}

static void print_place(const json_t *object)
{
    if (json_number(object, "line") > 0)
        printf(" (line %" PRIu64 ")", json_number(object, "line"));
}

static void print_days(const json_t *certificate)
{
    json_int_t days = json_integer_value(json_object_get(certificate, "days_left"));
    const char *from = json_text(certificate, "not_before");
    const char *until = json_text(certificate, "not_after");

    printf("    valid      %.10s to %.10s: ", from, until);
    if (days < 0)
        printf(
            "EXPIRED %" JSON_INTEGER_FORMAT " day%s ago\n", -days, days == -1 ? "" : "s");
    else
        printf("%" JSON_INTEGER_FORMAT " day%s left\n", days, days == 1 ? "" : "s");
}

static void print_one(const json_t *certificate)
{
    char names[TEXT_MAX];

    *names = '\0';
    if (!json_is_true(json_object_get(certificate, "ca")))
        join(json_object_get(certificate, "names"), names, sizeof(names));
    printf("  certificate %" PRIu64, json_number(certificate, "number"));
    print_place(certificate);
    putchar('\n');
    print_wrapped(stdout, "    subject    ", json_text(certificate, "subject"));
    if (*names != '\0')
        print_wrapped(stdout, "    names      ", names);
    print_wrapped(stdout, "    issuer     ",
        json_is_true(json_object_get(certificate, "self_signed"))
            ? "itself (self-signed)"
            : json_text(certificate, "issuer"));
    print_days(certificate);
    print_wrapped(stdout, "    serial     ", json_text(certificate, "serial"));
    printf("    key        %s%s\n", json_text(certificate, "key"),
        json_is_true(json_object_get(certificate, "ca")) ? ", of a CA" : "");
    printf("    signature  %s\n", json_text(certificate, "signature"));
    printf("    sha256     %s\n", json_text(certificate, "sha256"));
    printf("    sha1       %s\n", json_text(certificate, "sha1"));
}

/* ---- the chain as a tree ---- */

struct tree {
    const json_t *certificates;
    const char *first;
    bool drawn[NUMBERS_MAX];
};

static void print_node(const char *title, unsigned depth, const char *remark)
{
    char lead[4 * TREE_DEPTH_MAX + 8], line[512];

    snprintf(lead, sizeof(lead), "    %*s%s", depth > 1 ? (int)(3 * (depth - 1)) : 0, "",
        depth > 0 ? "+- " : "");
    snprintf(line, sizeof(line), "%s%s%s%s", title, *remark == '\0' ? "" : "  (", remark,
        *remark == '\0' ? "" : ")");
    print_wrapped(stdout, lead, line);
}

static void remark_on(
    const struct tree *tree, const json_t *certificate, char *text, size_t size)
{
    uint64_t number = json_number(certificate, "number");

    snprintf(text, size, "%" PRIu64 "%s%s%s", number,
        json_is_true(json_object_get(certificate, "self_signed")) ? ", self-signed" : "",
        number == 1 && *tree->first != '\0' ? ", " : "", number == 1 ? tree->first : "");
}

/* Draws a certificate and all it issued. A loop of cross-signs ends at a certificate that
 * was drawn before. */
static void draw(struct tree *tree, const json_t *certificate, unsigned depth)
{
    uint64_t number = json_number(certificate, "number");
    const json_t *other;
    char remark[64];
    size_t i;

    if (number >= NUMBERS_MAX || tree->drawn[number])
        return;
    tree->drawn[number] = true;
    remark_on(tree, certificate, remark, sizeof(remark));
    print_node(json_text(certificate, "title"), depth, remark);
    if (depth == TREE_DEPTH_MAX)
        return;
    json_array_foreach(tree->certificates, i, other)
    {
        if (json_number(other, "issued_by") == number)
            draw(tree, other, depth + 1);
    }
}

static void draw_all(const json_t *listing, const char *first)
{
    struct tree tree = {
        .certificates = json_object_get(listing, "certificates"), .first = first};
    const json_t *certificate;
    size_t i;

    puts("  chain");
    json_array_foreach(tree.certificates, i, certificate)
    {
        if (json_number(certificate, "issued_by") > 0)
            continue;
        if (json_is_true(json_object_get(certificate, "self_signed"))) {
            draw(&tree, certificate, 0);
        } else {
            print_node(json_text(certificate, "issuer"), 0, "NOT THERE");
            draw(&tree, certificate, 1);
        }
    }
    json_array_foreach(tree.certificates, i, certificate) draw(&tree, certificate, 0);
}

/* ---- the rest ---- */

static void print_keys(const json_t *listing)
{
    const json_t *key;
    size_t i;

    json_array_foreach(json_object_get(listing, "keys"), i, key)
    {
        printf("  private key: %s", json_text(key, "key"));
        if (json_number(key, "of") > 0)
            printf(", of certificate %" PRIu64, json_number(key, "of"));
        else if (json_array_size(json_object_get(listing, "certificates")) > 0)
            printf(", of none of the certificates");
        print_place(key);
        putchar('\n');
    }
}

static void print_requests(const json_t *listing)
{
    const json_t *request, *other;
    char names[TEXT_MAX];
    size_t i;

    json_array_foreach(json_object_get(listing, "requests"), i, request)
    {
        join(json_object_get(request, "names"), names, sizeof(names));
        printf("  signing request (CSR)");
        print_place(request);
        putchar('\n');
        print_wrapped(stdout, "    subject    ", json_text(request, "subject"));
        if (*names != '\0')
            print_wrapped(stdout, "    names      ", names);
        printf("    key        %s\n", json_text(request, "key"));
    }
    json_array_foreach(json_object_get(listing, "others"), i, other)
    {
        printf("  %s block, not used", json_text(other, "what"));
        print_place(other);
        putchar('\n');
    }
}

void cert_listing_print(const json_t *listing, const char *first)
{
    const json_t *certificates = json_object_get(listing, "certificates");
    const json_t *item;
    size_t i;

    json_array_foreach(certificates, i, item) print_one(item);
    print_keys(listing);
    print_requests(listing);
    if (json_array_size(certificates) > 0)
        draw_all(listing, first);
    json_array_foreach(json_object_get(listing, "missing"), i, item)
    {
        char text[TEXT_MAX];

        snprintf(text, sizeof(text), "the issuer of %" PRIu64 ", %s",
            json_number(item, "of"), json_text(item, "issuer"));
        print_wrapped(stdout, "  missing: ", text);
    }
}
