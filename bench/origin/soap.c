#include "bench/origin/soap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { METHODS = 9, FILLER_LEN = 256 * 1024, LINE_LEN = 64 };

#define XENSERVER "<a:HostUuid>5f1d7a4e-8e6c-4f0d-9a52-6d0c0e2f7b11</a:HostUuid>"
#define RESULT_OK "<a:ErrorCode>0</a:ErrorCode><a:ResultCode>0</a:ResultCode>"

static const struct {
    const char *method, *result;
    unsigned repeat; /* number of copies of the result's body */
} methods[METHODS] = {
    {"AddXenServer", RESULT_OK "<a:Id>1</a:Id>", 1},
    {"RemoveXenServer", RESULT_OK, 1},
    {"SetXenPoolConfiguration", RESULT_OK, 1},
    {"GetXenPoolConfiguration",
        "<b:KeyValueOfstringstring><b:Key>HostCpuThresholdCritical</b:Key>"
        "<b:Value>0.9</b:Value></b:KeyValueOfstringstring>",
        24},
    {"VMGetRecommendations",
        "<a:Recommendation>" XENSERVER "<a:CanBootVM>true</a:CanBootVM>"
        "<a:Score>4.5</a:Score><a:Stars>4.5</a:Stars></a:Recommendation>",
        8},
    {"HostGetRecommendations",
        "<a:HostEvacuationRecommendation>" XENSERVER
        "<a:VmUuid>c9b5c1f0-6f0f-4b9e-8d3b-0d1f2f9f2a77</a:VmUuid>"
        "</a:HostEvacuationRecommendation>",
        8},
    {"GetOptimizationRecommendations",
        "<a:PoolOptimizationRecommendation>" XENSERVER
        "<a:Reason>CPU</a:Reason></a:PoolOptimizationRecommendation>",
        4},
    {"ExecuteReport",
        "<a:Row><a:Host>xen01</a:Host><a:AvgCpu>0.42</a:AvgCpu>"
        "<a:AvgFreeMem>17179869184</a:AvgFreeMem></a:Row>",
        200},
    {"GetDiagnostics",
        "<a:Line>2024-03-05 12:00:00 analysis engine: pool score 97.4</a:Line>\n", 60},
};

static char *replies[METHODS];
static char *fault;
static char filler[FILLER_LEN + 1];

static const char xml_begin[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Filler>";
static const char xml_end[] = "</Filler>";

static const char envelope_begin[] =
    "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>";
static const char envelope_end[] = "</s:Body></s:Envelope>";
static const char namespaces[] =
    " xmlns=\"http://schemas.citrix.com/DWM\""
    " xmlns:a=\"http://schemas.datacontract.org/2004/07/Citrix.Dwm.WorkloadBalance\""
    " xmlns:b=\"http://schemas.microsoft.com/2003/10/Serialization/Arrays\"";

static char *make_reply(const char *method, const char *result, unsigned repeat)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (out == NULL)
        abort();
    fprintf(
        out, "%s<%sResponse%s><%sResult>", envelope_begin, method, namespaces, method);
    for (unsigned i = 0; i < repeat; i++)
        fputs(result, out);
    fprintf(out, "</%sResult></%sResponse>%s", method, method, envelope_end);
    if (fclose(out) != 0)
        abort();
    return text;
}

void soap_init(void)
{
    for (size_t i = 0; i < METHODS; i++)
        replies[i] = make_reply(methods[i].method, methods[i].result, methods[i].repeat);
    fault = make_reply("Fault", "<a:Reason>there is no such method</a:Reason>", 1);
    for (size_t i = 0; i < FILLER_LEN; i += LINE_LEN)
        snprintf(filler + i, LINE_LEN + 1, "%-63s\n",
            "all work and no play makes a dull reply");
}

struct slice soap_reply(struct slice soap_action)
{
    const char *text = soap_action.text != NULL ? soap_action.text : "";
    const char *end = text + soap_action.len;
    const char *slash = memrchr(text, '/', soap_action.len);
    struct slice method;

    if (slash == NULL)
        return (struct slice){fault, strlen(fault)};
    method = (struct slice){slash + 1, (size_t)(end - slash - 1)};
    if (method.len > 0 && method.text[method.len - 1] == '"')
        method.len--;
    for (size_t i = 0; i < METHODS; i++) {
        if (slice_is(method, methods[i].method))
            return (struct slice){replies[i], strlen(replies[i])};
    }
    return (struct slice){fault, strlen(fault)};
}

static struct slice part(const char *text, size_t len, uint64_t offset, uint64_t end)
{
    size_t skip = (size_t)(offset % len);
    uint64_t left = end - offset;

    return (struct slice){text + skip, left < len - skip ? (size_t)left : len - skip};
}

struct slice soap_filler(uint64_t size, uint64_t offset)
{
    uint64_t begin = sizeof(xml_begin) - 1, end = sizeof(xml_end) - 1;

    if (size < begin + end)
        return part(filler, FILLER_LEN, offset, size);
    if (offset < begin)
        return part(xml_begin, (size_t)begin, offset, begin);
    if (offset < size - end)
        return part(filler, FILLER_LEN, offset - begin, size - end - begin);
    return part(xml_end, (size_t)end, offset - (size - end), end);
}
