#include "proxy/admin/exposition.h"

#include <stdio.h>
#include <string.h>

#include "proxy/admin/time_text.h"
#include "proxy/base/buffer.h"
#include "proxy/base/metrics.h"

enum { LABELS_MAX = 2048, VALUE_MAX = 200, NAME_MAX_LEN = 128 };

/* One family of metrics, while it is written. */
struct family {
    struct buffer *out;
    enum exposition_format format;
    const struct metric *metric;
    char name[NAME_MAX_LEN]; /* name of its samples */
    size_t began; /* length of `out` before its first sample */
    bool titled;
};

struct labels {
    char text[LABELS_MAX]; /* a="1",b="2" */
    size_t len;
};

/* ---- labels ---- */

static void add_char(struct labels *labels, char c)
{
    if (labels->len < sizeof(labels->text) - 1)
        labels->text[labels->len++] = c;
    labels->text[labels->len] = '\0';
}

/* Backslash, quote and newline are escaped; a long value is cut, between characters. */
static void add_value(struct labels *labels, const char *value)
{
    size_t len = strlen(value);

    if (len > VALUE_MAX) {
        len = VALUE_MAX;
        while (len > 0 && ((unsigned char)value[len] & 0xc0) == 0x80)
            len--;
    }
    for (size_t i = 0; i < len; i++) {
        if (value[i] == '\\' || value[i] == '"' || value[i] == '\n')
            add_char(labels, '\\');
        add_char(labels, value[i] == '\n' ? 'n' : value[i]);
    }
}

static void add_label(
    struct labels *labels, const char *name, size_t name_len, const char *value)
{
    if (labels->len > LABELS_MAX - 2 * VALUE_MAX - NAME_MAX_LEN)
        return; /* none of the labels in the table so far */
    if (labels->len > 0)
        add_char(labels, ',');
    for (size_t i = 0; i < name_len; i++)
        add_char(labels, name[i]);
    add_char(labels, '=');
    add_char(labels, '"');
    add_value(labels, value);
    add_char(labels, '"');
}

static void add_member(struct labels *labels, const char *name, size_t name_len,
    const json_t *object, const char *member, size_t member_len)
{
    char key[NAME_MAX_LEN], number[32];
    const json_t *value;

    snprintf(key, sizeof(key), "%.*s", (int)member_len, member);
    value = json_object_get(object, key);
    snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    add_label(labels, name, name_len,
        json_is_string(value) ? json_string_value(value) : number);
}

/* "label=member,label": the labels between brackets, up to `end`. */
static void add_members(
    struct labels *labels, const json_t *object, const char *at, const char *end)
{
    while (at < end) {
        size_t len = strcspn(at, ",])"), name_len = strcspn(at, "=,])");

        if (name_len < len)
            add_member(
                labels, at, name_len, object, at + name_len + 1, len - name_len - 1);
        else
            add_member(labels, at, len, object, at, len);
        at += len + 1;
    }
}

/* ---- samples ---- */

static void write_title(struct family *f)
{
    static const char *const suffixes[] = {[METRIC_COUNTER] = "_total",
        [METRIC_GAUGE] = "",
        [METRIC_HISTOGRAM] = "",
        [METRIC_INFO] = "_info"};
    const struct metric *m = f->metric;
    bool open = f->format == EXPOSITION_OPENMETRICS;
    const char *suffix = open ? "" : suffixes[m->kind];
    const char *kind =
        m->kind == METRIC_INFO && !open ? "gauge" : metric_kind_names[m->kind];

    f->titled = true;
    buffer_printf(f->out, "# HELP wlbproxy_%s%s %s\n# TYPE wlbproxy_%s%s %s\n", m->name,
        suffix, m->meaning, m->name, suffix, kind);
    if (open && *m->unit != '\0')
        buffer_printf(f->out, "# UNIT wlbproxy_%s %s\n", m->name, m->unit);
    snprintf(f->name, sizeof(f->name), "wlbproxy_%s%s", m->name, suffixes[m->kind]);
    f->began = buffer_len(f->out);
}

/* A second sample with the same labels would make Prometheus reject the whole scrape. It
 * can happen: two certificates of one name. */
static bool is_there(const struct family *f, const char *head)
{
    const char *text = buffer_data(f->out);

    return memmem(text + f->began, buffer_len(f->out) - f->began, head, strlen(head)) !=
        NULL;
}

/* Returns false where there is no value. */
static bool value_text(const json_t *value, char *text, size_t size)
{
    time_t when;

    if (json_is_integer(value))
        snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(text, size, "%.9g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(text, size, "%d", json_is_true(value));
    else if (json_is_string(value) && time_from_text(json_string_value(value), &when))
        snprintf(text, size, "%lld", (long long)when);
    else
        return false;
    return true;
}

/* The histograms of the table have no labels but their bounds. */
static void write_histogram(struct family *f, const json_t *histogram)
{
    json_t *buckets = json_object_get(histogram, "buckets"), *count;
    const char *bound;
    char number[40];

    if (!json_is_object(buckets))
        return;
    write_title(f);
    json_object_foreach(buckets, bound, count)
    {
        if (value_text(count, number, sizeof(number)))
            buffer_printf(f->out, "%s_bucket{le=\"%s\"} %s\n", f->name, bound, number);
    }
    if (value_text(json_object_get(histogram, "sum"), number, sizeof(number)))
        buffer_printf(f->out, "%s_sum %s\n", f->name, number);
    if (value_text(json_object_get(histogram, "count"), number, sizeof(number)))
        buffer_printf(f->out, "%s_count %s\n", f->name, number);
}

static void write_sample(
    struct family *f, const struct labels *labels, const json_t *value)
{
    char head[LABELS_MAX + NAME_MAX_LEN + 8], number[40] = "1";

    if (f->metric->kind == METRIC_HISTOGRAM) {
        write_histogram(f, value);
        return;
    }
    if (f->metric->kind != METRIC_INFO && !value_text(value, number, sizeof(number)))
        return;
    if (!f->titled)
        write_title(f);
    snprintf(head, sizeof(head), "%s%s%s%s ", f->name, labels->len > 0 ? "{" : "",
        labels->text, labels->len > 0 ? "}" : "");
    if (!is_there(f, head))
        buffer_printf(f->out, "%s%s\n", head, number);
}

/* ---- paths ---- */

static void walk(
    struct family *f, const json_t *node, const char *path, const struct labels *labels);

static const char *after(const char *end)
{
    return *end == '.' ? end + 1 : end;
}

static void walk_members(struct family *f, const json_t *object, const char *label,
    const struct labels *labels)
{
    size_t len = strcspn(label, ".");
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key, value)
    {
        struct labels more = *labels;

        add_label(&more, label, len, key);
        walk(f, value, after(label + len), &more);
    }
}

static void walk_elements(struct family *f, const json_t *list, const char *bracket,
    const struct labels *labels)
{
    const char *end = strchr(bracket, ']');
    const json_t *element;
    size_t i;

    json_array_foreach(list, i, element)
    {
        struct labels more = *labels;

        add_members(&more, element, bracket + 1, end);
        walk(f, element, after(end + 1), &more);
    }
}

static void walk(
    struct family *f, const json_t *node, const char *path, const struct labels *labels)
{
    char key[NAME_MAX_LEN];
    size_t len = strcspn(path, ".[");
    struct labels more;

    if (node == NULL)
        return;
    if (*path == '\0') {
        write_sample(f, labels, node);
    } else if (*path == '*') {
        walk_members(f, node, path + 1, labels);
    } else if (*path == '[') {
        walk_elements(f, node, path, labels);
    } else if (*path == '(') {
        more = *labels;
        add_members(&more, node, path + 1, strchr(path, ')'));
        walk(f, node, after(strchr(path, ')') + 1), &more);
    } else {
        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        walk(f, json_object_get(node, key), after(path + len), labels);
    }
}

void exposition_write(
    struct buffer *out, enum exposition_format format, const json_t *status)
{
    for (size_t i = 0; i < metrics_count; i++) {
        struct family f = {.out = out, .format = format, .metric = &metrics[i]};
        const struct labels none = {.len = 0};

        walk(&f, status, metrics[i].path, &none);
    }
    if (format == EXPOSITION_OPENMETRICS)
        buffer_append_text(out, "# EOF\n");
}
