#include "proxy/session/request_id.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "proxy/base/mix.h"
#include "proxy/http/chars.h"
#include "proxy/http/field_name.h"
#include "proxy/http/head.h"

enum { HEX_DIGITS = 16 }; /* of a uint64_t */

/* Of this worker. */
static struct {
    uint64_t prefix, seed, count;
} maker;

/* Where random bytes are not available at once, time and place are enough: an id is no
 * secret. */
static void begin(void)
{
    struct timespec now;

    if (getrandom(&maker, 2 * sizeof(uint64_t), GRND_NONBLOCK) == 2 * sizeof(uint64_t))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    maker.prefix = (uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec;
    maker.seed = (uint64_t)(uintptr_t)&maker;
}

static void put_hex(char digits[HEX_DIGITS], uint64_t number)
{
    for (size_t i = HEX_DIGITS; i > 0; number >>= 4)
        digits[--i] = "0123456789abcdef"[number & 15];
}

static void make(struct request_id *id)
{
    if (maker.count++ == 0)
        begin();
    put_hex(id->text, maker.prefix);
    put_hex(id->text + HEX_DIGITS, mix64(maker.seed + maker.count));
    id->text[2 * HEX_DIGITS] = '\0';
}

static bool is_usable(struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.text[i];

        if (!char_is(c, CHAR_UNRESERVED) || c == '~')
            return false;
    }
    return value.len >= REQUEST_ID_MIN && value.len <= REQUEST_ID_MAX;
}

struct request_id request_id_of(const struct head *head)
{
    const struct field *own = NULL;
    struct request_id id;
    unsigned count = 0;

    for (size_t i = 0; i < head->field_count; i++) {
        if (head->fields[i].id != FIELD_REQUEST_ID)
            continue;
        own = &head->fields[i];
        count++;
    }
    if (count != 1 || !is_usable(own->value)) {
        make(&id);
        return id;
    }
    memcpy(id.text, own->value.text, own->value.len);
    id.text[own->value.len] = '\0';
    return id;
}
