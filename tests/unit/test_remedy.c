/* Names in commands: the shell reads any bytes as that one word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/remedy.h"

static void a_name_is_quoted_where_it_must_be(void **state)
{
    static const struct {
        const char *name, *word;
    } rows[] = {
        {"/etc/ssl/certs/server.pem", "/etc/ssl/certs/server.pem"},
        {"a b", "'a b'"},
        {"$(reboot).cer", "'$(reboot).cer'"},
        {"it's", "'it'\\''s'"},
        {"-rf", "./-rf"},
        {"- x", "./'- x'"},
        {"", "''"},
        {"~", "'~'"},
        {"*", "'*'"},
        {"a\nb%\\'", "\"$(printf 'a\\012b\\045\\134\\047')\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *word = shell_word(rows[i].name);

        assert_string_equal(word, rows[i].word);
        free(word);
    }
}

static void the_shell_reads_any_name_as_one_word(void **state)
{
    unsigned seed = 7;

    (void)state;
    for (int i = 0; i < 40; i++) {
        char name[24], command[512], *word, got[64];
        size_t len = 0;
        FILE *shell;

        for (size_t k = 0; k < 20; k++) {
            seed = seed * 1103515245U + 12345U;
            name[k] = (char)(seed >> 16 & 0x7f);
            name[k] = name[k] == '\0' || name[k] == '\n' ? '\'' : name[k];
        }
        name[20] = '\0';
        word = shell_word(name);
        snprintf(command, sizeof(command), "printf '%%s' %s", word);
        shell = popen(command, "r");
        assert_non_null(shell);
        len = fread(got, 1, sizeof(got) - 1, shell);
        got[len] = '\0';
        assert_int_equal(pclose(shell), 0);
        assert_string_equal(got + (strncmp(got, "./-", 3) == 0 ? 2 : 0), name);
        free(word);
    }
}

static void the_word_file_is_the_name(void **state)
{
    static const char text[] =
        "see FILE, with PASSWORD_FILE: " COMMAND("cat FILE > FILE.pem") " and FILES";
    char *named, *plain, *command;
    const char *rest;

    (void)state;
    named = remedy_name_file(text, "a FILE");
    plain = remedy_plain(named);
    assert_string_equal(
        plain, "see a FILE, with PASSWORD_FILE: cat 'a FILE' > 'a FILE'.pem and FILES");
    rest = named;
    command = remedy_command(&rest);
    assert_string_equal(command, "cat 'a FILE' > 'a FILE'.pem");
    free(command);
    assert_null(remedy_command(&rest));
    free(plain);
    free(named);
    assert_null(remedy_name_file(NULL, "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_quoted_where_it_must_be),
        cmocka_unit_test(the_shell_reads_any_name_as_one_word),
        cmocka_unit_test(the_word_file_is_the_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
