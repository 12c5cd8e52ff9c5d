#include "proxy/session/access_rules.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/network.h"
#include "config/path_rule.h"
#include "config/text_list.h"
#include "proxy/base/buffer.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

struct networks {
    struct network *items;
    size_t count;
    const struct text_list *texts;
};

struct passed_path {
    struct path_rule rule;
    size_t prefix_len;
    struct buffer allow; /* the field that lists its methods, with a NUL */
};

struct access_rules {
    struct networks allow, deny, trusted;
    struct passed_path *paths;
    size_t path_count;
};

static struct networks parse_networks(const struct text_list *list)
{
    struct networks networks = {
        memory_array(list->count, sizeof(struct network)), list->count, list};
    struct error err;

    for (size_t i = 0; i < list->count; i++) {
        bool good = network_parse(list->items[i], &networks.items[i], &err);
        assert(good); /* the settings were parsed by the same function */
    }
    return networks;
}

static void list_methods(struct passed_path *path)
{
    buffer_append_text(&path->allow, "Allow: ");
    for (size_t i = 0; i < path->rule.methods_len; i++) {
        buffer_append(&path->allow, &path->rule.methods[i], 1);
        if (path->rule.methods[i] == ',')
            buffer_append(&path->allow, " ", 1);
    }
    buffer_append(&path->allow, "\r\n", 3);
}

struct access_rules *access_rules_new(const struct service_settings *settings)
{
    struct access_rules *rules = memory_new(sizeof(*rules));
    struct error err;

    rules->allow = parse_networks(&settings->allow);
    rules->deny = parse_networks(&settings->deny);
    rules->trusted = parse_networks(&settings->trusted);
    rules->path_count = settings->paths.count;
    rules->paths = memory_array(rules->path_count, sizeof(*rules->paths));
    for (size_t i = 0; i < rules->path_count; i++) {
        struct passed_path *path = &rules->paths[i];
        bool good = path_rule_parse(settings->paths.items[i], &path->rule, &err);

        assert(good);
        path->prefix_len = strlen(path->rule.prefix);
        buffer_init(&path->allow);
        list_methods(path);
    }
    return rules;
}

void access_rules_free(struct access_rules *rules)
{
    if (rules == NULL)
        return;
    for (size_t i = 0; i < rules->path_count; i++)
        buffer_destroy(&rules->paths[i].allow);
    free(rules->paths);
    free(rules->allow.items);
    free(rules->deny.items);
    free(rules->trusted.items);
    free(rules);
}

static bool verify_is_equal(
    const struct service_settings *a, const struct service_settings *b)
{
    return a->verify == b->verify &&
        (a->verify == VERIFY_OFF ||
            (strcmp(a->ca, b->ca) == 0 && text_list_equal(&a->crl, &b->crl) &&
                a->verify_depth == b->verify_depth &&
                text_list_equal(&a->verify_pins, &b->verify_pins) &&
                text_list_equal(&a->verify_names, &b->verify_names)));
}

bool access_rules_are_equal(
    const struct service_settings *a, const struct service_settings *b)
{
    return verify_is_equal(a, b) && text_list_equal(&a->allow, &b->allow) &&
        text_list_equal(&a->deny, &b->deny) && text_list_equal(&a->paths, &b->paths) &&
        a->auth_failures == b->auth_failures;
}

/* Returns the text of the network that has it; NULL: none has. */
static const char *find(const struct networks *networks, const struct in6_addr *address)
{
    for (size_t i = 0; i < networks->count; i++) {
        if (network_contains(&networks->items[i], address))
            return networks->texts->items[i];
    }
    return NULL;
}

static bool has(const struct networks *networks, const struct in6_addr *address)
{
    return find(networks, address) != NULL;
}

bool access_rules_admit(const struct access_rules *rules, const struct in6_addr *address)
{
    if (IN6_IS_ADDR_UNSPECIFIED(address))
        return true;
    return !has(&rules->deny, address) &&
        (rules->allow.count == 0 || has(&rules->allow, address));
}

void access_rules_name(const struct access_rules *rules, const struct in6_addr *address,
    char rule[ACCESS_RULE_MAX])
{
    const char *denied = find(&rules->deny, address);

    (void)snprintf(rule, ACCESS_RULE_MAX, "%s%s", denied != NULL ? "deny = " : "allow",
        denied != NULL ? denied : "");
}

bool access_rules_trust(const struct access_rules *rules, const struct in6_addr *address)
{
    return has(&rules->trusted, address);
}

static struct span path_of(struct span target)
{
    const char *query = memchr(target.text, '?', target.len);

    return (struct span){
        target.text, query == NULL ? target.len : (size_t)(query - target.text)};
}

/* A "." or ".." between slashes, or before a ';', where some servers cut. */
static bool is_dot_segment(const char *segment, const char *end)
{
    size_t dots = 0;

    while (dots < 3 && segment + dots < end && segment[dots] == '.')
        dots++;
    segment += dots;
    return (dots == 1 || dots == 2) &&
        (segment == end || *segment == '/' || *segment == ';');
}

static bool hides_a_separator(const char *escape, const char *end)
{
    static const char *const hidden[] = {"%2e", "%2f", "%5c", "%25", "%00", "%3b"};

    for (size_t i = 0; end - escape >= 3 && i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        if (strncasecmp(escape, hidden[i], 3) == 0)
            return true;
    }
    return false;
}

static bool is_of_one_meaning(struct span path)
{
    const char *end = path.text + path.len;

    for (const char *c = path.text; c < end; c++) {
        if (*c == '\\' || (*c == '%' && hides_a_separator(c, end)) ||
            (*c == '/' && is_dot_segment(c + 1, end)))
            return false;
    }
    return true;
}

static bool matches(const struct passed_path *path, struct span target)
{
    const char *prefix = path->rule.prefix;
    size_t len = path->prefix_len;

    if (target.len < len || memcmp(target.text, prefix, len) != 0)
        return false;
    return target.len == len || prefix[len - 1] == '/' || target.text[len] == '/';
}

static bool lists(const struct path_rule *rule, struct span method)
{
    const char *at = rule->methods, *end = at + rule->methods_len;

    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t len = (size_t)((comma == NULL ? end : comma) - at);

        if (len == method.len && memcmp(at, method.text, len) == 0)
            return true;
        at += len + 1;
    }
    return rule->methods_len == 0;
}

static bool allows(const struct path_rule *rule, struct span method)
{
    return lists(rule, method) ||
        (span_is(method, "HEAD") && lists(rule, (struct span){"GET", 3}));
}

enum path_verdict access_rules_judge(
    const struct access_rules *rules, struct span method, struct span target)
{
    struct span path = path_of(target);
    enum path_verdict verdict = PATH_UNKNOWN;

    if (rules->path_count == 0)
        return PATH_PASSED;
    if (!is_of_one_meaning(path))
        return PATH_UNKNOWN;
    for (size_t i = 0; i < rules->path_count; i++) {
        if (!matches(&rules->paths[i], path))
            continue;
        if (allows(&rules->paths[i].rule, method))
            return PATH_PASSED;
        verdict = PATH_METHOD_NOT_ALLOWED;
    }
    return verdict;
}

const char *access_rules_allowed(const struct access_rules *rules, struct span target)
{
    for (size_t i = 0; i < rules->path_count; i++) {
        if (matches(&rules->paths[i], path_of(target)))
            return buffer_data(&rules->paths[i].allow);
    }
    return "";
}
