#include "config/remedy.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/text_list.h"
#include "proxy/base/memory.h"

enum { COMMAND_BEGIN = 0x02, COMMAND_END = 0x03 };

static const char safe[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    "_./:@%+,-";

/* A text that grows. */
struct growing {
    char *text;
    size_t len;
};

static void add_bytes(struct growing *to, const char *bytes, size_t len)
{
    to->text = memory_resize(to->text, to->len + len + 1, 1);
    memcpy(to->text + to->len, bytes, len);
    to->len += len;
    to->text[to->len] = '\0';
}

static void add_text(struct growing *to, const char *text)
{
    add_bytes(to, text, strlen(text));
}

static bool has_control_character(const char *name)
{
    for (; *name != '\0'; name++) {
        if ((unsigned char)*name < ' ' || *name == 0x7f)
            return true;
    }
    return false;
}

/* In double quotes printf writes it: a pasted line end would end the command, and an
 * escape sequence would command the terminal. */
static void add_printed(struct growing *to, const char *name)
{
    char octal[8];

    add_text(to, "\"$(printf '");
    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;

        if (c < ' ' || c >= 0x7f || strchr("'\\%-", c) != NULL) {
            snprintf(octal, sizeof(octal), "\\%03o", c);
            add_text(to, octal);
        } else {
            add_bytes(to, name, 1);
        }
    }
    add_text(to, "')\"");
}

static void add_quoted(struct growing *to, const char *name)
{
    add_text(to, "'");
    for (; *name != '\0'; name++) {
        if (*name == '\'')
            add_text(to, "'\\''");
        else
            add_bytes(to, name, 1);
    }
    add_text(to, "'");
}

char *shell_word(const char *name)
{
    struct growing word = {0};

    if (*name == '-')
        add_text(&word, "./");
    if (has_control_character(name))
        add_printed(&word, name);
    else if (*name == '\0' || name[strspn(name, safe)] != '\0')
        add_quoted(&word, name);
    else
        add_text(&word, name);
    return word.text;
}

char *remedy_plain(const char *text)
{
    char *plain = memory_text(text), *to = plain;

    for (; *text != '\0'; text++) {
        if (*text != COMMAND_BEGIN && *text != COMMAND_END)
            *to++ = *text;
    }
    *to = '\0';
    return plain;
}

char *remedy_command(const char **text)
{
    const char *begin = strchr(*text, COMMAND_BEGIN);
    const char *end = begin == NULL ? NULL : strchr(begin, COMMAND_END);
    struct growing command = {0};

    if (end == NULL)
        return NULL;
    add_bytes(&command, begin + 1, (size_t)(end - begin - 1));
    *text = end + 1;
    return command.text;
}

static bool is_capital(char c)
{
    return (c >= 'A' && c <= 'Z') || c == '_';
}

/* Finds the next word FILE, but not the end of PASSWORD_FILE, nor the start of FILES. */
static const char *find_word(const char *text, const char *from)
{
    static const char word[] = "FILE";
    const char *at;

    while ((at = strstr(from, word)) != NULL) {
        if ((at == text || !is_capital(at[-1])) && !is_capital(at[sizeof(word) - 1]))
            return at;
        from = at + 1;
    }
    return NULL;
}

static bool is_in_command(const char *text, const char *at)
{
    while (at-- > text) {
        if (*at == COMMAND_BEGIN || *at == COMMAND_END)
            return *at == COMMAND_BEGIN;
    }
    return false;
}

char *remedy_name_file(const char *text, const char *file)
{
    struct growing named = {0};
    const char *from = text, *at;
    char *word;

    if (text == NULL)
        return NULL;
    if (file == NULL)
        return memory_text(text);
    word = shell_word(file);
    add_text(&named, "");
    while ((at = find_word(text, from)) != NULL) {
        add_bytes(&named, from, (size_t)(at - from));
        add_text(&named, is_in_command(text, at) ? word : file);
        from = at + strlen("FILE");
    }
    add_text(&named, from);
    free(word);
    return named.text;
}
