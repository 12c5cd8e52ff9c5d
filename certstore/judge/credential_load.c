#include "certstore/judge/credential_load.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/read/password_file.h"
#include "certstore/read/pem_text.h"
#include "certstore/read/secret_file.h"
#include "config/path.h"
#include "config/remedy.h"
#include "proxy/base/error.h"

enum { PAIR_ATTEMPTS = 5, PAIR_PAUSE_MS = 20 };

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

static struct credential *judge_files(const char *cert_path,
    const struct secret_file *cert, const char *key_path, const struct secret_file *key,
    const char *password, bool send_root, time_t now, struct findings *findings)
{
    const struct secret_file *holds_key = key_path == NULL ? cert : key;
    struct pem_text unlocked;
    bool was_locked = password_unlock(key_path == NULL ? cert_path : key_path,
        holds_key->text, holds_key->len, password, &unlocked);
    const bool merged = was_locked && key_path == NULL;
    const struct judge_input input = {
        .cert_file = cert_path,
        .cert_text = merged ? unlocked.text : cert->text,
        .cert_len = merged ? unlocked.len : cert->len,
        .key_file = key_path,
        .key_text = was_locked && !merged ? unlocked.text : key->text,
        .key_len = was_locked && !merged ? unlocked.len : key->len,
        .password_given = password != NULL,
        .send_root = send_root,
        .now = now,
    };
    struct judged_pair pair;
    bool good;

    judge_place(key_path == NULL ? cert_path : key_path,
        key_path == NULL ? &cert->state : &key->state, findings);
    good = judge_pair(&input, &pair, findings);
    if (was_locked)
        pem_text_destroy(&unlocked);
    return good ? credential_of_pair(&pair) : NULL;
}

/* Reads both files as of one moment: after the key has been read, the certificate must
 * still be the same. */
static bool read_pair(const char *cert_path, struct secret_file *cert,
    const char *key_path, struct secret_file *key, struct findings *findings)
{
    const struct timespec pause = {0, PAIR_PAUSE_MS * 1000000L};

    for (int i = 0;; i++) {
        if (!secret_file_read(cert, cert_path, findings))
            return false;
        if (key_path == NULL)
            return true;
        if (!secret_file_read(key, key_path, findings))
            break;
        if (secret_file_is_current(cert, cert_path))
            return true;
        if (i == PAIR_ATTEMPTS) {
            findings_add(findings, "changing", SEVERITY_REFUSED, cert_path,
                "certificate and key must be of one moment",
                "wait until they have been replaced, then: " COMMAND("wlbproxy reload"),
                "it was replaced again and again while its key was read");
            break;
        }
        secret_file_destroy(key);
        secret_file_destroy(cert);
        (void)nanosleep(&pause, NULL);
    }
    secret_file_destroy(key);
    secret_file_destroy(cert);
    return false;
}

struct credential *credential_load(const char *cert_path, const char *key_path,
    const char *password_path, bool send_root, time_t now, struct findings *findings,
    struct error *err)
{
    struct secret_file cert = {0}, key = {0};
    const size_t before = findings->count;
    struct credential *credential = NULL;
    char *password = NULL;

    if (key_path != NULL && (*key_path == '\0' || strcmp(key_path, cert_path) == 0))
        key_path = NULL;
    if (password_load(password_path, &password, findings) &&
        read_pair(cert_path, &cert, key_path, &key, findings)) {
        credential = judge_files(
            cert_path, &cert, key_path, &key, password, send_root, now, findings);
        secret_file_destroy(&cert);
        secret_file_destroy(&key);
    }
    password_free(password);
    for (size_t i = before; credential == NULL && i < findings->count; i++) {
        if (findings->items[i].severity != SEVERITY_REFUSED)
            continue;
        finding_sentence(&findings->items[i], err->text, sizeof(err->text));
        break;
    }
    return credential;
}
