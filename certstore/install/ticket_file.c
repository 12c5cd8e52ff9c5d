#include "certstore/install/ticket_file.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "certstore/install/folder.h"
#include "certstore/secrets.h"
#include "config/path.h"
#include "config/remedy.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum {
    KEY_BYTES = offsetof(struct ticket_key, ends), /* name, aes, hmac, native */
    KEY_DIGITS = 2 * KEY_BYTES,
    DATE_MAX = 32,
    TEXT_MAX = 2048,
    FUTURE_SECONDS = 300 /* difference of two nodes' clocks that is allowed */
};

static_assert(KEY_BYTES == 112, "the file's format is what a key is made of");

static const char *const words[TICKET_GENERATIONS] = {"next", "current", "previous"};
static const char date_format[] = "%Y-%m-%dT%H:%M:%SZ";

/* ---- from text ---- */

/* A file that is being read. */
struct reading {
    struct ticket_file *file;
    bool has_date, has[TICKET_GENERATIONS];
};

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_key(const char *text, size_t len, struct ticket_key *key)
{
    unsigned char *bytes = (unsigned char *)key;

    if (len != KEY_DIGITS)
        return false;
    for (size_t i = 0; i < KEY_BYTES; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool take_date(const char *text, size_t len, uint64_t *date)
{
    char copy[DATE_MAX];
    const char *end;
    struct tm tm = {0};

    if (len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    end = strptime(copy, date_format, &tm);
    *date = (uint64_t)timegm(&tm);
    return end != NULL && *end == '\0';
}

static bool take_generation(struct reading *r, enum ticket_generation which,
    const char *value, size_t len, struct error *err)
{
    if (r->has[which])
        return error_set(err, "'%s' stands there twice", words[which]);
    r->has[which] = true;
    return take_key(value, len, &r->file->keys[which]) ||
        error_set(err, "'%s' needs %d hexadecimal digits, 0-9 and a-f", words[which],
            KEY_DIGITS);
}

static bool is_word(const char *word, const char *text, size_t len)
{
    return strlen(word) == len && memcmp(word, text, len) == 0;
}

static bool take_line(struct reading *r, const char *line, size_t len, struct error *err)
{
    const char *blank = memchr(line, ' ', len);
    size_t word = blank != NULL ? (size_t)(blank - line) : len;
    size_t value = word < len ? word + 1 : len;

    if (len == 0 || *line == '#')
        return true;
    for (int i = 0; i < TICKET_GENERATIONS; i++) {
        if (is_word(words[i], line, word))
            return take_generation(
                r, (enum ticket_generation)i, line + value, len - value, err);
    }
    if (!is_word("rotated", line, word))
        return error_set(err, "it begins with none of: rotated, next, current, previous");
    if (r->has_date)
        return error_set(err, "'rotated' stands there twice");
    r->has_date = true;
    return take_date(line + value, len - value, &r->file->rotated) ||
        error_set(err, "'rotated' needs a date as in 2026-12-31T23:59:59Z");
}

static bool is_same_key(const struct ticket_file *file, int a, int b)
{
    return memcmp(file->keys[a].name, file->keys[b].name, sizeof(file->keys[a].name)) ==
        0;
}

static bool is_whole(const struct reading *r, struct error *err)
{
    const struct ticket_file *file = r->file;

    if (!r->has_date)
        return error_set(err, "a line is missing: rotated");
    for (int i = 0; i < TICKET_PREVIOUS; i++) {
        if (!r->has[i])
            return error_set(err, "a line is missing: %s", words[i]);
    }
    if (is_same_key(file, TICKET_NEXT, TICKET_CURRENT) ||
        (file->has_previous &&
            (is_same_key(file, TICKET_PREVIOUS, TICKET_CURRENT) ||
                is_same_key(file, TICKET_PREVIOUS, TICKET_NEXT))))
        return error_set(err, "two of its keys are the same");
    if (file->rotated > (uint64_t)time(NULL) + FUTURE_SECONDS)
        return error_set(err,
            "it was rotated in the future: the clock of this node, or of the one that "
            "made it, is wrong");
    return true;
}

bool ticket_file_parse(
    const char *text, size_t len, struct ticket_file *file, struct error *err)
{
    struct reading r = {.file = file};
    unsigned number = 1;

    *file = (struct ticket_file){0};

    for (size_t at = 0; at < len; number++) {
        const char *newline = memchr(text + at, '\n', len - at);
        size_t line = newline != NULL ? (size_t)(newline - (text + at)) : len - at;

        if (!take_line(&r, text + at, line, err))
            return error_context(err, "line %u", number);
        at += line + 1;
    }
    file->has_previous = r.has[TICKET_PREVIOUS];
    return is_whole(&r, err);
}

/* ---- the file ---- */

struct place {
    struct folder folder;
    const char *name; /* borrowed from the path */
};

static bool open_place(struct place *place, const char *path, struct error *err)
{
    char *parent = folder_of_path(path);
    bool good = folder_open(&place->folder, parent, err);

    place->name = name_of_path(path);
    free(parent);
    return good;
}

/* A reader of the keys can read the sessions that are resumed under them. */
static bool is_private(const struct place *place, const char *path,
    const struct file_access *access, struct error *err)
{
    char *word, *owner;

    if (access->uid != 0 && access->uid != geteuid() &&
        access->uid != place->folder.uid) {
        owner = shell_word(path);
        (void)error_set(err,
            "%s: it belongs to user %ld, who could read the sessions of all; chown root "
            "%s",
            path, (long)access->uid, owner);
        free(owner);
        return false;
    }
    if ((access->mode & (S_IRWXO | S_IWGRP)) == 0)
        return true;
    word = shell_word(path);
    (void)error_set(err, "%s: its mode %04o opens the keys to others; chmod 600 %s", path,
        (unsigned)access->mode, word);
    free(word);
    return false;
}

/* text NULL: it is missing. */
static bool load(const struct place *place, const char *path, struct file_text *text,
    struct ticket_file *file, struct error *err)
{
    if (!folder_read(&place->folder, place->name, text, err))
        return false;
    if (text->text == NULL)
        return true;
    if (!is_private(place, path, &text->access, err))
        return false;
    return ticket_file_parse(text->text, text->len, file, err) ||
        error_context(err, "%s", path);
}

bool ticket_file_read(const char *path, struct ticket_file *file, struct error *err)
{
    struct file_text text = {0};
    struct place place;
    bool good;

    *file = (struct ticket_file){0};
    good = open_place(&place, path, err) && load(&place, path, &text, file, err);
    if (good && text.text == NULL) {
        char *word = shell_word(path);

        good = error_set(err,
            "%s: there is no such file; make it with: wlbproxy tickets rotate --file %s",
            path, word);
        free(word);
    }
    file_text_destroy(&text);
    folder_close(&place.folder);
    if (!good)
        ticket_file_wipe(file);
    return good;
}

/* ---- to text ---- */

static size_t put_key(const char *word, const struct ticket_key *key, char *at)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = (const unsigned char *)key;
    char *begin = at;

    at += sprintf(at, "%s ", word);
    for (size_t i = 0; i < KEY_BYTES; i++) {
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    *at++ = '\n';
    return (size_t)(at - begin);
}

static size_t print(const struct ticket_file *file, char text[TEXT_MAX])
{
    const time_t when = (time_t)file->rotated;
    char date[DATE_MAX];
    struct tm tm;
    size_t len;

    (void)strftime(date, sizeof(date), date_format, gmtime_r(&when, &tm));
    len = (size_t)snprintf(text, TEXT_MAX,
        "# Keys of wlbproxy's session tickets: secret. All nodes have the same file.\n"
        "# wlbproxy tickets rotate --file FILE\n"
        "rotated %s\n",
        date);
    for (int i = 0; i < TICKET_GENERATIONS; i++) {
        if (i != TICKET_PREVIOUS || file->has_previous)
            len += put_key(words[i], &file->keys[i], text + len);
    }
    return len;
}

static bool make_key(struct ticket_key *key, struct error *err)
{
    return RAND_priv_bytes((unsigned char *)key, KEY_BYTES) == 1 ||
        error_set(err, "OpenSSL has no random bytes for a ticket key");
}

/* Moves each key one generation on. */
static bool renew(struct ticket_file *file, bool is_new, struct error *err)
{
    if (is_new && !make_key(&file->keys[TICKET_NEXT], err))
        return false;
    if (!is_new)
        file->keys[TICKET_PREVIOUS] = file->keys[TICKET_CURRENT];
    file->has_previous = !is_new;
    file->keys[TICKET_CURRENT] = file->keys[TICKET_NEXT];
    file->rotated = (uint64_t)time(NULL);
    return make_key(&file->keys[TICKET_NEXT], err);
}

static bool save(const struct place *place, const struct ticket_file *file,
    const struct file_access *access, struct error *err)
{
    const struct file_access fresh = folder_access_of_new(&place->folder, 0600);
    char text[TEXT_MAX];
    size_t len = print(file, text);
    bool good = folder_write(&place->folder, place->name, text, len,
                    access->is_known ? access : &fresh, err) &&
        folder_sync(&place->folder, err);

    OPENSSL_cleanse(text, sizeof(text));
    return good;
}

bool ticket_file_rotate(
    const char *path, struct ticket_file *file, bool *made, struct error *err)
{
    struct file_text text = {0};
    struct place place;
    bool good;

    *file = (struct ticket_file){0};
    good = open_place(&place, path, err) && load(&place, path, &text, file, err);
    *made = good && text.text == NULL;
    good = good && renew(file, *made, err) && save(&place, file, &text.access, err);
    file_text_destroy(&text);
    folder_close(&place.folder);
    if (!good)
        ticket_file_wipe(file);
    return good;
}

/* ---- what workers get ---- */

static void add(struct ticket_keys *keys, const struct ticket_file *file,
    enum ticket_generation which, uint64_t ends)
{
    keys->keys[keys->count] = file->keys[which];
    keys->keys[keys->count++].ends = ends;
}

void ticket_file_keys(
    const struct ticket_file *file, uint64_t rotation, struct ticket_keys *keys)
{
    const uint64_t lifetime = ticket_lifetime(keys);

    keys->count = 0;
    add(keys, file, TICKET_CURRENT, file->rotated + rotation + lifetime);
    add(keys, file, TICKET_NEXT, file->rotated + 2 * rotation + lifetime);
    if (file->has_previous)
        add(keys, file, TICKET_PREVIOUS, file->rotated + lifetime);
    explicit_bzero(&keys->keys[keys->count],
        (TICKET_KEYS_MAX - keys->count) * sizeof(keys->keys[0]));
}

void ticket_file_wipe(struct ticket_file *file)
{
    OPENSSL_cleanse(file, sizeof(*file));
}
