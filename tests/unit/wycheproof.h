/*
 * wycheproof.h - reads the vectors of Project Wycheproof (C2SP/wycheproof), which are not
 * part of this repository. WYCHEPROOF names their folder; without it ../shared/wycheproof
 * beside the project's root is tried. Tests that need them are skipped where there are
 * none.
 */
#ifndef WLBPROXY_TESTS_WYCHEPROOF_H
#define WLBPROXY_TESTS_WYCHEPROOF_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/crypto.h>

#include "proxy/crypto/digest.h"

/* A sanitizer checks the code's use of memory: of the valid vectors, which all go the
 * same way, a few are enough. */
#ifdef WLB_SANITIZE
enum { EACH_VALID = 5 };
#else
enum { EACH_VALID = 1 };
#endif

enum { WYCHEPROOF_BYTES_MAX = 16384 };

/* One vector, and what it is a vector of. */
struct vector {
    const json_t *group, *test;
};

struct octets {
    unsigned char bytes[WYCHEPROOF_BYTES_MAX];
    size_t len;
};

enum verdict {
    VERDICT_RIGHT, /* the result of a valid vector came out */
    VERDICT_WRONG, /* another result came out */
    VERDICT_REFUSED, /* no result came out */
    VERDICT_OTHER_USE, /* TLS never does this: it was not tried */
};

static inline const char *wycheproof_folder(void)
{
    const char *named = getenv("WYCHEPROOF");

    if (named != NULL && named[0] != '\0')
        return named;
    return access(WYCHEPROOF_DEFAULT, R_OK) == 0 ? WYCHEPROOF_DEFAULT : NULL;
}

/* From a member of the test, or else of its group. */
static inline const json_t *member(const struct vector *vector, const char *name)
{
    const json_t *found = json_object_get(vector->test, name);

    if (found == NULL)
        found = json_object_get(vector->group, name);
    assert_non_null(found);
    return found;
}

static inline const char *text_of(const struct vector *vector, const char *name)
{
    return json_string_value(member(vector, name));
}

static inline size_t number_of(const struct vector *vector, const char *name)
{
    return (size_t)json_integer_value(member(vector, name));
}

/* Numbers may have an odd count of digits. */
static inline struct octets octets_of(const struct vector *vector, const char *name)
{
    struct octets octets = {.len = 0};
    const char *hex = text_of(vector, name);
    char padded[2 * WYCHEPROOF_BYTES_MAX + 2];

    (void)snprintf(padded, sizeof(padded), "%s%s", strlen(hex) % 2 == 1 ? "0" : "", hex);
    if (padded[0] != '\0')
        assert_int_equal(OPENSSL_hexstr2buf_ex(octets.bytes, sizeof(octets.bytes),
                             &octets.len, padded, '\0'),
            1);
    return octets;
}

static inline struct digest_part part_of(const struct octets *octets)
{
    return (struct digest_part){octets->bytes, octets->len};
}

/* `acceptable` allows both: a library may refuse it, but must not compute a wrong
 * result. */
static inline bool agrees(const struct vector *vector, enum verdict verdict)
{
    const char *result = text_of(vector, "result");

    if (strcmp(result, "invalid") == 0)
        return verdict == VERDICT_REFUSED;
    if (strcmp(result, "acceptable") == 0)
        return verdict != VERDICT_WRONG;
    return verdict == VERDICT_RIGHT;
}

typedef enum verdict judge_vector(const struct vector *vector, const void *subject);

/* Calls `judge` for every vector of a file. */
static inline void run_vectors(
    const char *file, const char *what, judge_vector *judge, const void *subject)
{
    char path[4096];
    json_error_t error;
    size_t g, t, tried = 0, other = 0, failed = 0;
    json_t *all, *group, *test;

    if (wycheproof_folder() == NULL) {
        print_message("skipped: no vectors\n");
        skip();
    }
    (void)snprintf(path, sizeof(path), "%s/%s", wycheproof_folder(), file);
    all = json_load_file(path, 0, &error);
    if (all == NULL)
        fail_msg("%s: %s", path, error.text);
    json_array_foreach(json_object_get(all, "testGroups"), g, group)
    {
        json_array_foreach(json_object_get(group, "tests"), t, test)
        {
            const struct vector vector = {group, test};
            enum verdict verdict;

            if (t % EACH_VALID != 0 && strcmp(text_of(&vector, "result"), "valid") == 0)
                continue;
            verdict = judge(&vector, subject);
            other += verdict == VERDICT_OTHER_USE;
            tried += verdict != VERDICT_OTHER_USE;
            if (verdict == VERDICT_OTHER_USE || agrees(&vector, verdict))
                continue;
            failed++;
            print_message("%s: tcId %zu, which is %s (%s), is %s\n", what,
                number_of(&vector, "tcId"), text_of(&vector, "result"),
                text_of(&vector, "comment"),
                verdict == VERDICT_REFUSED     ? "refused"
                    : verdict == VERDICT_WRONG ? "computed wrong"
                                               : "taken");
        }
    }
    json_decref(all);
    print_message("%s by %s: %zu vectors, %zu more are no use of TLS's, %zu failed\n",
        file, what, tried, other, failed);
    assert_int_equal(failed, 0);
    assert_true(tried > 0);
}

#endif
