/*
 * document.h - a file of docs/, for tests that compare it with the program.
 */
#ifndef WLBPROXY_TESTS_DOCUMENT_H
#define WLBPROXY_TESTS_DOCUMENT_H

#include <stdio.h>

/* Returns its whole text, valid until the next call. */
static inline const char *document_text(const char *path)
{
    static char text[64 * 1024];
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    assert_in_range(len, 1, sizeof(text) - 2);
    text[len] = '\0';
    return text;
}

#endif
