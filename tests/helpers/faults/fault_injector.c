/* LD_PRELOAD: stands between a process and the calls with which it changes files below one directory.
 *
 * It counts these calls, one at a time over all threads, and as the control page (a file that HADES_FAULT_CONTROL names,
 * mapped by both sides) wants it: fails the n-th, or all from the n-th on, with an errno; writes half of what the n-th
 * was to write; kills the process before the n-th; lets every fsync take n ms more, as a slow disk does; or notes what
 * each of them did, so that the state of the directory before any of them can be made anew. fault_injector.py has
 * the other side, and describes the notes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { OFF, COUNT, FAIL_ONCE, FAIL_FROM, SHORT, KILL, SLOW };
enum operation { OPEN, WRITE, TRUNCATE, RENAME, UNLINK, RMDIR, MKDIR, SYNC, LINK, OTHER };

struct control {
    volatile int32_t mode, nth, error, count, hits, unused;
    char root[1024], notes[1024];
};

struct note {
    uint32_t operation, path_size, second_size, flags;
    uint64_t offset, size;
};

static struct control *control;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static __thread int inside;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("HADES_FAULT_CONTROL");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *page = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (page != MAP_FAILED) control = page;
}

/* Paths ----------------------------------------------------------------------------------------------------------- */

static int is_below(const char *path) {
    size_t size = strlen(control->root);
    return path && size && !strncmp(path, control->root, size) && (path[size] == '/' || !path[size]);
}

static const char *path_of(int fd, char *buffer) {
    char link[48];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long size = syscall(SYS_readlink, link, buffer, PATH_MAX - 1);
    if (size <= 0) return NULL;
    buffer[size] = 0;
    return buffer;
}

static const char *path_at(int directory, const char *name, char *buffer) {
    char where[PATH_MAX];
    if (!name || name[0] == '/') return name;
    if (directory == AT_FDCWD) {
        if (syscall(SYS_getcwd, where, sizeof where) <= 0) return NULL;
    } else if (!path_of(directory, where)) {
        return NULL;
    }
    if (snprintf(buffer, PATH_MAX, "%s/%s", where, name) >= PATH_MAX) return NULL;
    return buffer;
}

/* One call -------------------------------------------------------------------------------------------------------- */

enum verdict { NOT_OURS, GO_ON, FAIL, HALF };

/* Whether a call concerns us, and what becomes of it. What is not NOT_OURS ends with `leave`. */
static enum verdict enter(const char *path, const char *second) {
    if (!control || inside || control->mode == OFF || !(is_below(path) || is_below(second))) return NOT_OURS;
    inside = 1;
    pthread_mutex_lock(&one_at_a_time);
    int number = ++control->count, mode = control->mode, nth = control->nth;
    if (mode == KILL && number == nth) {
        syscall(SYS_kill, getpid(), SIGKILL);
        for (;;) pause();
    }
    int fails = (mode == FAIL_ONCE && number == nth) || (mode == FAIL_FROM && number >= nth);
    int half = mode == SHORT && number == nth;
    control->hits += fails || half;
    if (fails) errno = control->error;
    return fails ? FAIL : half ? HALF : GO_ON;
}

static void leave(void) {
    int before = errno;
    pthread_mutex_unlock(&one_at_a_time);
    inside = 0;
    errno = before;
}

static void note(enum operation operation, const char *path, const char *second, uint32_t flags, uint64_t offset,
                 const void *data, uint64_t size) {
    if (!control->notes[0]) return;
    int before = errno;
    struct note head = {operation, (uint32_t)strlen(path), second ? (uint32_t)strlen(second) : 0, flags, offset, size};
    struct iovec parts[] = {{&head, sizeof head},
                            {(void *)path, head.path_size},
                            {(void *)(second ? second : ""), head.second_size},
                            {(void *)data, data ? size : 0}};
    int fd = (int)syscall(SYS_openat, AT_FDCWD, control->notes, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        if (syscall(SYS_writev, fd, parts, 4) < 0) abort();
        syscall(SYS_close, fd);
    }
    errno = before;
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

/* Calls on a descriptor ------------------------------------------------------------------------------------------- */

static void note_written(int fd, const char *path, ssize_t written, off_t end) {
    if (written <= 0) return;
    void *data = malloc((size_t)written);
    /* Read again from the file, so that it does not matter how it came there; a second descriptor, as ours may be for
     * writing alone. `end`: the offset behind what was written. */
    char link[48];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int again = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
    if (!data || again < 0 || pread(again, data, (size_t)written, end - written) != written) abort();
    syscall(SYS_close, again);
    note(WRITE, path, NULL, 0, (uint64_t)(end - written), data, (uint64_t)written);
    free(data);
}

/* A call that writes `size` bytes up to the offset `end`; `call` uses `count`, `end` may use `written`. */
#define WRITING_UPTO(fd, size, end, call)                                     \
    char buffer[PATH_MAX];                                                    \
    size_t count = (size);                                                    \
    const char *path = control && control->mode ? path_of(fd, buffer) : NULL; \
    enum verdict verdict = enter(path, NULL);                                 \
    if (verdict == NOT_OURS) return call;                                     \
    ssize_t written = -1;                                                     \
    if (verdict == HALF && count > 1) count /= 2;                             \
    if (verdict != FAIL) written = call;                                      \
    if (control->notes[0]) note_written(fd, path, written, end);              \
    leave();                                                                  \
    return written

/* At the descriptor's own offset, and at one that is given. */
#define WRITING(fd, size, call) WRITING_UPTO(fd, size, lseek(fd, 0, SEEK_CUR), call)
#define WRITING_AT(fd, size, offset, call) WRITING_UPTO(fd, size, offset + written, call)

ssize_t write(int fd, const void *data, size_t size) { WRITING(fd, size, REAL(write)(fd, data, count)); }

ssize_t sendfile(int out, int in, off_t *offset, size_t size) {
    WRITING(out, size, REAL(sendfile)(out, in, offset, count));
}

ssize_t sendfile64(int out, int in, off64_t *offset, size_t size) {
    WRITING(out, size, REAL(sendfile64)(out, in, offset, count));
}

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
    WRITING(out, size, REAL(copy_file_range)(in, from, out, to, count, flags));
}

/* A vector is not cut in half: it is written, or it fails. */
ssize_t writev(int fd, const struct iovec *parts, int number) {
    WRITING(fd, 0, ((void)count, REAL(writev)(fd, parts, number)));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    WRITING_AT(fd, size, offset, REAL(pwrite)(fd, data, count, offset));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    WRITING_AT(fd, size, offset, REAL(pwrite64)(fd, data, count, offset));
}

ssize_t pwritev(int fd, const struct iovec *parts, int number, off_t offset) {
    WRITING_AT(fd, 0, offset, ((void)count, REAL(pwritev)(fd, parts, number, offset)));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int number, off64_t offset) {
    WRITING_AT(fd, 0, offset, ((void)count, REAL(pwritev64)(fd, parts, number, offset)));
}

/* Any other call: it fails with `failed`, or is made and noted where it went well. */
#define CHANGING(first, second, call, on_success)        \
    const char *path = (first), *other = (second);       \
    enum verdict verdict = enter(path, other);           \
    if (verdict == NOT_OURS) return call;                \
    int result = -1;                                     \
    if (verdict != FAIL) result = call;                  \
    if (result >= 0 && control->notes[0]) { on_success; } \
    leave();                                             \
    return result

#define OF_DESCRIPTOR(fd, call, on_success) \
    char buffer[PATH_MAX];                  \
    CHANGING(control && control->mode ? path_of(fd, buffer) : NULL, NULL, call, on_success)

static void wait_for_a_slow_disk(int fd) {
    char buffer[PATH_MAX];
    if (control && control->mode == SLOW && is_below(path_of(fd, buffer))) usleep((useconds_t)control->nth * 1000);
}

int fsync(int fd) {
    wait_for_a_slow_disk(fd);
    OF_DESCRIPTOR(fd, REAL(fsync)(fd), note(SYNC, path, NULL, 0, 0, NULL, 0));
}

int fdatasync(int fd) {
    wait_for_a_slow_disk(fd);
    OF_DESCRIPTOR(fd, REAL(fdatasync)(fd), note(SYNC, path, NULL, 0, 0, NULL, 0));
}

int ftruncate(int fd, off_t size) {
    OF_DESCRIPTOR(fd, REAL(ftruncate)(fd, size), note(TRUNCATE, path, NULL, 0, (uint64_t)size, NULL, 0));
}

int ftruncate64(int fd, off64_t size) {
    OF_DESCRIPTOR(fd, REAL(ftruncate64)(fd, size), note(TRUNCATE, path, NULL, 0, (uint64_t)size, NULL, 0));
}

int fchmod(int fd, mode_t mode) {
    OF_DESCRIPTOR(fd, REAL(fchmod)(fd, mode), note(OTHER, path, NULL, 0, 0, NULL, 0));
}

/* Calls on names -------------------------------------------------------------------------------------------------- */

static mode_t mode_of(int flags, va_list more) {
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;
}

#define CHANGES(flags) ((flags) & (O_CREAT | O_TRUNC) && ((flags) & O_ACCMODE) != O_RDONLY)

#define OPENING(directory, name, call)                                                            \
    va_list more;                                                                                 \
    va_start(more, flags);                                                                        \
    mode_t mode = mode_of(flags, more);                                                           \
    va_end(more);                                                                                 \
    char buffer[PATH_MAX];                                                                        \
    CHANGING(control &&control->mode &&CHANGES(flags) ? path_at(directory, name, buffer) : NULL, NULL, call, \
             note(OPEN, path, NULL, (flags & O_TRUNC) != 0, 0, NULL, 0))

int open(const char *name, int flags, ...) { OPENING(AT_FDCWD, name, REAL(open)(name, flags, mode)); }

int open64(const char *name, int flags, ...) { OPENING(AT_FDCWD, name, REAL(open64)(name, flags, mode)); }

int openat(int at, const char *name, int flags, ...) { OPENING(at, name, REAL(openat)(at, name, flags, mode)); }

int openat64(int at, const char *name, int flags, ...) { OPENING(at, name, REAL(openat64)(at, name, flags, mode)); }

#define OF_NAME(directory, name, call, on_success) \
    char buffer[PATH_MAX];                         \
    CHANGING(control && control->mode ? path_at(directory, name, buffer) : NULL, NULL, call, on_success)

int unlink(const char *name) {
    OF_NAME(AT_FDCWD, name, REAL(unlink)(name), note(UNLINK, path, NULL, 0, 0, NULL, 0));
}

int rmdir(const char *name) { OF_NAME(AT_FDCWD, name, REAL(rmdir)(name), note(RMDIR, path, NULL, 0, 0, NULL, 0)); }

int unlinkat(int at, const char *name, int flags) {
    OF_NAME(at, name, REAL(unlinkat)(at, name, flags),
            note(flags & AT_REMOVEDIR ? RMDIR : UNLINK, path, NULL, 0, 0, NULL, 0));
}

int mkdir(const char *name, mode_t mode) {
    OF_NAME(AT_FDCWD, name, REAL(mkdir)(name, mode), note(MKDIR, path, NULL, 0, 0, NULL, 0));
}

int mkdirat(int at, const char *name, mode_t mode) {
    OF_NAME(at, name, REAL(mkdirat)(at, name, mode), note(MKDIR, path, NULL, 0, 0, NULL, 0));
}

int truncate(const char *name, off_t size) {
    OF_NAME(AT_FDCWD, name, REAL(truncate)(name, size), note(TRUNCATE, path, NULL, 0, (uint64_t)size, NULL, 0));
}

int truncate64(const char *name, off64_t size) {
    OF_NAME(AT_FDCWD, name, REAL(truncate64)(name, size), note(TRUNCATE, path, NULL, 0, (uint64_t)size, NULL, 0));
}

int chmod(const char *name, mode_t mode) {
    OF_NAME(AT_FDCWD, name, REAL(chmod)(name, mode), note(OTHER, path, NULL, 0, 0, NULL, 0));
}

int fchmodat(int at, const char *name, mode_t mode, int flags) {
    OF_NAME(at, name, REAL(fchmodat)(at, name, mode, flags), note(OTHER, path, NULL, 0, 0, NULL, 0));
}

int utimensat(int at, const char *name, const struct timespec times[2], int flags) {
    OF_NAME(at, name, REAL(utimensat)(at, name, times, flags), note(OTHER, path, NULL, 0, 0, NULL, 0));
}

#define OF_NAMES(at, name, to, second, call, on_success)                                \
    char buffer[PATH_MAX], buffer2[PATH_MAX];                                           \
    CHANGING(control && control->mode ? path_at(at, name, buffer) : NULL,               \
             control && control->mode ? path_at(to, second, buffer2) : NULL, call, on_success)

int rename(const char *name, const char *second) {
    OF_NAMES(AT_FDCWD, name, AT_FDCWD, second, REAL(rename)(name, second), note(RENAME, path, other, 0, 0, NULL, 0));
}

int renameat(int at, const char *name, int to, const char *second) {
    OF_NAMES(at, name, to, second, REAL(renameat)(at, name, to, second), note(RENAME, path, other, 0, 0, NULL, 0));
}

int renameat2(int at, const char *name, int to, const char *second, unsigned flags) {
    OF_NAMES(at, name, to, second, REAL(renameat2)(at, name, to, second, flags),
             note(RENAME, path, other, 0, 0, NULL, 0));
}

int link(const char *name, const char *second) {
    OF_NAMES(AT_FDCWD, name, AT_FDCWD, second, REAL(link)(name, second), note(LINK, path, other, 0, 0, NULL, 0));
}

int linkat(int at, const char *name, int to, const char *second, int flags) {
    OF_NAMES(at, name, to, second, REAL(linkat)(at, name, to, second, flags), note(LINK, path, other, 0, 0, NULL, 0));
}
