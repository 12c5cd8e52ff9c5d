#include "proxy/command/cert/cert_show_file.h"

#include <stdio.h>
#include <time.h>

#include "certstore/finding.h"
#include "certstore/read/collect.h"
#include "proxy/base/utf8_json.h"
#include "proxy/command/apart.h"
#include "proxy/command/cert/cert_listing.h"
#include "proxy/command/print.h"
#include "proxy/master/describe.h"

json_t *show_file(const char *path, const char *password)
{
    struct collection collection;
    struct findings findings;
    json_t *shown;
    const char *format = NULL;

    collection_init(&collection);
    findings_init(&findings);
    (void)collect_file_apart(&collection, path, password, false, &findings);
    shown = cert_listing_of(&collection, time(NULL));
    for (size_t i = 0; i < collection.count; i++)
        format = format == NULL ? collection.items[i].format : format;
    json_object_set_new(shown, "file", utf8_json(path));
    if (format != NULL)
        json_object_set_new(shown, "format", json_string(format));
    json_object_set_new(shown, "findings", describe_findings(&findings));
    json_object_set_new(
        shown, "ok", json_boolean(findings_worst(&findings) < SEVERITY_REFUSED));
    findings_destroy(&findings);
    collection_destroy(&collection);
    return shown;
}

void show_file_print(const json_t *shown)
{
    char text[512];

    snprintf(text, sizeof(text), "%s%s%s", json_text(shown, "file"),
        *json_text(shown, "format") == '\0' ? "" : ": ", json_text(shown, "format"));
    print_wrapped(stdout, "", text);
    cert_listing_print(shown, "first in the file");
    print_findings(stdout, json_object_get(shown, "findings"));
}
