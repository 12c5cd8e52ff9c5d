#include <stdlib.h>
#include <sys/stat.h>

#include "certstore/credential_parts.h"
#include "certstore/judge/judge.h"
#include "config/path.h"

static void judge_one(const char *folder, struct findings *findings)
{
    struct stat state;

    if (stat(folder, &state) == 0)
        judge_folder(folder, &state, findings);
}

void judge_place(
    const char *key_file, const struct stat *state, struct findings *findings)
{
    char *real = realpath(key_file, NULL);
    char *folder = folder_of_path(key_file);
    char *real_folder = folder_of_path(real != NULL ? real : key_file);

    judge_modes(key_file, state, findings);
    judge_one(folder, findings);
    if (!is_same_path(folder, real_folder))
        judge_one(real_folder, findings);
    free(real_folder);
    free(folder);
    free(real);
}
