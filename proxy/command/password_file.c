#include "proxy/command/password_file.h"

#include <string.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/secret_file.h"
#include "certstore/secrets.h"
#include "config/error.h"

bool password_read(const char *path, char **password, struct error *err)
{
    struct secret_file file = {0};
    struct findings findings;
    size_t len = 0;

    *password = NULL;
    if (path == NULL)
        return true;
    findings_init(&findings);
    if (!secret_file_read(&file, path, &findings)) {
        error_set(err, "%s: %s", path, findings.items[0].fact);
        findings_destroy(&findings);
        return false;
    }
    while (len < file.len && strchr("\r\n", file.text[len]) == NULL)
        len++;
    *password = secrets_alloc(len + 1);
    memcpy(*password, file.text, len);
    (*password)[len] = '\0';
    secret_file_destroy(&file);
    findings_destroy(&findings);
    return true;
}

void password_free(char *password)
{
    if (password != NULL)
        secrets_free(password, strlen(password) + 1);
}
