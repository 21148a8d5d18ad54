/* What a disk can do to a program, without one: preloaded with LD_PRELOAD, this fails, cuts short or kills at the N-th
 * operation of a kind on files below FAULTS_UNDER, or writes down every change to them.
 *
 * Nothing below that directory is really synced: whoever crashes here leaves the kernel running, and much is tried.
 *
 *   FAULTS_UNDER    the directory that counts
 *   FAULTS_KIND     open, read, write, sync, truncate, rename, link, unlink, mkdir, map
 *   FAULTS_AT       N; 0: never, but FAULTS_REPORT gets their number at the end
 *   FAULTS_HOW      eio, enospc: that error; short: half is written or read; kill: SIGKILL before it;
 *                   torn: half is written, then SIGKILL
 *   FAULTS_ON       1: every operation of the kind from the N-th on
 *   FAULTS_REPORT   a file that gets a line for each operation that was struck: kind, number, path
 *   FAULTS_JOURNAL  a file that gets a record for each change (tests/faults/journal.rs reads it)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum how { NOT, FAIL, SHORT, KILL, TORN };

static const char *under, *kind, *report;
static long at;
static int on, error_number, journal = -1;
static enum how chosen;
static atomic_long counted;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((typeof(&name))real(#name))

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

__attribute__((constructor)) static void begin(void) {
    const char *how = getenv("FAULTS_HOW"), *number = getenv("FAULTS_AT"), *path = getenv("FAULTS_JOURNAL");
    under = getenv("FAULTS_UNDER");
    kind = getenv("FAULTS_KIND");
    report = getenv("FAULTS_REPORT");
    at = number ? atol(number) : 0;
    on = getenv("FAULTS_ON") != NULL;
    if (!how) how = "";
    error_number = strcmp(how, "enospc") == 0 ? ENOSPC : EIO;
    chosen = !strcmp(how, "short") ? SHORT : !strcmp(how, "kill") ? KILL : !strcmp(how, "torn") ? TORN : FAIL;
    if (path) {
        int fd = REAL(open)(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        journal = fcntl(fd, F_DUPFD_CLOEXEC, 900);
        if (fd < 0 || journal < 0) abort();
        close(fd);
    }
}

/* The path that a descriptor was opened with, or has now. */
static const char *path_of(int fd, char *into) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, into, PATH_MAX - 1);
    into[length < 0 ? 0 : length] = 0;
    return into;
}

/* A path from the root. */
static const char *whole(int directory, const char *path, char *into) {
    if (path[0] == '/') {
        snprintf(into, PATH_MAX, "%s", path);
        return into;
    }
    char start[PATH_MAX];
    if (directory == AT_FDCWD) {
        if (!getcwd(start, sizeof start)) start[0] = 0;
    } else {
        path_of(directory, start);
    }
    if (snprintf(into, PATH_MAX, "%s/%s", start, path) >= PATH_MAX) into[0] = 0;
    return into;
}

static int ours(const char *path) {
    size_t length = under ? strlen(under) : 0;
    return length && strncmp(path, under, length) == 0 && path[length] == '/';
}

/* Whether this operation is the one to strike. */
static enum how strike(const char *what, const char *path) {
    if (!kind || strcmp(kind, what) != 0 || !ours(path)) return NOT;
    long number = atomic_fetch_add(&counted, 1) + 1;
    if (at == 0 || (on ? number < at : number != at)) return NOT;
    if (report) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%s %ld %s\n", what, number, path);
        int fd = REAL(open)(report, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0) {
            if (REAL(write)(fd, line, length) != length) abort();
            close(fd);
        }
    }
    if (chosen == KILL) kill(getpid(), SIGKILL);
    return chosen;
}

__attribute__((destructor)) static void end(void) {
    if (!kind || at != 0 || !report) return;
    char line[64];
    int length = snprintf(line, sizeof line, "%ld\n", atomic_load(&counted));
    int fd = REAL(open)(report, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || REAL(write)(fd, line, length) != length) abort();
}

/* For operations that cannot be half done. */
static int fails(const char *what, const char *path) {
    enum how how = strike(what, path);
    if (how == SHORT || how == NOT) return 0;
    if (how == TORN) kill(getpid(), SIGKILL);
    errno = error_number;
    return 1;
}

/* ---- the journal ---- */

struct record {
    char what;
    char unused[7];
    uint64_t file, at;
    uint32_t first, second; /* octets that follow */
};

static int lock(void) {
    if (journal < 0) return 0;
    pthread_mutex_lock(&turn);
    while (flock(journal, LOCK_EX) != 0 && errno == EINTR) {}
    return 1;
}

static void unlock(int locked) {
    if (!locked) return;
    int saved = errno;
    flock(journal, LOCK_UN);
    pthread_mutex_unlock(&turn);
    errno = saved;
}

static void put(char what, uint64_t file, uint64_t offset, const void *first, size_t a, const void *second, size_t b) {
    int saved = errno;
    struct record head = {.what = what, .file = file, .at = offset, .first = a, .second = b};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)first, a}, {(void *)second, b}};
    if (REAL(writev)(journal, parts, 3) != (ssize_t)(sizeof head + a + b)) abort();
    errno = saved;
}

static void put_paths(char what, uint64_t file, const char *first, const char *second) {
    put(what, file, 0, first, strlen(first), second, strlen(second));
}

static uint64_t number_of(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/* ---- opening ---- */

static int opened(int directory, const char *path, int flags, mode_t mode, int (*open_it)(int, const char *, int, ...)) {
    char full[PATH_MAX];
    whole(directory, path, full);
    if (!ours(full)) return open_it(directory, path, flags, mode);
    if (fails("open", full)) return -1;
    int locked = lock();
    struct stat status;
    int was_there = lstat(full, &status) == 0;
    int fd = open_it(directory, path, flags, mode);
    if (locked && fd >= 0) {
        if (!was_there && (flags & O_CREAT)) put_paths('C', number_of(fd), full, "");
        else if (flags & O_TRUNC) put('T', number_of(fd), 0, "", 0, "", 0);
    }
    unlock(locked);
    return fd;
}

#define OPEN(name, directory, ...)                                                              \
    int name(__VA_ARGS__, int flags, ...) {                                                  \
        va_list list;                                                                        \
        va_start(list, flags);                                                               \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;              \
        va_end(list);                                                                        \
        return opened(directory, path, flags, mode, REAL(openat64));                            \
    }
OPEN(open, AT_FDCWD, const char *path)
OPEN(open64, AT_FDCWD, const char *path)
OPEN(openat, directory, int directory, const char *path)
OPEN(openat64, directory, int directory, const char *path)

/* ---- reading and writing ---- */

static ssize_t transfer(int fd, const struct iovec *parts, int count, off_t offset, int writes) {
    char path[PATH_MAX];
    if (!ours(path_of(fd, path))) {
        if (offset < 0) return writes ? REAL(writev)(fd, parts, count) : REAL(readv)(fd, parts, count);
        return writes ? REAL(pwritev64)(fd, parts, count, offset) : REAL(preadv64)(fd, parts, count, offset);
    }
    enum how how = strike(writes ? "write" : "read", path);
    if (how == FAIL) {
        errno = error_number;
        return -1;
    }
    /* One part is enough: to do less than was asked is allowed. */
    while (count > 1 && parts[0].iov_len == 0) parts++, count--;
    void *start = count ? parts[0].iov_base : NULL;
    size_t length = count ? parts[0].iov_len : 0;
    if (how != NOT && length > 1) length /= 2;
    if (!writes) return offset < 0 ? REAL(read)(fd, start, length) : REAL(pread64)(fd, start, length, offset);
    int locked = lock();
    off_t where = offset;
    if (locked && offset < 0) {
        int appends = fcntl(fd, F_GETFL) & O_APPEND;
        where = lseek(fd, 0, appends ? SEEK_END : SEEK_CUR);
    }
    ssize_t done = offset < 0 ? REAL(write)(fd, start, length) : REAL(pwrite64)(fd, start, length, offset);
    if (locked && done > 0) put('W', number_of(fd), where, start, done, "", 0);
    unlock(locked);
    if (how == TORN) kill(getpid(), SIGKILL);
    return done;
}

ssize_t write(int fd, const void *from, size_t length) {
    return transfer(fd, &(struct iovec){(void *)from, length}, 1, -1, 1);
}
ssize_t pwrite(int fd, const void *from, size_t length, off_t offset) {
    return transfer(fd, &(struct iovec){(void *)from, length}, 1, offset, 1);
}
ssize_t pwrite64(int fd, const void *from, size_t length, off64_t offset) {
    return transfer(fd, &(struct iovec){(void *)from, length}, 1, offset, 1);
}
ssize_t writev(int fd, const struct iovec *parts, int count) { return transfer(fd, parts, count, -1, 1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return transfer(fd, parts, count, offset, 1);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return transfer(fd, parts, count, offset, 1);
}
ssize_t read(int fd, void *into, size_t length) {
    return transfer(fd, &(struct iovec){into, length}, 1, -1, 0);
}
ssize_t pread(int fd, void *into, size_t length, off_t offset) {
    return transfer(fd, &(struct iovec){into, length}, 1, offset, 0);
}
ssize_t pread64(int fd, void *into, size_t length, off64_t offset) {
    return transfer(fd, &(struct iovec){into, length}, 1, offset, 0);
}
ssize_t readv(int fd, const struct iovec *parts, int count) { return transfer(fd, parts, count, -1, 0); }

/* Who copies in the kernel is told to do it with read and write, which we see. */
ssize_t copy_file_range(int from, off64_t *a, int to, off64_t *b, size_t length, unsigned flags) {
    char one[PATH_MAX], other[PATH_MAX];
    if (!ours(path_of(from, one)) && !ours(path_of(to, other)))
        return REAL(copy_file_range)(from, a, to, b, length, flags);
    errno = ENOSYS;
    return -1;
}
static ssize_t sent(int to, int from, off64_t *offset, size_t length, ssize_t (*send_it)(int, int, off64_t *, size_t)) {
    char one[PATH_MAX], other[PATH_MAX];
    if (!ours(path_of(from, one)) && !ours(path_of(to, other))) return send_it(to, from, offset, length);
    errno = EINVAL;
    return -1;
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
    return sent(to, from, offset, length, real("sendfile64"));
}
ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
    return sent(to, from, offset, length, real("sendfile64"));
}

/* ---- syncing and cutting ---- */

static int synced(int fd, int (*sync_it)(int)) {
    char path[PATH_MAX];
    if (!ours(path_of(fd, path)) && !(under && strcmp(path, under) == 0)) return sync_it(fd);
    if (strcmp(path, under) == 0) strcat(path, "/");
    if (fails("sync", path)) {
        /* What was not synced may never reach the disk any more, though it can be read. */
        int locked = lock();
        if (locked) put_paths('F', number_of(fd), path, "");
        unlock(locked);
        return -1;
    }
    int locked = lock();
    if (locked) put_paths('S', number_of(fd), path, "");
    unlock(locked);
    return 0;
}
int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

int ftruncate64(int fd, off64_t length) {
    char path[PATH_MAX];
    if (!ours(path_of(fd, path))) return REAL(ftruncate64)(fd, length);
    if (fails("truncate", path)) return -1;
    int locked = lock();
    int outcome = REAL(ftruncate64)(fd, length);
    if (locked && outcome == 0) put('T', number_of(fd), length, "", 0, "", 0);
    unlock(locked);
    return outcome;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

/* Room in advance is a kind of truncation; a file system without it says EOPNOTSUPP, and then the program writes. */
int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
    char path[PATH_MAX];
    if (!ours(path_of(fd, path))) return REAL(fallocate64)(fd, mode, offset, length);
    errno = fails("truncate", path) ? error_number : EOPNOTSUPP;
    return -1;
}
int fallocate(int fd, int mode, off_t offset, off_t length) { return fallocate64(fd, mode, offset, length); }
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    char path[PATH_MAX];
    if (!ours(path_of(fd, path))) return REAL(posix_fallocate64)(fd, offset, length);
    return fails("truncate", path) ? error_number : EINVAL;
}
int posix_fallocate(int fd, off_t offset, off_t length) { return posix_fallocate64(fd, offset, length); }

/* ---- names ---- */

static int renamed(int a, const char *from, int b, const char *to, unsigned flags) {
    char one[PATH_MAX], other[PATH_MAX];
    whole(a, from, one);
    whole(b, to, other);
    int counts = ours(one) || ours(other);
    if (counts && fails("rename", other)) return -1;
    int locked = counts && lock();
    int outcome = REAL(renameat2)(a, from, b, to, flags);
    if (locked && outcome == 0) put_paths(flags & RENAME_EXCHANGE ? 'X' : 'R', 0, one, other);
    unlock(locked);
    return outcome;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return renamed(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    return renamed(a, from, b, to, flags);
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
    char one[PATH_MAX], other[PATH_MAX];
    whole(a, from, one);
    whole(b, to, other);
    if (ours(other) && fails("link", other)) return -1;
    int locked = ours(other) && lock();
    int outcome = REAL(linkat)(a, from, b, to, flags);
    if (locked && outcome == 0) put_paths('L', 0, one, other);
    unlock(locked);
    return outcome;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int directory, const char *path, int flags) {
    char full[PATH_MAX];
    whole(directory, path, full);
    if (ours(full) && fails("unlink", full)) return -1;
    int locked = ours(full) && lock();
    int outcome = REAL(unlinkat)(directory, path, flags);
    if (locked && outcome == 0) put_paths('U', 0, full, "");
    unlock(locked);
    return outcome;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int directory, const char *path, mode_t mode) {
    char full[PATH_MAX];
    whole(directory, path, full);
    if (ours(full) && fails("mkdir", full)) return -1;
    int locked = ours(full) && lock();
    int outcome = REAL(mkdirat)(directory, path, mode);
    if (locked && outcome == 0) put_paths('D', 0, full, "");
    unlock(locked);
    return outcome;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* ---- maps: of the log's index ---- */

void *mmap64(void *where, size_t length, int protection, int flags, int fd, off64_t offset) {
    char path[PATH_MAX];
    if (fd >= 0 && ours(path_of(fd, path)) && fails("map", path)) return MAP_FAILED;
    return REAL(mmap64)(where, length, protection, flags, fd, offset);
}
void *mmap(void *where, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap64(where, length, protection, flags, fd, offset);
}
