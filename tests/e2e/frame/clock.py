"""Clocks that jump, for one program and its children: see Clock."""
import os
import subprocess

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

/* Seconds: of the wall clock, of the monotonic one. */
static const volatile long *offset;

__attribute__((constructor)) static void open_offset(void)
{
    int fd = open(OFFSET_FILE, O_RDONLY);
    offset = mmap(NULL, 2 * sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);
}

int clock_gettime(clockid_t which, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(which, now);
    if (offset == MAP_FAILED || offset == NULL)
        return result;
    if (which == CLOCK_REALTIME)
        now->tv_sec += offset[0];
    else if (which == CLOCK_MONOTONIC || which == CLOCK_MONOTONIC_COARSE)
        now->tv_sec += offset[1];
    return result;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at != NULL)
        *at = now.tv_sec;
    return now.tv_sec;
}
"""


class Clock:
    """`environment` makes a program see it; jump() and pass_by() move it."""

    def __init__(self, folder):
        self.file, library = folder / "offset", folder / "clock.so"
        source = folder / "clock.c"
        source.write_text(SOURCE)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", f'-DOFFSET_FILE="{self.file}"', "-o",
                        library, source, "-ldl"], check=True)
        self.jump(0)
        # A sanitizer asks to be the first of the libraries.
        self.environment = {"LD_PRELOAD": str(library), "ASAN_OPTIONS": os.environ.get(
            "ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def jump(self, seconds):
        """The wall clock, that far from the true time, from now on."""
        self._set(0, seconds)

    def pass_by(self, seconds, ahead=0):
        """As if that much time had gone by since the start: timers are due, too. The wall clock
        is `ahead` of that: it was set, or the machine was suspended."""
        self._set(0, seconds + ahead)
        self._set(1, seconds)

    def _set(self, which, seconds):
        if not self.file.exists():
            self.file.write_bytes(bytes(16))
        with open(self.file, "r+b") as file:
            file.seek(8 * which)
            file.write(int(seconds).to_bytes(8, "little", signed=True))
