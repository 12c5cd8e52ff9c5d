#include "config/path_rule.h"

#include <string.h>

#include "config/excerpt.h"
#include "proxy/base/error.h"

static bool methods_are_good(const char *text, size_t len)
{
    bool begun = false;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == ',' && !begun)
            return false;
        if (text[i] != ',' && text[i] != '-' && (text[i] < 'A' || text[i] > 'Z'))
            return false;
        begun = text[i] != ',';
    }
    return begun || len == 0;
}

/* No escape, no "." or "..": two readers may take these for different paths. */
static bool prefix_is_good(const char *prefix)
{
    for (const char *c = prefix; *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 0x7f || strchr("%?#\\\"", *c) != NULL)
            return false;
        if (*c == '/' && (c[1] == '/' || (c[1] == '.' && strchr("./", c[2]) != NULL)))
            return false;
    }
    return *prefix == '/';
}

bool path_rule_parse(const char *text, struct path_rule *rule, struct error *err)
{
    size_t methods = strcspn(text, " \t");

    rule->methods = text;
    rule->methods_len = text[methods] == '\0' ? 0 : methods;
    rule->prefix = text + rule->methods_len;
    rule->prefix += strspn(rule->prefix, " \t");
    if (!methods_are_good(text, rule->methods_len))
        return error_set(err,
            "'%s' does not begin with methods as GET,POST, nor with a /",
            excerpt_of_text(text).text);
    if (!prefix_is_good(rule->prefix))
        return error_set(err,
            "'%s': a path begins with / and has no blank, %%, ?, #, // or dots alone",
            excerpt_of_text(text).text);
    return true;
}
