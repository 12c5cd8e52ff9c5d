#include "certstore/install/subject.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/finding.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

enum { COMMON_NAME_MAX = 64, HOST_NAME_MAX_LEN = 253, LABEL_MAX = 63, NAMES_MAX = 100 };

/* RFC 5280 appendix A.1: ub-common-name. */

static size_t address_bytes(const char *text, unsigned char bytes[16])
{
    if (inet_pton(AF_INET, text, bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

static bool is_address(const char *text)
{
    unsigned char bytes[16];

    return address_bytes(text, bytes) > 0;
}

/* RFC 1123 2.1, and the '_' that occurs in practice. */
static bool is_label(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' && text[i] != '_')
            return false;
    }
    return len > 0 && len <= LABEL_MAX && text[0] != '-' && text[len - 1] != '-';
}

static bool is_host_name(const char *text)
{
    const char *at = strncmp(text, "*.", 2) == 0 ? text + 2 : text;

    if (strlen(at) > HOST_NAME_MAX_LEN)
        return false;
    for (;;) {
        size_t len = strcspn(at, ".");

        if (!is_label(at, len))
            return false;
        if (at[len] == '\0')
            return true;
        at += len + 1;
    }
}

static const char *without_prefix(const char *text)
{
    if (strncasecmp(text, "DNS:", 4) == 0)
        return text + 4;
    return strncasecmp(text, "IP:", 3) == 0 ? text + 3 : text;
}

static bool name_check(const char *text, struct error *err)
{
    const char *name = without_prefix(text);
    bool wants_address = strncasecmp(text, "IP:", 3) == 0;

    if (wants_address && !is_address(name))
        return error_set(err, "'%.80s' is not an IP address", name);
    if (is_address(name) || is_host_name(name))
        return true;
    return error_set(err,
        "'%.80s' is neither a host name nor an IP address; a name has letters, digits, "
        "'.' and, within its parts, '-' (of an international one, the xn-- form)",
        name);
}

bool subject_check(const struct subject *subject, struct error *err)
{
    if (!name_check(subject->name, err))
        return false;
    if (subject->others->count > NAMES_MAX)
        return error_set(err, "there are more than %d names", NAMES_MAX);
    for (size_t i = 0; i < subject->others->count; i++) {
        if (!name_check(subject->others->items[i], err))
            return false;
    }
    return true;
}

static void judge_name(const struct subject *subject, struct findings *findings)
{
    const char *name = subject->name;

    if (strlen(name) > COMMON_NAME_MAX)
        findings_add(findings, "long-name", SEVERITY_NOTE, NULL,
            "the CN holds 64 characters; clients go by the DNS name", NULL,
            "'%s' is too long for a CN and becomes a DNS name only", name);
    if (strchr(name, '.') == NULL && !is_address(name))
        findings_add(findings, "bare-name", SEVERITY_WARNING, NULL,
            "a pool that has the full name in its WLB URL would refuse the certificate",
            "name it in full: --name wlb.example.com",
            "'%s' is a host name without a domain", name);
    if (strncmp(name, "*.", 2) == 0)
        findings_add(findings, "wildcard", SEVERITY_WARNING, NULL,
            "XenServer accepts it; whoever has its key can pose as any host of the "
            "domain",
            "name the host: --name wlb.example.com", "'%s' is a wildcard", name);
}

void subject_judge(const struct subject *subject, struct findings *findings)
{
    bool address = is_address(subject->name);

    judge_name(subject, findings);
    for (size_t i = 0; i < subject->others->count; i++) {
        const char *other = without_prefix(subject->others->items[i]);

        if (!is_address(other) && address)
            findings_add(findings, "cn-ignored", SEVERITY_WARNING, NULL,
                "once a certificate has a DNS name XenServer ignores the CN, and it "
                "never looks at IP names",
                "have the WLB URL name the host, and make that the name: --name HOST",
                "with the DNS name %s, XenServer will not match the address %s", other,
                subject->name);
        if (is_address(other) && strcmp(other, subject->name) != 0)
            findings_add(findings, "ip-name", SEVERITY_WARNING, NULL,
                "XenServer never looks at IP names; other clients do",
                "connect the pool by the name, not by the address",
                "XenServer will not match the address %s in its WLB URL", other);
    }
}

/* In the order of a subject. The limits are those of RFC 5280, appendix A.1, in
 * characters. */
static const struct {
    const char *name;
    int nid;
    size_t max;
} part_kinds[SUBJECT_PARTS] = {
    [SUBJECT_C] = {"C", NID_countryName, 2},
    [SUBJECT_ST] = {"ST", NID_stateOrProvinceName, 128},
    [SUBJECT_L] = {"L", NID_localityName, 128},
    [SUBJECT_O] = {"O", NID_organizationName, 64},
    [SUBJECT_OU] = {"OU", NID_organizationalUnitName, 64},
};

static size_t characters(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += (*text & 0xc0) != 0x80;
    return count;
}

/* Copies up to the separator, without backslashes and without blanks around it. Returns
 * the rest. */
static const char *take_part(const char *text, char separator, char *part, size_t size)
{
    size_t len = 0;

    text += strspn(text, " ");
    for (; *text != '\0' && *text != separator; text++) {
        if (*text == '\\' && text[1] != '\0')
            text++;
        if (len + 1 < size)
            part[len++] = *text;
    }
    while (len > 0 && part[len - 1] == ' ')
        len--;
    part[len] = '\0';
    return *text == separator ? text + 1 : text;
}

static bool is_utf8(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    int left = (int)strlen(text), len;
    unsigned long code;

    for (; left > 0; at += len, left -= len) {
        len = UTF8_getc(at, left, &code);
        if (len <= 0)
            return false;
    }
    return true;
}

static bool part_check(int kind, const char *value, struct error *err)
{
    const char *name = part_kinds[kind].name;

    if (*value == '\0')
        return error_set(err, "--subject: %s is empty", name);
    for (const char *at = value; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return error_set(err, "--subject: %s has a control character in it", name);
    }
    if (!is_utf8(value))
        return error_set(err, "--subject: %s is not UTF-8 text", name);
    if (kind == SUBJECT_C &&
        (strlen(value) != 2 || !isupper((unsigned char)value[0]) ||
            !isupper((unsigned char)value[1])))
        return error_set(err,
            "--subject: C is a country's two capital letters (ISO 3166), as in C=DE, not "
            "'%.40s'",
            value);
    if (characters(value) > part_kinds[kind].max)
        return error_set(err, "--subject: %s has more than %zu characters", name,
            part_kinds[kind].max);
    return true;
}

static bool set_part(struct subject_parts *parts, char *one, struct error *err)
{
    char *equals = strchr(one, '=');
    size_t len = equals == NULL ? 0 : (size_t)(equals - one);

    while (len > 0 && one[len - 1] == ' ')
        len--;
    if (len == 2 && strncasecmp(one, "CN", 2) == 0)
        return error_set(err, "--subject: the CN is what --name says; leave it out here");
    for (int i = 0; i < SUBJECT_PARTS; i++) {
        const char *value;

        if (equals == NULL || len != strlen(part_kinds[i].name) ||
            strncasecmp(one, part_kinds[i].name, len) != 0)
            continue;
        value = equals + 1 + strspn(equals + 1, " ");
        if (*parts->text[i] != '\0')
            return error_set(err, "--subject: %s is there twice", part_kinds[i].name);
        if (!part_check(i, value, err))
            return false;
        snprintf(parts->text[i], SUBJECT_PART_MAX, "%s", value);
        return true;
    }
    return error_set(err,
        "--subject: '%.40s' is none of C=, ST=, L=, O= and OU=; a comma within a value "
        "is written \\,",
        one);
}

bool subject_parts_parse(const char *text, struct subject_parts *parts, struct error *err)
{
    const char separator = *text == '/' ? '/' : ',';
    char one[SUBJECT_PART_MAX + 8];

    *parts = (struct subject_parts){0};
    text += *text == '/';
    while (*text != '\0') {
        text = take_part(text, separator, one, sizeof(one));
        if (!set_part(parts, one, err))
            return false;
    }
    return true;
}

static void add_part(X509_NAME *name, int nid, const char *text)
{
    memory_require(*text == '\0' ||
        X509_NAME_add_entry_by_NID(
            name, nid, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0) == 1);
}

X509_NAME *subject_name(const struct subject *subject)
{
    X509_NAME *name = memory_checked(X509_NAME_new());

    for (int i = 0; i < SUBJECT_PARTS && subject->parts != NULL; i++)
        add_part(name, part_kinds[i].nid, subject->parts->text[i]);
    if (strlen(subject->name) <= COMMON_NAME_MAX)
        add_part(name, NID_commonName, subject->name);
    return name;
}

static void add_name(GENERAL_NAMES *names, const char *text)
{
    GENERAL_NAME *name = memory_checked(GENERAL_NAME_new());
    ASN1_STRING *value = memory_checked(ASN1_STRING_new());
    unsigned char address[16];
    size_t len = address_bytes(text, address);

    memory_require(len > 0 ? ASN1_STRING_set(value, address, (int)len) == 1
                           : ASN1_STRING_set(value, text, (int)strlen(text)) == 1);
    name->type = len > 0 ? GEN_IPADD : GEN_DNS;
    name->d.ia5 = value; /* the same field of the union for both */
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), name) != 0)
            continue;
        GENERAL_NAME_free(name);
        return;
    }
    memory_require(sk_GENERAL_NAME_push(names, name) != 0);
}

static X509_EXTENSION *names_extension(const struct subject *subject)
{
    GENERAL_NAMES *names = memory_checked(sk_GENERAL_NAME_new_null());
    X509_EXTENSION *extension;
    bool critical = strlen(subject->name) > COMMON_NAME_MAX; /* RFC 5280 4.2.1.6 */

    add_name(names, subject->name);
    for (size_t i = 0; i < subject->others->count; i++)
        add_name(names, without_prefix(subject->others->items[i]));
    extension = X509V3_EXT_i2d(NID_subject_alt_name, critical, names);
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return extension;
}

static void add(STACK_OF(X509_EXTENSION) * list, X509_EXTENSION *extension)
{
    memory_require(extension != NULL && sk_X509_EXTENSION_push(list, extension) != 0);
}

STACK_OF(X509_EXTENSION) *
    subject_extensions(const struct subject *subject, EVP_PKEY *key, X509 *certificate)
{
    STACK_OF(X509_EXTENSION) *list = memory_checked(sk_X509_EXTENSION_new_null());
    bool rsa = EVP_PKEY_is_a(key, "RSA") == 1;
    X509V3_CTX context;

    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    add(list, names_extension(subject));
    add(list,
        X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints, "critical,CA:FALSE"));
    add(list,
        X509V3_EXT_conf_nid(NULL, &context, NID_key_usage,
            rsa ? "critical,digitalSignature,keyEncipherment"
                : "critical,digitalSignature"));
    add(list, X509V3_EXT_conf_nid(NULL, &context, NID_ext_key_usage, "serverAuth"));
    if (certificate != NULL)
        add(list,
            X509V3_EXT_conf_nid(NULL, &context, NID_subject_key_identifier, "hash"));
    return list;
}
