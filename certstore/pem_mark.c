#include "certstore/pem_mark.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

enum { WORDS_MAX = 64 };

/* Beyond ASCII are the dashes and the invisible characters of word processors. */
static bool is_dash(char c)
{
    return c == '-' || (unsigned char)c >= 0x80;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Copies the words at `at`, with one blank between them, and returns their end. */
static const char *read_words(const char *at, const char *end, char words[WORDS_MAX])
{
    size_t len = 0;

    for (; at < end && len + 2 < WORDS_MAX &&
         (isalnum((unsigned char)*at) || is_blank(*at) || *at == '#');
         at++) {
        if (!is_blank(*at))
            words[len++] = *at;
        else if (len > 0 && words[len - 1] != ' ')
            words[len++] = ' ';
    }
    if (len > 0 && words[len - 1] == ' ')
        len--;
    words[len] = '\0';
    return at;
}

static bool is_known_label(const char *label)
{
    static const char *const labels[] = {"CERTIFICATE", "X509 CERTIFICATE",
        "TRUSTED CERTIFICATE", "X509 CRL", "PKCS7", "CMS", "PRIVATE KEY",
        "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"};

    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        if (strcasecmp(label, labels[i]) == 0)
            return true;
    }
    return false;
}

bool pem_mark_is_lost(const char *line, const char *end)
{
    char words[WORDS_MAX];
    const char *at = line;
    bool dashes = false;

    for (; at < end && (is_dash(*at) || is_blank(*at)); at++)
        dashes = dashes || is_dash(*at);
    if (!dashes)
        return false;
    at = read_words(at, end, words);
    if (at == end || !is_dash(*at))
        return false;
    return (strncasecmp(words, "BEGIN ", 6) == 0 && is_known_label(words + 6)) ||
        (strncasecmp(words, "END ", 4) == 0 && is_known_label(words + 4));
}
