#include "bench/origin/echo.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

struct echo {
    FILE *out;
    char *text;
    size_t len;
    EVP_MD_CTX *digest;
    uint64_t body_len;
    const char *comma;
};

static void print_string(FILE *out, struct slice slice)
{
    fputc('"', out);
    for (size_t i = 0; i < slice.len; i++) {
        unsigned char c = (unsigned char)slice.text[i];

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void print_field(void *owner, struct slice name, struct slice value)
{
    struct echo *echo = owner;

    fprintf(echo->out, "%s[", echo->comma);
    print_string(echo->out, name);
    fputc(',', echo->out);
    print_string(echo->out, value);
    fputc(']', echo->out);
    echo->comma = ",";
}

struct echo *echo_new(const struct request *request)
{
    struct echo *echo = calloc(1, sizeof(*echo));

    if (echo == NULL)
        abort();
    echo->out = open_memstream(&echo->text, &echo->len);
    echo->digest = EVP_MD_CTX_new();
    if (echo->out == NULL || !EVP_DigestInit_ex(echo->digest, EVP_sha256(), NULL))
        abort();
    echo->comma = "";
    fputs("{\"method\":", echo->out);
    print_string(echo->out, request->method);
    fputs(",\"target\":", echo->out);
    print_string(echo->out, request->target);
    fputs(",\"fields\":[", echo->out);
    request_each_field(&request->head, print_field, echo);
    return echo;
}

void echo_body(struct echo *echo, struct slice content)
{
    echo->body_len += content.len;
    if (!EVP_DigestUpdate(echo->digest, content.text, content.len))
        abort();
}

char *echo_finish(struct echo *echo)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    char *text;

    if (!EVP_DigestFinal_ex(echo->digest, sum, &len))
        abort();
    fprintf(echo->out, "],\"body_length\":%llu,\"body_sha256\":\"",
        (unsigned long long)echo->body_len);
    for (unsigned i = 0; i < len; i++)
        fprintf(echo->out, "%02x", sum[i]);
    fputs("\"}\n", echo->out);
    fclose(echo->out); /* sets the text, and may move it */
    text = echo->text;
    EVP_MD_CTX_free(echo->digest);
    free(echo);
    return text;
}

void echo_free(struct echo *echo)
{
    if (echo != NULL)
        free(echo_finish(echo));
}
