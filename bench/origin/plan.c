#include "bench/origin/plan.h"

#include <string.h>

#define ORIGIN_OPTIONS(X)                                                                \
    X(size, "bytes of the body")                                                         \
    X(delay, "ms before the head")                                                       \
    X(pause, "ms between two pieces of the body")                                        \
    X(piece, "bytes of the body in one piece")                                           \
    X(cut, "end the connection after so many bytes of the body")                         \
    X(first, "status of an interim reply to go first, as 100")                           \
    X(status, "of the reply")                                                            \
    X(reset, "1: the cut is a reset")                                                    \
    X(early, "1: answer before the request's body has been read")                        \
    X(close, "1: Connection: close, and close")                                          \
    X(silent, "1: never answer")                                                         \
    X(old, "1: answer as HTTP/1.0")

static const struct {
    const char *name;
    size_t field;
} options[] = {
#define X(name, help) {#name, offsetof(struct plan, name)},
    ORIGIN_OPTIONS(X)
#undef X
};

const char *plan_help(void)
{
    return "  mode=length|chunked|close  how the reply is framed\n"
#define X(name, help) "  " #name "=N  " help "\n"
        ORIGIN_OPTIONS(X)
#undef X
            "  /echo   what was received, as JSON, with the SHA-256 of the body\n"
            "  /stats  counters, as JSON\n";
}

static uint64_t framing_of(struct slice value)
{
    if (slice_is(value, "chunked"))
        return FRAMING_CHUNKED;
    return slice_is(value, "close") ? FRAMING_CLOSE : FRAMING_LENGTH;
}

static void set_option(struct plan *plan, struct slice name, struct slice value)
{
    if (slice_is(name, "mode"))
        plan->framing = framing_of(value);
    plan->sized = plan->sized || slice_is(name, "size");
    plan->is_cut = plan->is_cut || slice_is(name, "cut");
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (slice_is(name, options[i].name))
            *(uint64_t *)((char *)plan + options[i].field) = slice_number(value);
    }
}

static void option_of_field(void *owner, struct slice name, struct slice value)
{
    static const char prefix[] = "x-origin-";
    size_t skip = sizeof(prefix) - 1;

    if (name.len > skip && slice_is((struct slice){name.text, skip}, prefix))
        set_option(owner, (struct slice){name.text + skip, name.len - skip}, value);
}

static void options_of_query(struct plan *plan, const char *text, const char *end)
{
    while (text < end) {
        const char *stop = memchr(text, '&', (size_t)(end - text));
        const char *equals;

        if (stop == NULL)
            stop = end;
        equals = memchr(text, '=', (size_t)(stop - text));
        if (equals != NULL)
            set_option(plan, (struct slice){text, (size_t)(equals - text)},
                (struct slice){equals + 1, (size_t)(stop - equals - 1)});
        text = stop + 1;
    }
}

void plan_make(struct plan *plan, const struct request *request)
{
    const char *path = request->target.text;
    const char *end = path + request->target.len;
    const char *query = memchr(path, '?', request->target.len);
    struct slice bare = {path, (size_t)((query != NULL ? query : end) - path)};

    *plan = (struct plan){.status = 200, .piece = UINT64_MAX};
    plan->head_only = slice_is(request->method, "HEAD");
    plan->keep_alive = request->keep_alive;
    plan->echo = slice_is(bare, "/echo");
    plan->stats = slice_is(bare, "/stats");
    if (query != NULL)
        options_of_query(plan, query + 1, end);
    request_each_field(&request->head, option_of_field, plan);
    if (plan->piece == 0)
        plan->piece = 1;
}
