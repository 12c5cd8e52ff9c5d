#include "proxy/command/cert/cert_next.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certstore/credential.h"
#include "certstore/judge/judge.h"
#include "config/remedy.h"
#include "proxy/base/memory.h"
#include "proxy/command/cert/cert_place.h"
#include "proxy/command/cert/cert_say.h"
#include "proxy/command/print.h"
#include "proxy/command/verdict_print.h"
#include "proxy/master/verdict.h"

/* The folder for the pool's files; no file in it is ever overwritten. */
#define POOL_FOLDER "wlb-pool"

static json_t *ask_xenserver(
    const struct cert_place *place, const struct credential *credential)
{
    json_t *verdicts = json_array();

    verdicts_add(verdicts,
        &(struct verdict_question){
            .leaf = credential_leaf(credential),
            .chain = credential_chain(credential),
            .unsent = credential_pair(credential)->unsent,
            .address = place->name,
        });
    return verdicts;
}

static bool any_is_accepted(const json_t *verdicts)
{
    const json_t *verdict;
    size_t i;

    json_array_foreach(verdicts, i, verdict)
    {
        if (json_is_true(json_object_get(verdict, "accepted")))
            return true;
    }
    return false;
}

static void print_export(const struct cert_place *place)
{
    char *file = shell_word(place->cert);
    char *command =
        memory_format("wlbproxy cert export-for-pool --cert %s " POOL_FOLDER, file);

    print_wrapped(stdout, "",
        "next, so that XenServer trusts it: write the files that the pool takes");
    print_command(stdout, "  ", command);
    free(command);
    free(file);
}

static bool is_told_before(const json_t *verdicts, size_t until, const char *file)
{
    for (size_t i = 0; i < until; i++) {
        const json_t *verdict = json_array_get(verdicts, i);

        if (json_is_true(json_object_get(verdict, "accepted")) &&
            strcmp(json_text(verdict, "file_name"), file) == 0)
            return true;
    }
    return false;
}

/* Prints the commands for the files that some generation needs. */
static void print_copies(const json_t *verdicts)
{
    const json_t *verdict;
    bool begun = false;
    size_t i;

    json_array_foreach(verdicts, i, verdict)
    {
        const char *file = json_text(verdict, "file_name");
        char command[512];

        if (*file == '\0' || !json_is_true(json_object_get(verdict, "accepted")) ||
            is_told_before(verdicts, i, file))
            continue;
        if (!begun)
            print_wrapped(
                stdout, "", "copy them to the coordinator of the pool (COORDINATOR)");
        begun = true;
        snprintf(
            command, sizeof(command), "scp " POOL_FOLDER "/%s root@COORDINATOR:", file);
        print_command(stdout, "  ", command);
    }
}

static void print_generation(void)
{
    print_wrapped(stdout, "", "find out which generation the pool is, there");
    print_command(stdout, "  ", "xe host-list params=software-version");
    print_wrapped(stdout, "  ",
        "(product_version 8.2: Citrix Hypervisor 8.2; any other goes by xapi_build: up "
        "to 24.39, or 24.40 and later)");
}

static void print_next(const struct cert_place *place, const json_t *verdicts)
{
    putchar('\n');
    print_export(place);
    print_copies(verdicts);
    print_generation();
    if (!verdicts_print_commands(verdicts))
        print_wrapped(stdout, "",
            "the root is not in the file: get it from the CA, and install it in the pool "
            "under a name of its own, in the same way");
}

void cert_next_tell(struct cert_say *say, const struct cert_place *place,
    const struct credential *credential)
{
    json_t *verdicts;

    if (place->service == NULL || place->service->sni.count > 0)
        return;
    verdicts = ask_xenserver(place, credential);
    if (!say->json && any_is_accepted(verdicts))
        print_next(place, verdicts);
    json_object_set_new(say->answer, "pool", verdicts);
}
