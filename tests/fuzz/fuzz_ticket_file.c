/*
 * Any bytes as a file of ticket keys: what is accepted has its keys in order, and an
 * error has a reason and repeats no run of the file that may be a part of a key.
 */
#include <assert.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "certstore/install/ticket_file.h"
#include "proxy/base/error.h"

enum {
    PART_OF_A_KEY = 16 /* hexadecimal digits in a row; no text of ours has so many */
};

static void has_no_part_of_a_key(const char *text)
{
    for (size_t run = 0; *text != '\0'; text++) {
        run = isxdigit((unsigned char)*text) ? run + 1 : 0;
        assert(run < PART_OF_A_KEY);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ticket_file file;
    struct ticket_keys keys;
    struct error err = {0};

    if (ticket_file_parse((const char *)data, size, &file, &err)) {
        assert(memcmp(file.keys[TICKET_NEXT].name, file.keys[TICKET_CURRENT].name,
                   sizeof(file.keys[TICKET_NEXT].name)) != 0);
        ticket_file_keys(&file, 3600, &keys);
        assert(keys.count >= 1 && keys.count <= TICKET_GENERATIONS);
    } else {
        assert(err.text[0] != '\0');
        has_no_part_of_a_key(err.text);
    }
    ticket_file_wipe(&file);
    return 0;
}
