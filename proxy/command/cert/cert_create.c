#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/install/make_certificate.h"
#include "certstore/install/pair_switch.h"
#include "certstore/install/subject.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/command/cert/cert.h"
#include "proxy/command/cert/cert_change.h"
#include "proxy/command/cert/cert_fresh.h"
#include "proxy/command/cert/cert_key.h"
#include "proxy/command/cert/cert_place.h"
#include "proxy/command/cert/cert_say.h"
#include "proxy/master/describe.h"

struct create {
    struct cert_flags flags;
    struct cert_key key;
    struct text_list names;
    const char *days_text;
    unsigned days;
    struct cert_place place;
    struct cert_say say;
};

static bool parse_days(struct create *c, struct error *err)
{
    char *end;
    unsigned long days;

    c->days = CERTIFICATE_DAYS;
    if (c->days_text == NULL)
        return true;
    days = strtoul(c->days_text, &end, 10);
    if (*c->days_text < '0' || *c->days_text > '9' || *end != '\0' || days < 1 ||
        days > CERTIFICATE_DAYS_MAX)
        return error_set(err, "--days: '%.40s' is not a number from 1 to %d",
            c->days_text, CERTIFICATE_DAYS_MAX);
    c->days = (unsigned)days;
    return true;
}

static bool may_replace(const struct create *c, struct error *err)
{
    if (c->flags.force || !pair_file_exists(&c->place.pair))
        return true;
    return error_set(err,
        "%s or its key is there already; it is left as it is. To replace it: --force (it "
        "is kept, `cert rollback` brings it back); for one signed by a CA: wlbproxy cert "
        "request",
        c->place.cert);
}

static int put_in(struct create *c, struct cert_fresh *fresh)
{
    const struct credential_summary *s = credential_summary(fresh->credential);
    struct pair_text text = cert_fresh_text(fresh, c->place.key == NULL);

    cert_say_certificate(&c->say, describe_certificate(c->place.cert, s, time(NULL)));
    return cert_change_apply(&(struct cert_change){
        .place = &c->place,
        .say = &c->say,
        .fresh = &text,
        .sha256 = s->sha256,
        .summary = fresh->summary,
        .keep = PAIR_KEEP_OLD,
    });
}

static int make_and_put_in(
    struct create *c, const struct subject *subject, struct findings *findings)
{
    struct cert_fresh fresh;
    struct error err;
    EVP_PKEY *key = cert_key_make(&c->key, &err);
    X509 *certificate =
        key == NULL ? NULL : certificate_make(subject, c->days, key, time(NULL), &err);
    int status = EXIT_FAILED;

    if (certificate == NULL)
        cert_say_error(&c->say, &err);
    else if (cert_fresh_of(&fresh, certificate, key, &c->place, findings)) {
        cert_say_findings(&c->say, findings);
        status = put_in(c, &fresh);
        cert_fresh_destroy(&fresh);
    } else {
        cert_say_findings(&c->say, findings);
        status = EXIT_NEGATIVE;
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return status;
}

static int create(struct create *c)
{
    struct subject subject = {.others = &c->names};
    struct findings findings;
    struct error err;
    int status;

    c->flags.makes_folder = !c->say.dry_run;
    if (!secrets_init(&err) || !cert_key_parse(&c->key, &err) || !parse_days(c, &err) ||
        !cert_place_find(&c->place, &c->flags, c->key.file, &err))
        goto failed;
    subject.name = c->place.name;
    if (!subject_check(&subject, &err) || !cert_change_open(&c->place, &c->say, &err))
        goto failed;
    if (!may_replace(c, &err)) {
        cert_say_error(&c->say, &err);
        return EXIT_NEGATIVE;
    }
    findings_init(&findings);
    subject_judge(&subject, &findings);
    status = make_and_put_in(c, &subject, &findings);
    findings_destroy(&findings);
    return status;
failed:
    cert_say_error(&c->say, &err);
    return EXIT_FAILED;
}

int cert_create_command(int argc, char **argv)
{
    struct create c = {.place = {.pair = PAIR_FILE_EMPTY}};
    const struct argument list[] = {
        CERT_FLAGS(c.flags, "replace the pair that is there"),
        {.name = "key", .value = "KIND|FILE", .help = KEY_KINDS, .texts = &c.key.given},
        {.name = "san", .value = "NAME", .help = "one more name", .texts = &c.names},
        {.name = "days",
            .value = "N",
            .help = "validity, else 398",
            .text = &c.days_text},
    };
    const struct arguments arguments = {
        .command = "cert create",
        .summary =
            "Makes a placeholder: a key and a self-signed certificate for the name of "
            "this host, as XenServer's client can verify it once it is installed in the "
            "pool. Replaces nothing without --force.",
        .list = list,
        .count = sizeof(list) / sizeof(list[0]),
    };
    int status = arguments_parse(&arguments, argc, argv);

    if (status == EXIT_GO_ON) {
        cert_say_init(&c.say, "cert create", c.flags.json, c.flags.dry_run);
        status = cert_say_end(&c.say, create(&c));
    }
    cert_place_destroy(&c.place);
    text_list_clear(&c.key.given);
    text_list_clear(&c.names);
    return status;
}
