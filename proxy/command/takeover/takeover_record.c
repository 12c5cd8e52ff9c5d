#include "proxy/command/takeover/takeover_record.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certstore/install/folder.h"
#include "config/path.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

static const char *const states[] = {"begun", "done", "undoing"};

enum { STATES = sizeof(states) / sizeof(states[0]) };

char *takeover_record_path(const char *config)
{
    return path_join(config, ".takeover", "");
}

static char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));

    return text != NULL ? memory_text(text) : NULL;
}

static bool decode(const json_t *json, struct takeover_record *r)
{
    const char *state = json_string_value(json_object_get(json, "state"));
    int i = 0;

    *r = (struct takeover_record){
        .step = (unsigned)json_integer_value(json_object_get(json, "step")),
        .when = text_of(json, "when"),
        .stunnel_config = text_of(json, "stunnel_config"),
        .stunnel_unit = text_of(json, "stunnel_unit"),
        .stunnel_start = text_of(json, "stunnel_start"),
        .stunnel_pid = (long)json_integer_value(json_object_get(json, "stunnel_pid")),
        .stunnel_enabled = json_is_true(json_object_get(json, "stunnel_enabled")),
        .config = text_of(json, "config"),
        .kept = text_of(json, "kept"),
        .way = text_of(json, "way"),
    };
    while (i < STATES && (state == NULL || strcmp(state, states[i]) != 0))
        i++;
    r->state = (enum takeover_state)i;
    return i < STATES && r->when != NULL && r->stunnel_config != NULL &&
        r->stunnel_start != NULL && r->config != NULL && r->way != NULL;
}

bool takeover_record_read(
    const char *path, struct takeover_record *r, bool *found, struct error *err)
{
    struct file_text file;
    json_t *json;
    bool good;

    *r = (struct takeover_record){0};
    if (!file_read(path, &file, err))
        return false;
    *found = file.text != NULL;
    if (!*found)
        return true;
    json = json_loadb(file.text, file.len, 0, NULL);
    good = json != NULL && decode(json, r);
    json_decref(json);
    file_text_destroy(&file);
    return good || error_set(err, "%s: this is no record of a takeover", path);
}

/* JSON holds no name that is not UTF-8, and without it there would be no way back. */
static bool set_text(json_t *json, const char *key, const char *text, struct error *err)
{
    return text == NULL || json_object_set_new(json, key, json_string(text)) == 0 ||
        error_set(
            err, "%s: its name or words are not UTF-8: they cannot be recorded", key);
}

bool takeover_record_write(
    const char *path, const struct takeover_record *r, struct error *err)
{
    json_t *json = json_pack("{ss si sI sb}", "state", states[r->state], "step",
        (int)r->step, "stunnel_pid", (json_int_t)r->stunnel_pid, "stunnel_enabled",
        (int)r->stunnel_enabled);
    const struct file_access mine = {true, 0600, geteuid(), getegid()};
    char *text;
    bool good;

    good = set_text(json, "when", r->when, err) &&
        set_text(json, "stunnel_config", r->stunnel_config, err) &&
        set_text(json, "stunnel_unit", r->stunnel_unit, err) &&
        set_text(json, "stunnel_start", r->stunnel_start, err) &&
        set_text(json, "config", r->config, err) &&
        set_text(json, "kept", r->kept, err) && set_text(json, "way", r->way, err);
    text = memory_checked(json_dumps(json, JSON_INDENT(2)));
    good = good && file_write(path, text, strlen(text), &mine, err);
    free(text);
    json_decref(json);
    return good;
}

void takeover_record_destroy(struct takeover_record *r)
{
    free(r->when);
    free(r->stunnel_config);
    free(r->stunnel_unit);
    free(r->stunnel_start);
    free(r->config);
    free(r->kept);
    free(r->way);
    *r = (struct takeover_record){0};
}
