#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "certstore/finding.h"
#include "certstore/judge.h"
#include "certstore/pair_parts.h"

static char *orig_path(const struct pair_file *pair, int which)
{
    return path_join(pair->path[which], "_orig", "");
}

static bool orig_read(
    const struct pair_file *pair, struct pair_text *text, time_t *when, struct error *err)
{
    bool good = true;

    *text = (struct pair_text){0};
    *when = time(NULL);
    for (int i = 0; i < PAIR_FILES && pair->path[i] != NULL && good; i++) {
        char *path = orig_path(pair, i);
        struct stat state;

        if (i == PAIR_CERT && stat(path, &state) == 0)
            *when = state.st_mtime;
        good = pair_read_file(path, &text->text[i], &text->len[i], err);
        free(path);
    }
    if (!good)
        pair_text_destroy(text);
    return good;
}

static bool is_filed(
    const struct pair_file *pair, const struct pair_text *text, struct error *err)
{
    size_t count;
    char(*names)[PAIR_NAME_MAX] = history_list(pair, &count);
    bool found = false;

    while (!found && count > 0) {
        struct pair_text filed;

        if (!store_read(pair, names[--count], &filed, err))
            continue;
        found = pair_text_equal(&filed, text);
        pair_text_destroy(&filed);
    }
    free(names);
    return found;
}

/* Two files that somebody, or an interrupted command of ours, laid there one by one. */
static bool fits(const struct pair_file *pair, const struct pair_text *text)
{
    const bool merged = pair->path[PAIR_KEY] == NULL;
    const struct judge_input input = {
        .cert_text = text->text[PAIR_CERT],
        .cert_len = text->len[PAIR_CERT],
        .key_file = merged ? NULL : pair->path[PAIR_KEY],
        .key_text = text->text[PAIR_KEY],
        .key_len = text->len[PAIR_KEY],
        .send_root = true,
        .now = time(NULL),
    };
    struct judged_pair judged;
    struct findings findings;
    bool good;

    if (text->text[PAIR_CERT] == NULL || (!merged && text->text[PAIR_KEY] == NULL))
        return false;
    findings_init(&findings);
    good = judge_pair(&input, &judged, &findings);
    findings_destroy(&findings);
    judged_pair_destroy(&judged);
    return good;
}

bool orig_adopt(const struct pair_file *pair, struct error *err)
{
    struct pair_text orig, present;
    time_t when;
    bool good = true;

    if (!orig_read(pair, &orig, &when, err))
        return false;
    if (fits(pair, &orig) && !is_filed(pair, &orig, err)) {
        good = pair_file_read(pair, &present, err);
        if (good && !pair_text_equal(&orig, &present))
            good = store_write(pair, "adopted", &orig, err) &&
                history_file(pair, "adopted", when, err);
        if (good)
            pair_text_destroy(&present);
    }
    pair_text_destroy(&orig);
    return good;
}

static bool write_orig(
    const struct pair_file *pair, const struct pair_text *newest, struct error *err)
{
    bool good = true;

    for (int i = 0; i < PAIR_FILES && pair->path[i] != NULL && good; i++) {
        struct file_access access = pair_access(pair, i);
        char *path = orig_path(pair, i);

        good = newest->text[i] != NULL
            ? durable_write(path, newest->text[i], newest->len[i], &access, err)
            : durable_unlink(path, err) && durable_tidy(path, err);
        free(path);
    }
    return good;
}

bool orig_update(const struct pair_file *pair, struct error *err)
{
    struct pair_text newest = {0}, orig;
    size_t count;
    char(*names)[PAIR_NAME_MAX] = history_list(pair, &count);
    time_t when;
    bool good = orig_read(pair, &orig, &when, err);

    if (good && count > 0)
        good = store_read(pair, names[count - 1], &newest, err);
    free(names);
    if (good && !pair_text_equal(&newest, &orig))
        good = write_orig(pair, &newest, err);
    pair_text_destroy(&newest);
    pair_text_destroy(&orig);
    return good;
}
