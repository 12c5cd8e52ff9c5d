/*
 * refusal.h - every reason to refuse a message: one table of status and text.
 *
 * The texts are fixed and contain no byte of the message. A client gets the status. For a
 * refused reply of a backend, session/ sends a 502.
 */
#ifndef WLBPROXY_HTTP_REFUSAL_H
#define WLBPROXY_HTTP_REFUSAL_H

#define REFUSALS(X)                                                                      \
    X(BARE_LF, 400, "a line ends in LF without CR")                                      \
    X(BARE_CR, 400, "a CR without LF")                                                   \
    X(CONTROL, 400, "a control character in the head")                                   \
    X(EMPTY_LINES, 400, "more than one empty line before the message")                   \
    X(REQUEST_LINE, 400, "the request line is not 'method target version'")              \
    X(METHOD_SYNTAX, 400, "the method is not a token")                                   \
    X(METHOD_UNKNOWN, 501, "the method is not one that is served here")                  \
    X(CONNECT, 400, "CONNECT is not served here")                                        \
    X(VERSION_SYNTAX, 400, "the version is not HTTP/digit.digit")                        \
    X(VERSION, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here")                        \
    X(TARGET, 400, "the request target is malformed")                                    \
    X(TARGET_RAW, 400, "the request target has bytes that must be percent-encoded")      \
    X(TARGET_LONG, 414, "the request target is too long")                                \
    X(TARGET_HOST, 400, "the request target and Host name different hosts")              \
    X(STATUS_LINE, 400, "the status line is not 'version status reason'")                \
    X(STATUS, 400, "the status is not between 100 and 999")                              \
    X(HEAD_LONG, 431, "the head is too long")                                            \
    X(FIELDS, 431, "the head has too many fields")                                       \
    X(FOLDED, 400, "a field continues on the next line (obs-fold)")                      \
    X(FIELD_NAME, 400, "a field's name is not a token followed by a colon")              \
    X(FIELD_TWICE, 400, "a field that may stand only once stands twice")                 \
    X(FIELD_ALIAS, 400, "a framing field is written without its hyphen")                 \
    X(LENGTH, 400, "Content-Length is not one decimal number below 2^63")                \
    X(LENGTH_TWICE, 400, "more than one Content-Length")                                 \
    X(LENGTHS_DIFFER, 400, "more than one Content-Length, and they differ")              \
    X(LENGTH_AND_CODING, 400, "both Content-Length and Transfer-Encoding")               \
    X(CODING, 400, "Transfer-Encoding is not exactly 'chunked'")                         \
    X(CODING_TWICE, 400, "more than one Transfer-Encoding")                              \
    X(CODING_1_0, 400, "Transfer-Encoding in HTTP/1.0")                                  \
    X(BODY_FORBIDDEN, 400, "a 1xx reply announces a body")                               \
    X(HOST_MISSING, 400, "HTTP/1.1 without Host")                                        \
    X(HOST_TWICE, 400, "more than one Host")                                             \
    X(HOST, 400, "Host is malformed")                                                    \
    X(CONNECTION, 400, "Connection is not a list of options")                            \
    X(CONNECTION_NAMES, 400, "Connection names a field that must reach the other end")   \
    X(EXPECT, 417, "the only expectation known here is 100-continue")                    \
    X(SECOND_OPINION, 400, "two parsers read the head differently")                      \
    X(SWITCHED, 400, "a 101 that nobody asked for")                                      \
    X(INTERIM, 400, "too many 1xx replies before the final one")                         \
    X(UNASKED, 400, "a reply to nothing")                                                \
    X(CHUNK_SIZE, 400, "a chunk's size is not 1 to 16 hexadecimal digits below 2^63")    \
    X(CHUNK_EXTENSION, 400, "a chunk's extension is malformed")                          \
    X(CHUNK_EXTENSIONS, 400, "the chunk extensions are too long")                        \
    X(CHUNK_END, 400, "a chunk does not end where its size says")                        \
    X(TRAILER, 400, "the trailer is malformed")                                          \
    X(TRAILER_LONG, 431, "the trailer is too long")                                      \
    X(CUT, 400, "the connection ended within the message")

enum refusal {
    ACCEPTED,
#define X(name, status, text) REFUSE_##name,
    REFUSALS(X)
#undef X
};

unsigned refusal_status(enum refusal refusal);
const char *refusal_text(enum refusal refusal);

#endif
