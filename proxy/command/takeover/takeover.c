#include "proxy/command/takeover/takeover.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certstore/install/folder.h"
#include "config/remedy.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/command/arguments.h"
#include "proxy/command/cert/remote.h"
#include "proxy/command/daemon.h"
#include "proxy/command/print.h"
#include "proxy/command/takeover/change.h"
#include "proxy/command/takeover/shell.h"
#include "proxy/command/takeover/stunnel.h"
#include "proxy/command/takeover/way_back.h"

enum { STOP_MS = 15 * 1000, FREE_MS = 5 * 1000 };

enum step {
    STEP_RECORD = 1,
    STEP_CONFIGURE,
    STEP_STOP,
    STEP_START,
    STEP_BOOT,
};

static const char *const step_names[] = {
    "", "record", "configure", "stop stunnel", "start wlbproxy", "the next boot"};

struct work {
    const struct takeover_flags *flags;
    char *config; /* wlbproxy's, an absolute path */
    struct change change;
    struct stunnel stunnel;
    char *start, *enable, *disable_stunnel; /* lines for a shell */
};

/* ---- what is there ---- */

/* In the background nobody reads standard error: it logs where stunnel did. */
static char *log_to_syslog(char *text, const struct settings *settings)
{
    char *longer;

    if (strcmp(settings->log, "stderr") != 0 || strstr(text, "\nlog = ") != NULL)
        return text;
    longer = memory_format("log = syslog\n%s", text);
    free(text);
    return longer;
}

static char *absolute(const char *path)
{
    char real[PATH_MAX], folder[PATH_MAX];

    if (realpath(path, real) != NULL)
        return memory_text(real);
    if (*path == '/' || getcwd(folder, sizeof(folder)) == NULL)
        return memory_text(path);
    return memory_format("%s/%s", folder, path);
}

static bool proxy_is_absent(const char *config, struct error *err)
{
    struct daemon daemon;
    bool absent;

    if (!daemon_find(&daemon, config, NULL, err))
        return true; /* it has no socket to ask on; the ports will tell */
    absent = daemon_is_absent(&daemon);
    if (!absent)
        error_set(err, "wlbproxy runs already: %s answers", daemon.socket_path);
    daemon_forget(&daemon);
    return absent;
}

static char *date_now(void)
{
    char date[32];
    time_t now = time(NULL);
    struct tm tm;

    (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    return memory_text(date);
}

/* Nothing is changed yet. */
static bool look_around(struct work *w, struct error *err)
{
    struct takeover_record *r = &w->change.record;
    const struct look *look = &w->change.look;

    r->stunnel_config = absolute(w->flags->stunnel_config);
    r->config = memory_text(w->config);
    if (!change_read(&w->change, r->stunnel_config, err) ||
        !proxy_is_absent(r->config, err) ||
        !stunnel_locate(
            &w->stunnel, r->stunnel_config, look->ports, look->port_count, err) ||
        !look_before(&w->change.look, err))
        return false;
    w->change.way = way_find(r->config);
    if (w->change.way == WAY_BACKGROUND)
        w->change.text = log_to_syslog(w->change.text, w->change.settings);
    r->way = memory_text(way_name(w->change.way));
    r->when = date_now();
    r->stunnel_unit = w->stunnel.unit != NULL ? memory_text(w->stunnel.unit) : NULL;
    r->stunnel_enabled = w->stunnel.is_enabled;
    r->stunnel_start = memory_text(w->stunnel.start);
    r->stunnel_pid = (long)w->stunnel.pid;
    r->kept = access(r->config, F_OK) == 0
        ? memory_format("%s.before-takeover", r->config)
        : NULL;
    if (r->kept != NULL && access(r->kept, F_OK) == 0)
        return error_set(err, "%s is there already: move it away", r->kept);
    w->start = way_start(w->change.way, r->config);
    w->enable = way_enable(w->change.way);
    w->disable_stunnel = w->stunnel.is_enabled
        ? memory_format("systemctl disable %s", w->stunnel.unit)
        : NULL;
    return true;
}

/* ---- what will be done ---- */

/* Takes the sentence over. */
static void print_step(enum step step, char *sentence)
{
    char *text = memory_format("%d. %s", step, sentence);

    print_wrapped(stdout, "", text);
    free(text);
    free(sentence);
}

static void print_line(const char *line)
{
    if (line != NULL)
        print_command(stdout, "     ", line);
}

static void print_move(const struct takeover_record *r)
{
    char *from = shell_word(r->config), *to = shell_word(r->kept);
    char *line = memory_format("mv %s %s", from, to);

    print_line(line);
    free(line);
    free(to);
    free(from);
}

static void print_stop(const struct work *w)
{
    print_step(STEP_STOP,
        w->stunnel.unit != NULL
            ? memory_format(
                  "stop stunnel, the unit %s: its connections end", w->stunnel.unit)
            : memory_format("stop stunnel, process %ld: its connections end",
                  (long)w->stunnel.pid));
    print_line(w->stunnel.stop);
}

static void print_boot(const struct work *w)
{
    bool by_units = w->stunnel.unit != NULL || w->change.way == WAY_UNIT;

    print_step(STEP_BOOT,
        memory_text(by_units ? "let it be so from the next boot on"
                             : "the next boot is yours: put wlbproxy where stunnel is "
                               "started now (an rc file, cron)"));
    print_line(w->disable_stunnel);
    print_line(w->enable);
}

static void print_plan(const struct work *w)
{
    const struct takeover_record *r = &w->change.record;

    print_step(STEP_RECORD,
        memory_format(
            "record what is so now, for the way back, in %s", w->change.record_path));
    print_step(STEP_CONFIGURE,
        memory_format(
            "write stunnel's configuration in wlbproxy's words to %s, and check "
            "it",
            r->config));
    if (r->kept != NULL)
        print_move(r);
    print_stop(w);
    print_step(STEP_START,
        memory_text(
            "start wlbproxy on the same ports; look at every service as XenServer "
            "does, and with every worker; if anything fails that worked before, "
            "all goes back"));
    print_line(w->start);
    print_boot(w);
}

/* ---- doing it ---- */

static bool configure(struct work *w, struct error *err)
{
    const struct takeover_record *r = &w->change.record;
    const struct file_access access = {true, 0644, geteuid(), getegid()};
    char *word, *line, said[8192];
    bool good;

    if (r->kept != NULL && rename(r->config, r->kept) != 0)
        return error_set(err, "%s cannot be moved to %s", r->config, r->kept);
    if (!file_write(r->config, w->change.text, strlen(w->change.text), &access, err))
        return false;
    word = shell_word(r->config);
    line = memory_format("wlbproxy check -c %s", word);
    print_command(stdout, "         ", line);
    free(line);
    line = memory_format("/proc/%ld/exe check -c %s 2>&1", (long)getpid(), word);
    good = shell_ask(line, said, sizeof(said)) ||
        error_set(err, "`wlbproxy check` refuses what stunnel serves; see above");
    if (!good)
        fprintf(stderr, "%s\n", said);
    free(line);
    free(word);
    return good;
}

/* An interruption waits until it is known whether stunnel ends: one that is just ending
 * would be taken for one that serves. */
static bool stop_stunnel(struct work *w, struct error *err)
{
    const struct timespec pause = {0, 50000000L};

    if (!change_run(w->stunnel.stop, err))
        return error_context(err, "stunnel did not stop");
    for (int ms = 0; !process_is_gone(w->stunnel.pid); ms += 50) {
        if (ms >= STOP_MS)
            return error_set(err, "stunnel (pid %ld) does not end", (long)w->stunnel.pid);
        (void)nanosleep(&pause, NULL);
    }
    return change_await_ports(&w->change, FREE_MS, err);
}

static bool arrange_boot(struct work *w, struct error *err)
{
    return change_run(w->disable_stunnel, err) && change_run(w->enable, err);
}

static bool keep_record(struct work *w, struct error *err)
{
    return takeover_record_write(w->change.record_path, &w->change.record, err);
}

static bool do_step(struct work *w, enum step step, struct error *err)
{
    switch (step) {
    case STEP_RECORD:
        return true; /* it is what every step begins with */
    case STEP_CONFIGURE:
        return configure(w, err);
    case STEP_STOP:
        return stop_stunnel(w, err);
    case STEP_START:
        return change_start_proxy(&w->change, err);
    case STEP_BOOT:
        return arrange_boot(w, err);
    }
    return false;
}

/* A step that was interrupted, or fails after that, says so. */
static bool go_on(struct work *w, enum step step, struct error *err)
{
    struct error interruption;
    bool good;

    if (change_is_interrupted(err))
        return false;
    good = do_step(w, step, err);
    if (!change_is_interrupted(&interruption))
        return good;
    return good ? error_set(err, "%s", interruption.text)
                : error_context(err, "%s", interruption.text);
}

static bool do_all(struct work *w, struct error *err)
{
    for (int step = STEP_RECORD; step <= STEP_BOOT; step++) {
        w->change.record.step = (unsigned)step;
        if (!keep_record(w, err))
            return error_context(err, "%s", w->change.record_path);
        printf("step %d: %s\n", step, step_names[step]);
        if (!go_on(w, (enum step)step, err))
            return error_context(err, "step %d (%s)", step, step_names[step]);
    }
    w->change.record.state = TAKEOVER_DONE;
    return keep_record(w, err);
}

/* ---- calls ---- */

/* Of what an earlier call has recorded. */
static bool find_record(struct work *w, bool *found, struct error *err)
{
    struct change *c = &w->change;

    if (!takeover_record_read(c->record_path, &c->record, found, err))
        return false;
    if (*found && !way_by_name(c->record.way, &c->way))
        return error_set(err, "%s: this is no record of a takeover", c->record_path);
    return true;
}

static int tell_done(const struct work *w)
{
    const struct takeover_record *r = &w->change.record;
    char *text =
        memory_format("wlbproxy has stunnel's place since %s; --undo goes back", r->when);
    struct error err;
    bool runs = !proxy_is_absent(r->config, &err);

    print_wrapped(stdout, "", text);
    free(text);
    if (runs)
        return EXIT_DONE;
    print_failure("migrate --takeover", false, "but it does not run now");
    return EXIT_NEGATIVE;
}

static int take_over(struct work *w)
{
    struct error err;

    if (!look_around(w, &err)) {
        print_failure("migrate --takeover", false, err.text);
        return EXIT_NEGATIVE;
    }
    print_plan(w);
    if (w->flags->dry_run) {
        puts("DRY RUN: nothing was changed");
        return EXIT_DONE;
    }
    if (!remote_agreed(w->flags->yes, "do it?", &err)) {
        print_failure("migrate --takeover", false, err.text);
        return EXIT_NEGATIVE;
    }
    change_hold_signals();
    if (!do_all(w, &err))
        return way_back_after(&w->change, err.text);
    print_wrapped(stdout, "DONE     ",
        "wlbproxy has stunnel's place: every service answers as before; --undo goes "
        "back");
    return EXIT_DONE;
}

static void destroy(struct work *w)
{
    change_destroy(&w->change);
    free(w->config);
    stunnel_destroy(&w->stunnel);
    free(w->start);
    free(w->enable);
    free(w->disable_stunnel);
}

static const char *name_of_step(const struct takeover_record *r)
{
    return r->state == TAKEOVER_UNDOING ? "undo" : step_names[r->step % (STEP_BOOT + 1)];
}

static int call(struct work *w)
{
    bool found = false;
    struct error err;

    if (!find_record(w, &found, &err)) {
        print_failure("migrate", false, err.text);
        return EXIT_FAILED;
    }
    if (w->flags->undo && !found) {
        char *text = memory_format(
            "there is nothing to undo: %s is not there", w->change.record_path);

        print_failure("migrate --undo", false, text);
        free(text);
        return EXIT_NEGATIVE;
    }
    if (w->flags->undo)
        return way_back_undo(&w->change, w->flags->yes, w->flags->dry_run);
    if (!found)
        return take_over(w);
    if (w->change.record.state == TAKEOVER_DONE)
        return tell_done(w);
    return way_back_recover(
        &w->change, name_of_step(&w->change.record), w->flags->yes, w->flags->dry_run);
}

int takeover(const struct takeover_flags *flags)
{
    struct work w = {.flags = flags};
    int status;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* commands print in between */
    w.config = absolute(flags->config != NULL ? flags->config : SETTINGS_DEFAULT_FILE);
    w.change.record_path = takeover_record_path(w.config);
    status = call(&w);
    destroy(&w);
    return status;
}
