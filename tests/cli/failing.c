/* Lets the FAIL_AT-th operation of the kind FAIL_KIND (sync, rename, link, opendir) below FAIL_UNDER fail with EIO,
   and makes the file FAIL_NOTE when it does. Preloaded by failing.rs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int count;

static int fails(const char *kind, const char *path) {
  const char *wanted = getenv("FAIL_KIND"), *under = getenv("FAIL_UNDER"), *at = getenv("FAIL_AT");
  if (!wanted || !under || !at || strcmp(kind, wanted) || strncmp(path, under, strlen(under))) return 0;
  if (__sync_add_and_fetch(&count, 1) != atoi(at)) return 0;
  close(creat(getenv("FAIL_NOTE"), 0600));
  errno = EIO;
  return 1;
}

static int sync_fails(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails("sync", path);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) { return sync_fails(fd) ? -1 : NEXT(fsync)(fd); }
int fdatasync(int fd) { return sync_fails(fd) ? -1 : NEXT(fdatasync)(fd); }
int rename(const char *from, const char *to) { return fails("rename", from) ? -1 : NEXT(rename)(from, to); }
int renameat2(int fd, const char *from, int to_fd, const char *to, unsigned flags) {
  return fails("rename", from) ? -1 : NEXT(renameat2)(fd, from, to_fd, to, flags);
}
int link(const char *from, const char *to) { return fails("link", from) ? -1 : NEXT(link)(from, to); }
int linkat(int fd, const char *from, int to_fd, const char *to, int flags) {
  return fails("link", from) ? -1 : NEXT(linkat)(fd, from, to_fd, to, flags);
}

static int opened(int fd, const char *path) {
  struct stat found;
  if (fd >= 0 && fstat(fd, &found) == 0 && S_ISDIR(found.st_mode) && fails("opendir", path)) {
    close(fd);
    errno = EIO;
    return -1;
  }
  return fd;
}

#define OPEN(name)                                        \
  int name(const char *path, int flags, ...) {            \
    va_list rest;                                         \
    va_start(rest, flags);                                \
    mode_t mode = va_arg(rest, mode_t);                   \
    va_end(rest);                                         \
    return opened(NEXT(name)(path, flags, mode), path);   \
  }
OPEN(open)
OPEN(open64)
