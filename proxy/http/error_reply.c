#include "proxy/http/error_reply.h"

#include <assert.h>
#include <string.h>

#include "proxy/base/buffer.h"
#include "proxy/http/date.h"

static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *error_reply_reason(unsigned status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "";
}

size_t reply_body_length(const char *text, bool to_head)
{
    return to_head ? 0 : strlen(text) + 1;
}

void error_reply_write(struct buffer *out, unsigned status, const char *text,
    const char *fields, time_t now, bool to_head, bool keep_alive)
{
    assert(status != 401 && status != 403);
    buffer_printf(out, "HTTP/1.1 %u %s\r\nDate: %s\r\n", status,
        error_reply_reason(status), date_text(now));
    buffer_printf(out,
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: %zu\r\n"
        "Cache-Control: no-store\r\n"
        "%s"
        "Connection: %s\r\n"
        "\r\n",
        reply_body_length(text, false), fields != NULL ? fields : "",
        keep_alive ? "keep-alive" : "close");
    if (!to_head)
        buffer_printf(out, "%s\n", text);
}
