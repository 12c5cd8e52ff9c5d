#include <sys/stat.h>

#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "config/remedy.h"

void judge_modes(const char *key_file, const struct stat *key, struct findings *findings)
{
    const unsigned mode = key->st_mode & 07777;

    if ((mode & (S_IRWXO | S_IWGRP)) != 0)
        findings_add(findings, "key-readable", SEVERITY_WARNING, key_file,
            "whoever has the key can pose as this server",
            COMMAND("chmod 600 FILE") "; if it was so for long, make a new key",
            "the private key is open to %s (mode %04o)",
            (mode & S_IRWXO) != 0 ? "every user of this machine" : "its whole group",
            mode);
    else if ((mode & S_IRWXG) != 0)
        findings_add(findings, "key-readable", SEVERITY_WARNING, key_file,
            "whoever has the key can pose as this server",
            "unless another service reads it by its group: " COMMAND("chmod 600 FILE"),
            "the private key is open to group %ld (mode %04o)", (long)key->st_gid, mode);
}

/* Group ssl-cert on Debian owns /etc/ssl/private; sticky folders protect the files. */
void judge_folder(const char *folder, const struct stat *state, struct findings *findings)
{
    if ((state->st_mode & S_IWOTH) != 0 && (state->st_mode & S_ISVTX) == 0)
        findings_add(findings, "folder-writable", SEVERITY_WARNING, folder,
            "any user of this machine can put another key in its place",
            COMMAND("chmod o-w FILE"),
            "every user may write in the folder of the key (mode %04o)",
            (unsigned)state->st_mode & 07777);
}
