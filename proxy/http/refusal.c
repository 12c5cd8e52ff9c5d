#include "proxy/http/refusal.h"

static const struct {
    unsigned status;
    const char *text;
} refusals[] = {{0, ""},
#define X(name, status, text) {status, text},
    REFUSALS(X)
#undef X
};

unsigned refusal_status(enum refusal refusal)
{
    return refusals[refusal].status;
}

const char *refusal_text(enum refusal refusal)
{
    return refusals[refusal].text;
}
