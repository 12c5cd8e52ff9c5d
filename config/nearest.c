#include "config/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 40 };

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

static char folded(char c)
{
    return c == '-' ? '_' : (char)(tolower)((unsigned char)c);
}

/* Levenshtein's distance, one row at a time; case and '-' for '_' cost nothing. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t len = strlen(b);

    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t above = row[j];

            row[j] = least(row[j] + 1, row[j - 1] + 1,
                diagonal + (folded(a[i - 1]) != folded(b[j - 1])));
            diagonal = above;
        }
    }
    return row[len];
}

/* "work" for "workers": a beginning of the word counts, however much is missing. */
static bool is_beginning(const char *wanted, const char *word)
{
    size_t i = 0;

    while (wanted[i] != '\0' && word[i] != '\0' && folded(wanted[i]) == folded(word[i]))
        i++;
    return i >= 3 && wanted[i] == '\0';
}

void nearest_init(struct nearest *nearest, const char *wanted)
{
    nearest->wanted = wanted;
    nearest->word = NULL;
    /* Two slips in a short word, a third of a long one: a larger distance is a guess. */
    nearest->distance = strlen(wanted) / 3 + 2;
}

void nearest_offer(struct nearest *nearest, const char *word)
{
    size_t distance;

    if (strlen(nearest->wanted) > WORD_MAX || strlen(word) > WORD_MAX)
        return;
    distance =
        is_beginning(nearest->wanted, word) ? 1 : edit_distance(nearest->wanted, word);
    if (distance < nearest->distance && distance < strlen(word)) {
        nearest->distance = distance;
        nearest->word = word;
    }
}
