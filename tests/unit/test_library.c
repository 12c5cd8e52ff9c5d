/* Libraries found at run time: one that must not be trusted is reported. */
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

#include "proxy/base/error.h"
#include "proxy/crypto/library.h"

static char folder[] = "/tmp/test_library.XXXXXX";
static char path[sizeof(folder) + sizeof("/libmine.so.1")];

static const char *const names[] = {"libmine.so.1", NULL};

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/%s", folder, names[0]);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void put_file(mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs("no library\n", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_refused(const char *expected)
{
    const char *const folders[] = {folder, NULL};
    struct error err = {0};

    assert_null(library_open(folders, names, &err));
    assert_non_null(strstr(err.text, expected));
}

static void one_that_is_not_there_is_named(void **state)
{
    (void)state;
    assert_refused("no libmine.so.1 in /tmp/test_library.");
}

static void one_that_others_may_write_is_not_loaded(void **state)
{
    (void)state;
    put_file(0666);
    assert_refused("libmine.so.1 is not loaded: others than root may write it");
    assert_refused("mode 0666");
}

static void one_that_cannot_be_loaded_says_why(void **state)
{
    (void)state;
    put_file(0644);
    assert_refused(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_not_there_is_named),
        cmocka_unit_test_teardown(one_that_others_may_write_is_not_loaded, remove_file),
        cmocka_unit_test_teardown(one_that_cannot_be_loaded_says_why, remove_file),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
