#include "certstore/read/password_file.h"

#include <string.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/read/collect.h"
#include "certstore/read/pem_text.h"
#include "certstore/read/private_key.h"
#include "certstore/read/secret_file.h"
#include "certstore/secrets.h"
#include "config/remedy.h"
#include "proxy/base/error.h"

/* Editors on Windows begin a file with it; nobody begins a password with it. */
static size_t byte_order_mark(const struct secret_file *file)
{
    return file->len >= 3 && memcmp(file->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* The first line. */
static char *take_password(const struct secret_file *file)
{
    size_t from = byte_order_mark(file), end = from;
    char *password;

    while (end < file->len && strchr("\r\n", file->text[end]) == NULL)
        end++;
    password = secrets_alloc(end - from + 1);
    if (end > from)
        memcpy(password, file->text + from, end - from);
    password[end - from] = '\0';
    return password;
}

bool password_read(const char *path, char **password, struct error *err)
{
    struct secret_file file = {0};
    struct findings findings;
    bool good = true;

    *password = NULL;
    if (path == NULL)
        return true;
    findings_init(&findings);
    if (secret_file_read(&file, path, &findings)) {
        *password = take_password(&file);
        secret_file_destroy(&file);
    } else {
        good = error_set(err, "%s: %s", path, findings.items[0].fact);
    }
    findings_destroy(&findings);
    return good;
}

bool password_load(const char *path, char **password, struct findings *findings)
{
    struct secret_file file = {0};
    bool good;

    *password = NULL;
    if (path == NULL || *path == '\0')
        return true;
    if (!secret_file_read(&file, path, findings))
        return false;
    good = (file.state.st_mode & (S_IRWXO | S_IWGRP)) == 0;
    if (good)
        *password = take_password(&file);
    else
        findings_add(findings, "password-readable", SEVERITY_REFUSED, path,
            "whoever has the password and the key can pose as this server",
            COMMAND("chmod 600 FILE"),
            "the password of the private key is open to others (mode %04o)",
            (unsigned)file.state.st_mode & 07777);
    secret_file_destroy(&file);
    return good;
}

void password_free(char *password)
{
    if (password != NULL)
        secrets_free(password, strlen(password) + 1);
}

static bool has_encrypted_key(const char *text, size_t len)
{
    struct pem pem;
    bool found = false;

    pem_parse(&pem, text, len);
    for (size_t i = 0; i < pem.count && !found; i++)
        found = pem_is_private_key(&pem.blocks[i]) &&
            private_key_is_encrypted(&pem.blocks[i]);
    pem_destroy(&pem);
    return found;
}

bool password_unlock(const char *file, const char *text, size_t len, const char *password,
    struct pem_text *unlocked)
{
    const struct pem_text original = {(char *)text, len};
    const struct collected *one;
    struct collection collection;
    struct findings told;
    bool found = false;

    *unlocked = (struct pem_text){0};
    if (password == NULL || !has_encrypted_key(text, len))
        return false;
    findings_init(&told);
    collection_init(&collection);
    (void)collect_text(&collection, file, text, len, password, &told);
    pem_text_append(unlocked, &original);
    pem_text_append(unlocked, &(struct pem_text){(char *)"\n", 1});
    for (size_t i = 0; (one = collection_get(&collection, COLLECTED_KEY, i)) != NULL; i++)
        found = pem_text_add_key(unlocked, one->key) || found;
    if (!found)
        pem_text_destroy(unlocked);
    collection_destroy(&collection);
    findings_destroy(&told);
    return found;
}
