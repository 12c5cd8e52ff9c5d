#include "certstore/install/pair_orig.h"

#include <stdlib.h>
#include <time.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/read/password_file.h"
#include "certstore/read/pem_text.h"
#include "config/path.h"
#include "proxy/base/error.h"

static char *orig_name(const struct pair_file *pair, int which)
{
    return path_join(pair->name[which], "_orig", "");
}

static bool orig_read(
    const struct pair_file *pair, struct pair_text *text, time_t *when, struct error *err)
{
    bool good = true;

    *text = (struct pair_text){0};
    *when = time(NULL);
    for (int i = 0; i < pair_count(pair) && good; i++) {
        char *name = orig_name(pair, i);
        struct file_text file;

        good = folder_read(&pair->folder[i], name, &file, err);
        if (good && i == PAIR_CERT && file.text != NULL)
            *when = file.modified;
        pair_text_put(text, i, &file);
        free(name);
    }
    if (!good)
        pair_text_destroy(text);
    return good;
}

static bool is_filed(const struct pair_file *pair, const struct pair_text *text,
    bool *found, struct error *err)
{
    struct history history;

    *found = false;
    if (!history_list(&pair->store_folder, &history, err))
        return false;
    for (size_t i = history.count; !*found && i > 0; i--) {
        struct pair_text filed;

        if (!store_read(&pair->store_folder, history.names[i - 1], &filed, err))
            continue;
        *found = pair_text_equal(&filed, text);
        pair_text_destroy(&filed);
    }
    history_free(&history);
    return true;
}

/* The two files may have been put there one by one, by somebody or by an interrupted
 * command of ours. */
static bool fits(const struct pair_file *pair, const struct pair_text *text)
{
    const bool merged = pair->path[PAIR_KEY] == NULL;
    const int key_at = merged ? PAIR_CERT : PAIR_KEY; /* the file with it */
    struct judge_input input = {
        .cert_text = text->text[PAIR_CERT],
        .cert_len = text->len[PAIR_CERT],
        .key_file = merged ? NULL : pair->path[PAIR_KEY],
        .key_text = text->text[PAIR_KEY],
        .key_len = text->len[PAIR_KEY],
        .send_root = true,
        .now = time(NULL),
    };
    struct judged_pair judged;
    struct pem_text unlocked;
    struct findings findings;
    bool good;

    if (text->text[PAIR_CERT] == NULL || (!merged && text->text[PAIR_KEY] == NULL))
        return false;
    findings_init(&findings);
    if (password_unlock(
            NULL, text->text[key_at], text->len[key_at], pair->password, &unlocked)) {
        *(merged ? &input.cert_text : &input.key_text) = unlocked.text;
        *(merged ? &input.cert_len : &input.key_len) = unlocked.len;
    }
    good = judge_pair(&input, &judged, &findings);
    findings_destroy(&findings);
    pem_text_destroy(&unlocked);
    judged_pair_destroy(&judged);
    return good;
}

static bool adopt(const struct pair_file *pair, const struct pair_text *orig, time_t when,
    struct error *err)
{
    const struct file_access access[PAIR_FILES] = {
        [PAIR_CERT] = pair_file_access(pair, orig, PAIR_CERT),
        [PAIR_KEY] = pair_file_access(pair, orig, PAIR_KEY),
    };
    struct pair_text present;
    bool filed, good = is_filed(pair, orig, &filed, err);

    if (!good || filed)
        return good;
    if (!pair_file_read(pair, &present, err))
        return false;
    if (!pair_text_equal(orig, &present))
        good = store_write(&pair->store_folder, "adopted", orig, access, err) &&
            history_file(&pair->store_folder, "adopted", when, err);
    pair_text_destroy(&present);
    return good;
}

bool pair_orig_adopt(const struct pair_file *pair, struct error *err)
{
    struct pair_text orig;
    time_t when;
    bool good;

    if (!orig_read(pair, &orig, &when, err))
        return false;
    good = !fits(pair, &orig) || adopt(pair, &orig, when, err);
    pair_text_destroy(&orig);
    return good;
}

static bool write_orig(
    const struct pair_file *pair, const struct pair_text *newest, struct error *err)
{
    bool good = true;

    for (int i = 0; i < pair_count(pair) && good; i++) {
        const struct folder *folder = &pair->folder[i];
        char *name = orig_name(pair, i);
        struct file_access access = pair_file_access(pair, newest, i);

        good = newest->text[i] != NULL
            ? folder_write(folder, name, newest->text[i], newest->len[i], &access, err)
            : folder_unlink(folder, name, err) && folder_tidy(folder, name, err);
        free(name);
    }
    return good;
}

bool pair_orig_update(const struct pair_file *pair, struct error *err)
{
    struct pair_text newest = {0}, orig;
    struct history history;
    time_t when;
    bool good;

    if (!history_list(&pair->store_folder, &history, err))
        return false;
    good = orig_read(pair, &orig, &when, err);
    if (good && history.count > 0)
        good = store_read(
            &pair->store_folder, history.names[history.count - 1], &newest, err);
    history_free(&history);
    if (good && !pair_text_equal(&newest, &orig))
        good = write_orig(pair, &newest, err);
    pair_text_destroy(&newest);
    pair_text_destroy(&orig);
    return good;
}
