#include "proxy/http/lines.h"

#include <string.h>

#include "proxy/http/chars.h"
#include "proxy/http/field_name.h"

enum { TARGET_MAX = 16 * 1024, VERSION_LEN = 8 };

/* Takes the line at the beginning of *rest, without its CRLF; scan.h has made sure that
 * there is one. */
static struct span take_line(struct span *rest)
{
    const char *cr = memchr(rest->text, '\r', rest->len);
    struct span line = {rest->text, (size_t)(cr - rest->text)};

    rest->text = cr + 2;
    rest->len -= line.len + 2;
    return line;
}

/* Takes the text up to the first SP, or all of it. */
static struct span take_word(struct span *line, bool *spaced)
{
    const char *sp = memchr(line->text, ' ', line->len);
    struct span word = {line->text, sp == NULL ? line->len : (size_t)(sp - line->text)};

    *spaced = sp != NULL;
    line->text += word.len + *spaced;
    line->len -= word.len + *spaced;
    return word;
}

static bool all_are(struct span span, enum char_class class)
{
    for (size_t i = 0; i < span.len; i++) {
        if (!char_is(span.text[i], class))
            return false;
    }
    return true;
}

static enum refusal read_version(struct head *head, struct span version)
{
    const char *text = version.text;

    if (version.len != VERSION_LEN || memcmp(text, "HTTP/", 5) != 0 ||
        !char_is(text[5], CHAR_DIGIT) || text[6] != '.' || !char_is(text[7], CHAR_DIGIT))
        return REFUSE_VERSION_SYNTAX;
    if (text[5] != '1' || text[7] > '1')
        return REFUSE_VERSION;
    head->minor = (unsigned)(text[7] - '0');
    return ACCEPTED;
}

static enum refusal split_request_line(struct head *head, struct span line)
{
    bool after_method, after_target;

    head->method = take_word(&line, &after_method);
    head->target = take_word(&line, &after_target);
    if (head->method.len == 0 || !all_are(head->method, CHAR_TOKEN))
        return REFUSE_METHOD_SYNTAX;
    if (!after_method || !after_target || head->target.len == 0 ||
        memchr(line.text, ' ', line.len) != NULL)
        return REFUSE_REQUEST_LINE;
    if (!all_are(head->target, CHAR_VISIBLE))
        return REFUSE_TARGET_RAW;
    if (head->target.len > TARGET_MAX)
        return REFUSE_TARGET_LONG;
    return read_version(head, line);
}

/* "HTTP/1.1 200 OK". With an empty reason some servers leave out its space, too. */
static enum refusal split_status_line(struct head *head, struct span line)
{
    bool after_version, after_status;
    enum refusal refusal = read_version(head, take_word(&line, &after_version));
    struct span status = take_word(&line, &after_status);

    if (refusal != ACCEPTED)
        return refusal;
    if (status.len != 3 || !all_are(status, CHAR_DIGIT))
        return REFUSE_STATUS_LINE;
    head->status = (unsigned)((status.text[0] - '0') * 100 + (status.text[1] - '0') * 10 +
        (status.text[2] - '0'));
    if (head->status < 100)
        return REFUSE_STATUS;
    head->reason = line;
    return ACCEPTED;
}

static struct span trimmed(struct span value)
{
    while (value.len > 0 && (*value.text == ' ' || *value.text == '\t')) {
        value.text++;
        value.len--;
    }
    while (value.len > 0 &&
        (value.text[value.len - 1] == ' ' || value.text[value.len - 1] == '\t'))
        value.len--;
    return value;
}

static enum refusal split_field(struct field *field, struct span line)
{
    size_t name = 0;

    if (*line.text == ' ' || *line.text == '\t')
        return REFUSE_FOLDED;
    while (name < line.len && char_is(line.text[name], CHAR_TOKEN))
        name++;
    if (name == 0 || name == line.len || line.text[name] != ':')
        return REFUSE_FIELD_NAME;

    field->name = (struct span){line.text, name};
    field->value = trimmed((struct span){line.text + name + 1, line.len - name - 1});
    struct field_kind kind = field_kind(field->name);
    field->id = kind.id;
    field->traits = kind.traits;
    return ACCEPTED;
}

static enum refusal split_fields(struct head *head, struct span rest)
{
    struct span line;

    head->field_count = 0;
    while ((line = take_line(&rest)).len > 0) {
        if (head->field_count == HEAD_FIELDS_MAX)
            return REFUSE_FIELDS;
        enum refusal refusal = split_field(&head->fields[head->field_count++], line);
        if (refusal != ACCEPTED)
            return refusal;
    }
    return ACCEPTED;
}

enum refusal lines_split_first(struct head *head, bool request, struct span text)
{
    return request ? split_request_line(head, take_line(&text))
                   : split_status_line(head, take_line(&text));
}

enum refusal lines_split_request(struct head *head, struct span text)
{
    enum refusal refusal = split_request_line(head, take_line(&text));

    return refusal != ACCEPTED ? refusal : split_fields(head, text);
}

enum refusal lines_split_response(struct head *head, struct span text)
{
    enum refusal refusal = split_status_line(head, take_line(&text));

    return refusal != ACCEPTED ? refusal : split_fields(head, text);
}
