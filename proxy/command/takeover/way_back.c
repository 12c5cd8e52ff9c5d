#include "proxy/command/takeover/way_back.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/command/arguments.h"
#include "proxy/command/cert/remote.h"
#include "proxy/command/print.h"
#include "proxy/command/takeover/change.h"

static int tell_lost(const struct change *c, const struct error *err)
{
    char *text =
        memory_format("LOST     neither serves: %s. Start stunnel by hand:", err->text);

    print_wrapped(stderr, "", text);
    print_command(stderr, "  ", c->record.stunnel_start);
    free(text);
    return EXIT_FAILED;
}

int way_back_after(struct change *c, const char *why)
{
    struct error err;
    char *text = memory_format("FAILED   %s", why);

    print_wrapped(stderr, "", text);
    free(text);
    puts("back: stunnel runs again as before");
    if (!change_go_back(c, &err))
        return tell_lost(c, &err);
    print_wrapped(stdout, "BACK     ",
        "stunnel serves, the configuration is as it was, wlbproxy does not run");
    return EXIT_NEGATIVE;
}

/* Its configuration tells what ports it had. */
static bool look_back(struct change *c, struct error *err)
{
    return change_read(c, c->record.stunnel_config, err) ||
        error_context(err, "what stunnel served cannot be found out any more");
}

/* Undone by half: wlbproxy serves again. */
static int undo_failed(struct change *c, const struct error *why)
{
    char *text = memory_format("FAILED   %s; wlbproxy takes the place again", why->text);
    char *enable = way_enable(c->way);
    struct error err;
    bool good;

    print_wrapped(stderr, "", text);
    free(text);
    good = change_start_proxy(c, &err) && change_run(enable, &err);
    free(enable);
    if (!good)
        return tell_lost(c, &err);
    c->record.state = TAKEOVER_DONE;
    (void)takeover_record_write(c->record_path, &c->record, &err);
    print_wrapped(stdout, "KEPT     ", "wlbproxy serves as before");
    return EXIT_FAILED;
}

static int undo(struct change *c)
{
    struct error err;

    (void)look_before(
        &c->look, &err); /* a backend that is dead is no fault of stunnel's */
    change_hold_signals();
    c->record.state = TAKEOVER_UNDOING;
    if (!takeover_record_write(c->record_path, &c->record, &err)) {
        print_failure("migrate --undo", false, err.text);
        return EXIT_FAILED;
    }
    if (!change_go_back(c, &err))
        return undo_failed(c, &err);
    print_wrapped(stdout, "UNDONE   ",
        "stunnel serves, the configuration is as it was, wlbproxy does not run");
    return EXIT_DONE;
}

static void show_line(const char *line)
{
    if (line != NULL)
        print_command(stdout, "     ", line);
}

static void print_undo(const struct change *c)
{
    char *text = memory_format(
        "wlbproxy has stunnel's place since %s. Going back:", c->record.when);
    char *disable = way_disable(c->way);

    print_wrapped(stdout, "", text);
    puts("1. stop wlbproxy");
    show_line(disable);
    puts("2. start stunnel, and look at every service as XenServer does; if it does not\n"
         "   serve, wlbproxy takes the place again");
    show_line(c->record.stunnel_start);
    if (c->record.kept != NULL)
        puts("3. put wlbproxy's former configuration back");
    free(disable);
    free(text);
}

int way_back_undo(struct change *c, bool yes, bool dry_run)
{
    struct error err;

    if (!look_back(c, &err)) {
        print_failure("migrate --undo", false, err.text);
        return EXIT_FAILED;
    }
    print_undo(c);
    if (dry_run) {
        puts("DRY RUN: nothing was changed");
        return EXIT_DONE;
    }
    if (!remote_agreed(yes, "go back?", &err)) {
        print_failure("migrate --undo", false, err.text);
        return EXIT_NEGATIVE;
    }
    return undo(c);
}

/* A call that was interrupted is undone first. */
int way_back_recover(struct change *c, const char *step_name, bool yes, bool dry_run)
{
    char *text = memory_format("an earlier call, begun %s, was interrupted at the step "
                               "'%s': first everything goes back",
        c->record.when, step_name);
    struct error err;

    print_wrapped(stdout, "", text);
    free(text);
    if (dry_run) {
        puts("DRY RUN: nothing was changed");
        return EXIT_DONE;
    }
    if (!look_back(c, &err) || !remote_agreed(yes, "go back?", &err)) {
        print_failure("migrate --takeover", false, err.text);
        return EXIT_NEGATIVE;
    }
    change_hold_signals();
    if (!change_go_back(c, &err))
        return tell_lost(c, &err);
    print_wrapped(stdout, "BACK     ",
        "stunnel serves, the configuration is as it was, wlbproxy does not run; call it "
        "again for the takeover");
    return EXIT_NEGATIVE;
}
