#include "proxy/session/error_status.h"

#include <stddef.h>

static const struct error_status replies[END_REASON_COUNT] = {
    [END_HEAD_TIMEOUT] = {408, "The request's head did not arrive in time."},
    [END_BODY_TIMEOUT] = {408, "The request's body stopped arriving."},
    [END_TOO_SLOW] = {408, "The request's body arrived too slowly."},
    [END_BAD_REQUEST] = {400, "The request ended before its body was complete."},
    [END_BODY_TOO_LARGE] = {413, "The request's body is larger than this proxy accepts."},
    [END_MISDIRECTED] = {421,
        "This connection was made for another host name: connect anew, with this one."},
    [END_PATH_REFUSED] = {404, "This path is not served here."},
    [END_METHOD_REFUSED] = {405, "This method is not served here."},
    [END_AUTH_FAILURES] = {429,
        "Too many failed logins came from this address: wait a minute."},
    [END_PLAIN_HTTP] = {400, "This port speaks HTTPS: use https:// in the address."},
    [END_BACKEND_REFUSED] = {502, "The service behind this proxy cannot be reached."},
    [END_BACKEND_TLS] = {502, "The service behind this proxy cannot be reached safely."},
    [END_BACKEND_NONE] = {503, "No service behind this proxy is available."},
    [END_BACKEND_TIMEOUT] = {504,
        "The service behind this proxy did not answer in time."},
    [END_BACKEND_GONE] = {502, "The service behind this proxy closed the connection."},
    [END_BACKEND_NONSENSE] = {502,
        "The service behind this proxy gave an invalid reply."},
};

const struct error_status *error_status_of(enum end_reason reason)
{
    static const struct error_status other = {502, "The request could not be passed on."};

    return replies[reason].text != NULL ? &replies[reason] : &other;
}
