/* Preloaded: what becomes of a sync is read from the file that SYNC_FAULT names, anew each time.
   "fail END"  files whose name ends so cannot be synced (EIO)
   "slow MS"   every sync takes so many milliseconds longer */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int fault(int fd) {
    const char *control = getenv("SYNC_FAULT");
    char text[256], link[64], name[4096];
    int file = control ? open(control, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    if (length <= 0) return 0;
    text[length] = 0;
    text[strcspn(text, "\n")] = 0;
    if (strncmp(text, "slow ", 5) == 0) {
        long ms = atol(text + 5);
        struct timespec time = {ms / 1000, ms % 1000 * 1000000};
        nanosleep(&time, NULL);
        return 0;
    }
    if (strncmp(text, "fail ", 5) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, name, sizeof name - 1);
    if (length < 0) return 0;
    name[length] = 0;
    size_t end = strlen(text + 5);
    return (size_t)length >= end && strcmp(name + length - end, text + 5) == 0;
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    if (fault(fd)) { errno = EIO; return -1; }
    return real(fd);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    if (fault(fd)) { errno = EIO; return -1; }
    return real(fd);
}
