#include "proxy/base/end_reason.h"

#include <assert.h>

static const struct {
    const char *text;
    enum log_level level;
    enum fault fault;
    const char *meaning;
} reasons[END_REASON_COUNT] = {
#define X(name, text, level, fault, meaning) {text, level, fault, meaning},
    END_REASONS(X)
#undef X
};

const char *end_reason_text(enum end_reason reason)
{
    assert((unsigned)reason < END_REASON_COUNT);
    return reasons[reason].text;
}

enum log_level end_reason_level(enum end_reason reason)
{
    assert((unsigned)reason < END_REASON_COUNT);
    return reasons[reason].level;
}

enum fault end_reason_fault(enum end_reason reason)
{
    assert((unsigned)reason < END_REASON_COUNT);
    return reasons[reason].fault;
}

const char *end_reason_meaning(enum end_reason reason)
{
    assert((unsigned)reason < END_REASON_COUNT);
    return reasons[reason].meaning;
}
