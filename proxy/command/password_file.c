#include "proxy/command/password_file.h"

#include <string.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/read/secret_file.h"
#include "certstore/secrets.h"
#include "config/error.h"

/* Editors of Windows begin a file with it; nobody a password. */
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

    *password = NULL;
    if (path == NULL)
        return true;
    findings_init(&findings);
    if (!secret_file_read(&file, path, &findings)) {
        error_set(err, "%s: %s", path, findings.items[0].fact);
        findings_destroy(&findings);
        return false;
    }
    *password = take_password(&file);
    secret_file_destroy(&file);
    findings_destroy(&findings);
    return true;
}

void password_free(char *password)
{
    if (password != NULL)
        secrets_free(password, strlen(password) + 1);
}
