/* Two files replaced as one: every state that an interruption can leave, and its end.
 * (tests/e2e/test_cert_interrupted.py kills the real command at each call.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "certstore/install/pair_switch.h"
#include "proxy/base/error.h"

static char folder[64], cert[96], key[96], store[96];

static void write_text(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static const char *in_store(const char *name)
{
    static char path[160];

    snprintf(path, sizeof(path), "%s/%s", store, name);
    return path;
}

static void make_copy(const char *name, const char *chain, const char *secret)
{
    char path[200];

    assert_int_equal(mkdir(in_store(name), 0711), 0);
    snprintf(path, sizeof(path), "%s/server.pem", in_store(name));
    write_text(path, chain);
    snprintf(path, sizeof(path), "%s/server.key", in_store(name));
    write_text(path, secret);
}

static void point_at(const char *target)
{
    (void)unlink(in_store("current"));
    assert_int_equal(symlink(target, in_store("current")), 0);
}

static void hang(const char *path, const char *text)
{
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(text, path), 0);
}

static int begin(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_pair_file.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(cert, sizeof(cert), "%s/server.pem", folder);
    snprintf(key, sizeof(key), "%s/server.key", folder);
    snprintf(store, sizeof(store), "%s/server.key_history", folder);
    write_text(cert, "old chain");
    write_text(key, "old key");
    assert_int_equal(mkdir(store, 0711), 0);
    return 0;
}

static int end(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static void holds(const struct pair_file *pair, const char *which)
{
    struct pair_text text;
    struct error err;
    char chain[32], secret[32];

    snprintf(chain, sizeof(chain), "%s chain", which);
    snprintf(secret, sizeof(secret), "%s key", which);
    assert_true(pair_file_read(pair, &text, &err));
    assert_int_equal(text.len[PAIR_CERT], strlen(chain));
    assert_memory_equal(text.text[PAIR_CERT], chain, strlen(chain));
    assert_memory_equal(text.text[PAIR_KEY], secret, strlen(secret));
    pair_text_destroy(&text);
}

static bool is_link(const char *path)
{
    struct stat state;

    return lstat(path, &state) == 0 && S_ISLNK(state.st_mode);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Reads as `which` before and after it is settled; rollback finds `previous`. */
static void settles_to(const char *which, const char *previous)
{
    struct pair_file pair;
    struct pair_text text;
    struct error err;
    bool was_interrupted;
    char name[PAIR_NAME_MAX];

    assert_true(pair_file_init(&pair, cert, key, &err));
    holds(&pair, which);
    assert_true(pair_file_open(&pair, &was_interrupted, &err));
    holds(&pair, which);
    assert_false(is_link(cert) || is_link(key) || is_link(in_store("current")));
    assert_false(exists(in_store("next")) || exists(in_store("old")));
    assert_true(pair_file_previous(&pair, name, &text, &err));
    assert_int_equal(*name != '\0', previous != NULL);
    if (previous != NULL)
        assert_memory_equal(text.text[PAIR_CERT], previous, strlen(previous));
    pair_text_destroy(&text);
    pair_file_destroy(&pair);
}

static void nothing_to_settle(void **state)
{
    (void)state;
    settles_to("old", NULL);
}

static void interrupted_before_the_links(void **state)
{
    (void)state;
    make_copy("next", "new chain", "new key");
    make_copy("old", "old chain", "old key");
    point_at("old");
    settles_to("old", NULL);
}

static void interrupted_between_the_links(void **state)
{
    (void)state;
    make_copy("next", "new chain", "new key");
    make_copy("old", "old chain", "old key");
    point_at("old");
    hang(cert, "server.key_history/current/server.pem");
    settles_to("old", NULL);
}

static void interrupted_after_the_links(void **state)
{
    (void)state;
    make_copy("next", "new chain", "new key");
    make_copy("old", "old chain", "old key");
    point_at("old");
    hang(cert, "server.key_history/current/server.pem");
    hang(key, "server.key_history/current/server.key");
    settles_to("old", NULL);
}

static void interrupted_after_the_moment(void **state)
{
    (void)state;
    make_copy("next", "new chain", "new key");
    make_copy("old", "old chain", "old key");
    point_at("next");
    hang(cert, "server.key_history/current/server.pem");
    hang(key, "server.key_history/current/server.key");
    settles_to("new", "old chain");
}

static void interrupted_while_settling(void **state)
{
    (void)state;
    make_copy("next", "new chain", "new key");
    make_copy("old", "old chain", "old key");
    point_at("next");
    write_text(cert, "new chain");
    hang(key, "server.key_history/current/server.key");
    settles_to("new", "old chain");
}

static void a_torn_copy_is_thrown_away(void **state)
{
    (void)state;
    make_copy("unfinished", "new ch", "");
    settles_to("old", NULL);
    assert_false(exists(in_store("unfinished")));
}

static void replace(struct pair_file *pair, const char *which, enum pair_keep keep)
{
    char chain[32], secret[32];
    struct pair_text text = {.text = {chain, secret}};
    struct error err;

    snprintf(chain, sizeof(chain), "%s chain", which);
    snprintf(secret, sizeof(secret), "%s key", which);
    text.len[PAIR_CERT] = strlen(chain);
    text.len[PAIR_KEY] = strlen(secret);
    if (!pair_file_replace(pair, &text, keep, &err))
        fail_msg("%s", err.text);
}

static void the_history_is_a_stack(void **state)
{
    struct pair_file pair;
    struct pair_text text;
    struct error err;
    struct stat kept;
    bool was_interrupted;
    char name[PAIR_NAME_MAX];

    (void)state;
    assert_true(pair_file_init(&pair, cert, key, &err));
    assert_true(pair_file_open(&pair, &was_interrupted, &err));
    replace(&pair, "second", PAIR_KEEP_OLD);
    replace(&pair, "third", PAIR_KEEP_OLD);
    holds(&pair, "third");
    replace(&pair, "second", PAIR_KEEP_UNDONE);
    holds(&pair, "second");
    assert_true(exists(in_store("undone/server.pem")));
    assert_true(pair_file_previous(&pair, name, &text, &err));
    assert_memory_equal(text.text[PAIR_KEY], "old key", 7);
    assert_int_equal(stat(in_store(name), &kept), 0);
    assert_int_equal(kept.st_mode & 0777, 0711);
    pair_text_destroy(&text);
    pair_file_destroy(&pair);
}

static void the_same_pair_again_leaves_no_trace(void **state)
{
    struct pair_file pair;
    struct pair_text text;
    struct error err;
    bool was_interrupted;
    char name[PAIR_NAME_MAX];

    (void)state;
    assert_true(pair_file_init(&pair, cert, key, &err));
    assert_true(pair_file_open(&pair, &was_interrupted, &err));
    replace(&pair, "old", PAIR_KEEP_OLD);
    assert_true(pair_file_previous(&pair, name, &text, &err));
    assert_string_equal(name, "");
    pair_file_destroy(&pair);
}

/* A path is followed with its links, and without. */
static void the_way_to_a_file_is_walked(void **state)
{
    char link[160], long_name[400], path[600], *name;
    struct folder found;
    struct error err;

    (void)state;
    snprintf(link, sizeof(link), "%s/a link", folder);
    assert_int_equal(symlink("server.pem", link), 0);
    assert_true(folder_of_file(&found, link, NULL, &name, &err));
    assert_string_equal(name, "server.pem");
    assert_string_equal(found.path, folder);
    free(name);
    folder_close(&found);

    snprintf(path, sizeof(path), "%s/./server.key_history/../server.key", folder);
    assert_true(folder_of_file(&found, path, NULL, &name, &err));
    assert_string_equal(found.path, folder);
    free(name);
    folder_close(&found);

    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("a link", link), 0);
    assert_false(folder_of_file(&found, link, NULL, &name, &err));
    assert_non_null(strstr(err.text, "too many"));
    folder_close(&found);

    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    snprintf(path, sizeof(path), "%s/%s/server.pem", folder, long_name);
    assert_false(folder_of_file(&found, path, NULL, &name, &err));
    assert_non_null(strstr(err.text, "too long"));
    folder_close(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_way_to_a_file_is_walked, begin, end),
        cmocka_unit_test_setup_teardown(nothing_to_settle, begin, end),
        cmocka_unit_test_setup_teardown(interrupted_before_the_links, begin, end),
        cmocka_unit_test_setup_teardown(interrupted_between_the_links, begin, end),
        cmocka_unit_test_setup_teardown(interrupted_after_the_links, begin, end),
        cmocka_unit_test_setup_teardown(interrupted_after_the_moment, begin, end),
        cmocka_unit_test_setup_teardown(interrupted_while_settling, begin, end),
        cmocka_unit_test_setup_teardown(a_torn_copy_is_thrown_away, begin, end),
        cmocka_unit_test_setup_teardown(the_history_is_a_stack, begin, end),
        cmocka_unit_test_setup_teardown(the_same_pair_again_leaves_no_trace, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
