#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/excerpt.h"
#include "config/option_types.h"
#include "proxy/base/error.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* The grammar of a number: its units from small to large, and the name of its kind. */
struct measure {
    const struct unit *units;
    size_t count;
    const char *noun, *names, *example;
};

static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct measure times = {
    time_units, 5, "duration", "ms, s, m, h or d", "30s, 11m, 500ms"};

static const struct unit instant_units[] = {{"us", 1}, {"ms", 1000}};
static const struct measure instants = {
    instant_units, 2, "duration", "us or ms", "250us, 1ms"};

static const struct unit size_units[] = {
    {"b", 1}, {"k", 1024}, {"m", 1024 * 1024}, {"g", 1024 * 1024 * 1024}};
static const struct measure sizes = {size_units, 4, "size", "b, k, m or g", "64k, 8m"};

/* The largest unit in which the value is a whole number. */
static const struct unit *unit_of(uint64_t value, const struct measure *measure)
{
    size_t i = value == 0 ? 0 : measure->count - 1;

    while (i > 0 && value % measure->units[i].factor != 0)
        i--;
    return &measure->units[i];
}

struct measured {
    char text[32];
};

static struct measured measure_text(uint64_t value, const struct measure *measure)
{
    const struct unit *unit = unit_of(value, measure);
    struct measured shown;

    snprintf(shown.text, sizeof(shown.text), "%" PRIu64 "%s", value / unit->factor,
        value == 0 ? "" : unit->name);
    return shown;
}

static bool read_digits(const char *text, uint64_t *value, const char **end)
{
    char *stop;

    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    *value = strtoull(text, &stop, 10);
    *end = stop;
    if (errno == ERANGE)
        *value = UINT64_MAX; /* out of every range */
    return true;
}

static bool read_factor(const char *text, const char *unit, uint64_t value,
    const struct measure *measure, uint64_t *factor, struct error *err)
{
    for (size_t i = 0; i < measure->count; i++) {
        if (strcmp(unit, measure->units[i].name) == 0) {
            *factor = measure->units[i].factor;
            return true;
        }
    }
    *factor = 1;
    if (*unit == '\0' && value == 0)
        return true;
    if (*unit == '\0')
        return error_set(
            err, "'%s' needs a unit: %s", excerpt_of_text(text).text, measure->names);
    return error_set(err, "'%s' does not end in a unit: %s", excerpt_of_text(text).text,
        measure->names);
}

static bool measure_parse(const char *text, const struct measure *measure,
    const struct option_limits *limits, uint64_t *field, struct error *err)
{
    const char *unit;
    uint64_t value, factor;

    if (!read_digits(text, &value, &unit))
        return error_set(err, "'%s' is not a %s, such as %s", excerpt_of_text(text).text,
            measure->noun, measure->example);
    if (!read_factor(text, unit, value, measure, &factor, err))
        return false;
    if (__builtin_mul_overflow(value, factor, &value) || value < limits->min ||
        value > limits->max)
        return error_set(err, "'%s' is not between %s and %s", excerpt_of_text(text).text,
            measure_text(limits->min, measure).text,
            measure_text(limits->max, measure).text);
    *field = value;
    return true;
}

static bool duration_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    return measure_parse(text, &times, limits, field, err);
}

static void duration_print(
    const void *field, const struct option_limits *limits, FILE *out)
{
    (void)limits;
    fputs(measure_text(*(const uint64_t *)field, &times).text, out);
}

static bool instant_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    return measure_parse(text, &instants, limits, field, err);
}

static void instant_print(
    const void *field, const struct option_limits *limits, FILE *out)
{
    (void)limits;
    fputs(measure_text(*(const uint64_t *)field, &instants).text, out);
}

static bool size_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    return measure_parse(text, &sizes, limits, field, err);
}

static void size_print(const void *field, const struct option_limits *limits, FILE *out)
{
    (void)limits;
    fputs(measure_text(*(const uint64_t *)field, &sizes).text, out);
}

/* The value of the word: one that no number of the option has. */
static uint32_t word_value(const struct option_limits *limits)
{
    return limits->min > 0 ? 0 : UINT32_MAX;
}

static bool count_parse(
    const char *text, const struct option_limits *limits, void *field, struct error *err)
{
    uint32_t *count = field;
    uint64_t value;
    const char *end;
    const char *word = limits->words != NULL ? limits->words[0] : NULL;

    if (word != NULL && strcmp(text, word) == 0) {
        *count = word_value(limits);
        return true;
    }
    if (!read_digits(text, &value, &end) || *end != '\0')
        return error_set(err, "'%s' is not a number%s%s", excerpt_of_text(text).text,
            word != NULL ? ", nor " : "", word != NULL ? word : "");
    if (value < limits->min || value > limits->max)
        return error_set(err, "'%s' is not between %" PRIu64 " and %" PRIu64,
            excerpt_of_text(text).text, limits->min, limits->max);
    *count = (uint32_t)value;
    return true;
}

static void count_print(const void *field, const struct option_limits *limits, FILE *out)
{
    uint32_t count = *(const uint32_t *)field;

    if (limits->words != NULL && count == word_value(limits))
        fputs(limits->words[0], out);
    else
        fprintf(out, "%" PRIu32, count);
}

const struct option_type type_count = {.name = "number",
    .parse = count_parse,
    .print = count_print,
    .size = sizeof(uint32_t)};
const struct option_type type_duration = {.name = "duration",
    .parse = duration_parse,
    .print = duration_print,
    .size = sizeof(uint64_t),
    .has_unit = true};
const struct option_type type_instant = {.name = "duration",
    .parse = instant_parse,
    .print = instant_print,
    .size = sizeof(uint64_t),
    .has_unit = true};
const struct option_type type_size = {.name = "size",
    .parse = size_parse,
    .print = size_print,
    .size = sizeof(uint64_t),
    .has_unit = true};
