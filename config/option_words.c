#include <stdlib.h>
#include <string.h>

#include "config/excerpt.h"
#include "config/nearest.h"
#include "config/option_types.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

/* "a, b or c" */
static void list_words(const char *const *words, char *list, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; words[i] != NULL && len < size; i++) {
        const char *joint = i == 0 ? "" : (words[i + 1] == NULL ? " or " : ", ");

        len += (size_t)snprintf(list + len, size - len, "%s%s", joint, words[i]);
    }
}

static bool no_such_word(const char *text, const char *const *words, struct error *err)
{
    char list[128] = "";
    struct nearest nearest;

    list_words(words, list, sizeof(list));
    nearest_init(&nearest, text);
    for (size_t i = 0; words[i] != NULL; i++)
        nearest_offer(&nearest, words[i]);
    if (nearest.word != NULL)
        return error_set(err, "'%s' is not %s; did you mean '%s'?",
            excerpt_of_text(text).text, list, nearest.word);
    return error_set(err, "'%s' is not %s", excerpt_of_text(text).text, list);
}

static bool find_word(
    const char *text, const char *const *words, size_t *index, struct error *err)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            *index = i;
            return true;
        }
    }
    return no_such_word(text, words, err);
}

static const char *const flag_words[] = {"off", "on", NULL};

static bool flag_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    size_t index = 0;

    (void)limits;
    if (!find_word(text, flag_words, &index, err))
        return false;
    *(bool *)field = index == 1;
    return true;
}

static void flag_print(const void *field, const struct option_limits *limits, FILE *out)
{
    (void)limits;
    fputs(flag_words[*(const bool *)field], out);
}

static bool choice_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    size_t index = 0;

    if (!find_word(text, limits->words, &index, err))
        return false;
    *(unsigned *)field = (unsigned)index;
    return true;
}

static void choice_print(const void *field, const struct option_limits *limits, FILE *out)
{
    fputs(limits->words[*(const unsigned *)field], out);
}

static bool word_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    size_t index = 0;
    char **word = field;

    if (!find_word(text, limits->words, &index, err))
        return false;
    free(*word);
    *word = memory_text(limits->words[index]);
    return true;
}

static void word_print(const void *field, const struct option_limits *limits, FILE *out)
{
    (void)limits;
    fputs(*(char *const *)field, out);
}

static void word_copy(void *to, const void *from)
{
    *(char **)to = memory_text(*(char *const *)from);
}

static void word_destroy(void *field)
{
    free(*(char **)field);
}

const struct option_type type_flag = {
    .name = "on or off", .parse = flag_parse, .print = flag_print, .size = sizeof(bool)};
const struct option_type type_choice = {.name = "choice",
    .parse = choice_parse,
    .print = choice_print,
    .size = sizeof(unsigned)};
const struct option_type type_word = {.name = "choice",
    .parse = word_parse,
    .print = word_print,
    .copy = word_copy,
    .destroy = word_destroy,
    .size = sizeof(char *)};
