/* certstore/install/ticket_file: three generations of ticket keys in a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "certstore/install/ticket_file.h"
#include "proxy/base/error.h"

static char folder[] = "/tmp/ticket_file.XXXXXX";
static char path[64], other[64];
static struct ticket_file file;
static struct error err;

static int set_up(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(other);
    return 0;
}

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/keys", folder);
    snprintf(other, sizeof(other), "%s/other", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)set_up(state);
    return rmdir(folder);
}

static bool rotate(void)
{
    bool made;

    if (!ticket_file_rotate(path, &file, &made, &err))
        fail_msg("%s", err.text);
    return made;
}

static size_t read_text(char *text, size_t size)
{
    FILE *from = fopen(path, "r");
    size_t len;

    assert_non_null(from);
    len = fread(text, 1, size - 1, from);
    fclose(from);
    text[len] = '\0';
    return len;
}

static void write_text(const char *text)
{
    FILE *to = fopen(path, "w");

    assert_non_null(to);
    assert_int_equal(fputs(text, to) >= 0, 1);
    fclose(to);
    assert_int_equal(chmod(path, 0600), 0);
}

static void assert_refused(const char *why)
{
    static const struct ticket_file nothing;

    assert_false(ticket_file_read(path, &file, &err));
    assert_memory_equal(&file, &nothing, sizeof(file));
    if (strncmp(err.text, path, strlen(path)) != 0 || strstr(err.text, why) == NULL)
        fail_msg("'%s' is not in: %s", why, err.text);
}

static void each_generation_becomes_the_one_behind_it(void **state)
{
    struct ticket_file first, second;

    (void)state;
    assert_true(rotate());
    assert_false(file.has_previous);
    first = file;
    assert_false(rotate());
    second = file;
    assert_memory_equal(
        &second.keys[TICKET_CURRENT], &first.keys[TICKET_NEXT], sizeof(first.keys[0]));
    assert_memory_equal(&second.keys[TICKET_PREVIOUS], &first.keys[TICKET_CURRENT],
        sizeof(first.keys[0]));
    assert_memory_not_equal(
        &second.keys[TICKET_NEXT], &first.keys[TICKET_NEXT], sizeof(first.keys[0]));
    assert_true(ticket_file_read(path, &file, &err));
    assert_memory_equal(&file, &second, sizeof(file));
}

static void a_new_file_is_its_owners_alone_and_keeps_its_mode(void **state)
{
    struct stat now;

    (void)state;
    rotate();
    assert_int_equal(stat(path, &now), 0);
    assert_int_equal(now.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0640), 0);
    rotate();
    assert_int_equal(stat(path, &now), 0);
    assert_int_equal(now.st_mode & 0777, 0640);
}

static void what_others_may_read_or_replace_is_refused(void **state)
{
    static const mode_t modes[] = {0604, 0602, 0620, 0644, 0666};
    bool made;

    (void)state;
    rotate();
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_refused("opens the keys to others; chmod 600 ");
        assert_false(ticket_file_rotate(path, &file, &made, &err));
    }
}

static void what_somebody_else_owns_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    rotate();
    assert_int_equal(chown(path, 4242, 4242), 0);
    assert_refused("it belongs to user 4242");
}

static void a_link_is_not_followed_and_no_other_file_is_waited_for(void **state)
{
    (void)state;
    rotate();
    assert_int_equal(rename(path, other), 0);
    assert_refused("there is no such file; make it with: wlbproxy tickets rotate --file");
    assert_int_equal(symlink(other, path), 0);
    assert_refused("symbolic link");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused("FIFO");
}

static void a_broken_line_is_told_by_its_number_and_never_shown(void **state)
{
    char text[2048], broken[2048], *at;
    static const char *const lines[] = {"rotated ", "next ", "current ", "previous "};
    static const char *const numbers[] = {"line 3: ", "line 4: ", "line 5: ", "line 6: "};

    (void)state;
    rotate();
    rotate();
    (void)read_text(text, sizeof(text));
    for (size_t i = 0; i < 4; i++) {
        strcpy(broken, text);
        at = strstr(broken, lines[i]) + strlen(lines[i]) + 10;
        *at = 'x';
        write_text(broken);
        assert_refused(numbers[i]);
        assert_null(strstr(err.text, "xx"));
        at[1] = '\0'; /* and everything behind it is missing */
        write_text(broken);
        assert_refused(numbers[i]);
        strcpy(broken, text);
        *strstr(broken, lines[i]) = 'z';
        write_text(broken);
        assert_refused("it begins with none of");
    }
}

static void every_cut_is_refused_but_that_of_the_last_line(void **state)
{
    char text[2048];
    size_t len, whole;

    (void)state;
    rotate();
    rotate();
    len = read_text(text, sizeof(text));
    whole = (size_t)(strstr(text, "previous ") - text);
    for (size_t i = 0; i + 1 < len; i++) {
        char cut[2048];

        memcpy(cut, text, i);
        cut[i] = '\0';
        write_text(cut);
        if (i == whole || i == whole - 1) {
            assert_true(ticket_file_read(path, &file, &err));
            assert_false(file.has_previous);
        } else {
            assert_refused("");
        }
    }
}

static void twice_the_same_is_refused(void **state)
{
    char text[2048], again[4096], *key;

    (void)state;
    rotate();
    (void)read_text(text, sizeof(text));
    key = strstr(text, "next ");
    snprintf(again, sizeof(again), "%s%s", text, key);
    write_text(again);
    assert_refused("line 6: 'next' stands there twice");
    snprintf(again, sizeof(again), "%s%s", text, "rotated 2026-01-01T00:00:00Z\n");
    write_text(again);
    assert_refused("line 6: 'rotated' stands there twice");
    snprintf(again, sizeof(again),
        "rotated 2026-01-01T00:00:00Z\nnext %.224s\ncurrent %.224s", key + 5, key + 5);
    write_text(again);
    assert_refused("two of its keys are the same");
    memcpy(strstr(text, "rotated "), "rotated 2999", 12);
    write_text(text);
    assert_refused("in the future");
}

static void keys_that_nobody_rotates_end_by_themselves(void **state)
{
    struct ticket_keys keys = {.lifetime = 100};
    uint64_t at;

    (void)state;
    rotate();
    rotate();
    at = file.rotated;
    ticket_file_keys(&file, 1000, &keys);
    assert_int_equal(keys.count, 3);
    assert_memory_equal(keys.keys[0].aes, file.keys[TICKET_CURRENT].aes, 32);
    assert_memory_equal(keys.keys[1].aes, file.keys[TICKET_NEXT].aes, 32);
    assert_memory_equal(keys.keys[2].aes, file.keys[TICKET_PREVIOUS].aes, 32);
    assert_ptr_equal(ticket_key_to_seal(&keys, at + 1099), &keys.keys[0]);
    assert_null(ticket_key_to_seal(&keys, at + 1100));
    assert_true(ticket_key_opens(&keys.keys[1], at + 2099));
    assert_false(ticket_key_opens(&keys.keys[1], at + 2100));
    assert_true(ticket_key_opens(&keys.keys[2], at + 99));
    assert_false(ticket_key_opens(&keys.keys[2], at + 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_generation_becomes_the_one_behind_it, set_up),
        cmocka_unit_test_setup(a_new_file_is_its_owners_alone_and_keeps_its_mode, set_up),
        cmocka_unit_test_setup(what_others_may_read_or_replace_is_refused, set_up),
        cmocka_unit_test_setup(what_somebody_else_owns_is_refused, set_up),
        cmocka_unit_test_setup(
            a_link_is_not_followed_and_no_other_file_is_waited_for, set_up),
        cmocka_unit_test_setup(
            a_broken_line_is_told_by_its_number_and_never_shown, set_up),
        cmocka_unit_test_setup(every_cut_is_refused_but_that_of_the_last_line, set_up),
        cmocka_unit_test_setup(twice_the_same_is_refused, set_up),
        cmocka_unit_test_setup(keys_that_nobody_rotates_end_by_themselves, set_up),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
