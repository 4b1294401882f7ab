/* Loaded before the C library: a disk that is slow with its flushes, or fails at them. The harness writes what the disk
   does now into the file named by CHAOS_DISK: "slow 50" (milliseconds), "fail", or nothing for a sound disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int sound(const char *name, int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    char told[32] = {0};
    const char *path = getenv("CHAOS_DISK");
    int control = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (control >= 0) {
        if (read(control, told, sizeof told - 1) < 0) told[0] = 0;
        close(control);
    }
    if (!strncmp(told, "fail", 4)) {
        errno = EIO;
        return -1;
    }
    if (!strncmp(told, "slow ", 5)) {
        long wait = atol(told + 5);
        struct timespec pause = {wait / 1000, (wait % 1000) * 1000000L};
        nanosleep(&pause, NULL);
    }
    return real(file);
}

int fsync(int file) { return sound("fsync", file); }
int fdatasync(int file) { return sound("fdatasync", file); }
