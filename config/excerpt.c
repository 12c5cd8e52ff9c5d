#include "config/excerpt.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST_BYTE = sizeof("\\xNN") - 1, ELLIPSIS = sizeof("...") };

struct excerpt excerpt_of(const char *bytes, size_t len)
{
    struct excerpt shown = {""};
    char *end = shown.text;
    const char *room = shown.text + sizeof(shown.text) - ELLIPSIS - LONGEST_BYTE;

    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (end > room) {
            strcpy(end, "...");
            return shown;
        }
        if (byte >= 0x20 && byte < 0x7f)
            *end++ = (char)byte;
        else
            end += sprintf(end, "\\x%02x", byte);
    }
    *end = '\0';
    return shown;
}

struct excerpt excerpt_of_text(const char *text)
{
    return excerpt_of(text, strlen(text));
}
