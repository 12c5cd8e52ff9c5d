#include "proxy/http/chunked_decode.h"

#include "proxy/http/chars.h"

enum {
    SIZE_DIGITS_MAX = 16,
    EXTENSION_MAX = 256,
    EXTENSIONS_MAX = 16 * 1024,
    TRAILER_MAX = 8 * 1024,
};

void chunked_init(struct chunked *c)
{
    *c = (struct chunked){.state = CHUNK_SIZE};
}

static enum refusal go(struct chunked *c, enum chunked_state state)
{
    c->state = (uint8_t)state;
    return ACCEPTED;
}

static unsigned hex_value(char c)
{
    return char_is(c, CHAR_DIGIT) ? (unsigned)(c - '0') : (unsigned)(lower(c) - 'a' + 10);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static enum refusal size_byte(struct chunked *c, char byte)
{
    if (char_is(byte, CHAR_HEX)) {
        if (++c->digits > SIZE_DIGITS_MAX || c->left > (uint64_t)INT64_MAX >> 4)
            return REFUSE_CHUNK_SIZE;
        c->left = c->left << 4 | hex_value(byte);
        return ACCEPTED;
    }
    if (c->digits == 0)
        return REFUSE_CHUNK_SIZE;
    c->symbols = 0;
    if (is_blank(byte))
        return go(c, CHUNK_SIZE_BLANK);
    if (byte == ';')
        return go(c, CHUNK_EXTENSION_NAME);
    return byte == '\r' ? go(c, CHUNK_SIZE_LF) : REFUSE_CHUNK_SIZE;
}

/* Called where a size or an extension may end. Allowed are blanks, the next extension and
 * the end of the line. */
static enum refusal extension_end(
    struct chunked *c, char byte, enum chunked_state after_blank, enum refusal otherwise)
{
    if (is_blank(byte))
        return go(c, after_blank);
    c->symbols = 0;
    if (byte == ';')
        return go(c, CHUNK_EXTENSION_NAME);
    return byte == '\r' ? go(c, CHUNK_SIZE_LF) : otherwise;
}

static enum refusal name_end(struct chunked *c, char byte)
{
    if (byte == '=')
        return go(c, CHUNK_EXTENSION_VALUE);
    return extension_end(c, byte, CHUNK_EXTENSION_NAMED, REFUSE_CHUNK_EXTENSION);
}

static enum refusal extension_name_byte(struct chunked *c, char byte)
{
    if (char_is(byte, CHAR_TOKEN)) {
        c->symbols = 1;
        return ACCEPTED;
    }
    if (c->symbols == 0)
        return is_blank(byte) ? ACCEPTED : REFUSE_CHUNK_EXTENSION;
    return name_end(c, byte);
}

static enum refusal extension_value_byte(struct chunked *c, char byte)
{
    if (byte == '"')
        return go(c, CHUNK_EXTENSION_QUOTED);
    if (is_blank(byte))
        return ACCEPTED;
    return char_is(byte, CHAR_TOKEN) ? go(c, CHUNK_EXTENSION_TOKEN)
                                     : REFUSE_CHUNK_EXTENSION;
}

static enum refusal quoted_byte(struct chunked *c, char byte)
{
    if (byte == '"')
        return go(c, CHUNK_EXTENSION_CLOSED);
    if (byte == '\\')
        return go(c, CHUNK_EXTENSION_ESCAPED);
    return char_is(byte, CHAR_TEXT) ? ACCEPTED : REFUSE_CHUNK_EXTENSION;
}

static enum refusal extension_byte(struct chunked *c, char byte)
{
    if (++c->extension > EXTENSION_MAX || ++c->extensions > EXTENSIONS_MAX)
        return REFUSE_CHUNK_EXTENSIONS;
    switch (c->state) {
    case CHUNK_SIZE_BLANK:
        return extension_end(c, byte, CHUNK_SIZE_BLANK, REFUSE_CHUNK_SIZE);
    case CHUNK_EXTENSION_NAME:
        return extension_name_byte(c, byte);
    case CHUNK_EXTENSION_NAMED:
        return name_end(c, byte);
    case CHUNK_EXTENSION_VALUE:
        return extension_value_byte(c, byte);
    case CHUNK_EXTENSION_TOKEN:
        if (char_is(byte, CHAR_TOKEN))
            return ACCEPTED;
        break;
    case CHUNK_EXTENSION_QUOTED:
        return quoted_byte(c, byte);
    case CHUNK_EXTENSION_ESCAPED:
        return char_is(byte, CHAR_TEXT) ? go(c, CHUNK_EXTENSION_QUOTED)
                                        : REFUSE_CHUNK_EXTENSION;
    default:
        break;
    }
    return extension_end(c, byte, CHUNK_EXTENSION_CLOSED, REFUSE_CHUNK_EXTENSION);
}

static enum refusal size_lf(struct chunked *c, char byte)
{
    if (byte != '\n')
        return REFUSE_CHUNK_SIZE;
    return go(c, c->left > 0 ? CHUNK_DATA : TRAILER_LINE);
}

static enum refusal data_lf(struct chunked *c, char byte)
{
    if (byte != '\n')
        return REFUSE_CHUNK_END;
    c->digits = 0;
    c->extension = 0;
    return go(c, CHUNK_SIZE);
}

static enum refusal trailer_line_byte(struct chunked *c, char byte)
{
    if (byte == '\r')
        return go(c, TRAILER_END_LF);
    return char_is(byte, CHAR_TOKEN) ? go(c, TRAILER_NAME) : REFUSE_TRAILER;
}

static enum refusal trailer_name_byte(struct chunked *c, char byte)
{
    if (byte == ':')
        return go(c, TRAILER_VALUE);
    return char_is(byte, CHAR_TOKEN) ? ACCEPTED : REFUSE_TRAILER;
}

static enum refusal trailer_value_byte(struct chunked *c, char byte)
{
    if (byte == '\r')
        return go(c, TRAILER_LINE_LF);
    return char_is(byte, CHAR_TEXT) ? ACCEPTED : REFUSE_TRAILER;
}

static enum refusal trailer_byte(struct chunked *c, char byte)
{
    if (++c->trailer > TRAILER_MAX)
        return REFUSE_TRAILER_LONG;
    switch (c->state) {
    case TRAILER_LINE:
        return trailer_line_byte(c, byte);
    case TRAILER_NAME:
        return trailer_name_byte(c, byte);
    case TRAILER_VALUE:
        return trailer_value_byte(c, byte);
    case TRAILER_LINE_LF:
        return byte == '\n' ? go(c, TRAILER_LINE) : REFUSE_TRAILER;
    default:
        return byte == '\n' ? go(c, CHUNKED_END) : REFUSE_TRAILER;
    }
}

/* Takes one byte that is not part of the body. */
static enum refusal frame_byte(struct chunked *c, char byte)
{
    switch (c->state) {
    case CHUNK_SIZE:
        return size_byte(c, byte);
    case CHUNK_SIZE_LF:
        return size_lf(c, byte);
    case CHUNK_DATA_CR:
        return byte == '\r' ? go(c, CHUNK_DATA_LF) : REFUSE_CHUNK_END;
    case CHUNK_DATA_LF:
        return data_lf(c, byte);
    default:
        return c->state < CHUNK_SIZE_LF ? extension_byte(c, byte) : trailer_byte(c, byte);
    }
}

static void take_data(struct chunked *c, const char **bytes, size_t *len,
    const char **body, size_t *body_len)
{
    size_t part = *len < c->left ? *len : (size_t)c->left;

    *body = *bytes;
    *body_len = part;
    *bytes += part;
    *len -= part;
    c->left -= part;
    if (c->left == 0)
        c->state = CHUNK_DATA_CR;
}

enum chunked_result chunked_next(struct chunked *c, const char **bytes, size_t *len,
    const char **body, size_t *body_len, enum refusal *refusal)
{
    while (*len > 0 && c->state != CHUNKED_END) {
        if (c->state == CHUNK_DATA) {
            take_data(c, bytes, len, body, body_len);
            return CHUNKED_BODY;
        }
        *refusal = frame_byte(c, **bytes);
        if (*refusal != ACCEPTED)
            return CHUNKED_REFUSED;
        ++*bytes;
        --*len;
    }
    return c->state == CHUNKED_END ? CHUNKED_DONE : CHUNKED_NEED_INPUT;
}
