#include "proxy/base/journal_entry.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

enum { KEY_MAX = 48 /* a field's name has up to 64 bytes */ };

__extension__ typedef unsigned __int128 id_bits;

/* FNV-1a with 128 bits, made a UUID of version 8 (RFC 9562). IDs need not be secret, only
 * different from each other and from other programs'. The start value is our name space.
 */
void journal_message_id(char id[JOURNAL_ID_SIZE], const char *event, size_t len)
{
    const id_bits prime = (id_bits)1 << 88 | 0x13b;
    id_bits hash = (id_bits)0x6b1f0c5e2d9a47c3 << 64 | 0x8e35a2917f04db68;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)event[i]) * prime;
    uint64_t high = (uint64_t)(hash >> 64), low = (uint64_t)hash;
    high = (high & ~UINT64_C(0xf000)) | 0x8000;
    low = low >> 2 | (uint64_t)1 << 63;
    (void)snprintf(id, JOURNAL_ID_SIZE, "%016llx%016llx", (unsigned long long)high,
        (unsigned long long)low);
}

struct entry {
    char *bytes;
    size_t len;
};

/* A field that does not fit is left out. */
static void put(struct entry *entry, const char *name, const char *value, size_t len)
{
    const size_t name_len = strlen(name), all = name_len + 1 + len + 1;

    if (all > JOURNAL_ENTRY_MAX - entry->len)
        return;
    char *at = entry->bytes + entry->len;
    memcpy(at, name, name_len);
    at[name_len] = '=';
    memcpy(at + name_len + 1, value, len);
    at[all - 1] = '\n';
    entry->len += all;
}

static void put_text(struct entry *entry, const char *name, const char *value)
{
    put(entry, name, value, strlen(value));
}

static void put_number(struct entry *entry, const char *name, int value)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%d", value);
    put_text(entry, name, text);
}

static void put_event(struct entry *entry, const char *event, size_t len)
{
    char id[JOURNAL_ID_SIZE];

    journal_message_id(id, event, len);
    put_text(entry, "MESSAGE_ID", id);
}

struct text {
    const char *at, *end;
};

/* Reads `key=`, and returns the key's length; 0: here is none. */
static size_t key_length(const struct text *text)
{
    size_t len = 0, left = (size_t)(text->end - text->at);

    while (len < left &&
        ((text->at[len] >= 'a' && text->at[len] <= 'z') || text->at[len] == '_'))
        len++;
    return len < left && text->at[len] == '=' && text->at[0] != '_' ? len : 0;
}

/* The value is a word, or in quotes. Quotes within it that nobody escaped do not end it,
 * unless a blank follows. */
static struct text take_value(struct text *text)
{
    const bool quoted = text->at < text->end && *text->at == '"';
    struct text value = {text->at + quoted, text->at + quoted};

    for (; value.end < text->end; value.end++) {
        const bool last = value.end + 1 == text->end;

        if (quoted ? *value.end == '"' && (last || value.end[1] == ' ')
                   : *value.end == ' ')
            break;
        if (quoted && *value.end == '\\' && !last)
            value.end++;
    }
    if (value.end > text->end)
        value.end = text->end;
    text->at = value.end + (quoted && value.end < text->end);
    return value;
}

static void put_pair(struct entry *entry, const char *key, size_t len, struct text value)
{
    char name[sizeof("WLBPROXY_") + KEY_MAX] = "WLBPROXY_";
    const size_t prefix = strlen(name);

    for (size_t i = 0; i < len; i++)
        name[prefix + i] = key[i] == '_' ? '_' : (char)(key[i] - 'a' + 'A');
    name[prefix + len] = '\0';
    /* A line cannot say who wrote it. */
    if (strcmp(name, "WLBPROXY_LOGGED_BY") != 0)
        put(entry, name, value.at, (size_t)(value.end - value.at));
}

/* The first `event=` of a line says which event it is. */
static void put_pairs(struct entry *entry, struct text text, bool named)
{

    while (text.at < text.end) {
        const char *key = text.at;
        const size_t len = key_length(&text);

        if (len == 0) {
            const char *blank = memchr(text.at, ' ', (size_t)(text.end - text.at));
            text.at = blank == NULL ? text.end : blank + 1;
            continue;
        }
        text.at += len + 1;
        struct text value = take_value(&text);
        const bool is_event = len == 5 && memcmp(key, "event", 5) == 0;
        if (is_event && !named)
            put_event(entry, value.at, (size_t)(value.end - value.at));
        if (len <= KEY_MAX && !(is_event && named))
            put_pair(entry, key, len, value);
        named |= is_event;
    }
}

size_t journal_entry_write(
    const struct journal_entry *entry, char bytes[JOURNAL_ENTRY_MAX])
{
    struct entry out = {bytes, 0};
    const struct text text = {
        entry->message + entry->fields, entry->message + entry->len};

    assert(entry->fields <= entry->len);
    put(&out, "MESSAGE", entry->message, entry->len);
    put_number(&out, "PRIORITY", entry->priority);
    put_number(&out, "SYSLOG_FACILITY", LOG_DAEMON >> 3);
    put_text(&out, "SYSLOG_IDENTIFIER", "wlbproxy");
    put_number(&out, "SYSLOG_PID", (int)entry->pid);
    if (entry->who[0] != '\0')
        put_text(&out, "WLBPROXY_LOGGED_BY", entry->who);
    if (entry->event != NULL) {
        put_event(&out, entry->event, strlen(entry->event));
        put_text(&out, "WLBPROXY_EVENT", entry->event);
    }
    put_pairs(&out, text, entry->event != NULL);
    return out.len;
}
