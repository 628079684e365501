/*
 * LD_PRELOAD library: counts the system calls of a Node process that touch its data, and makes one of them fail.
 *
 * FAULT_UNDER  directories, separated by ':'; calls on files below them count, and those on the pipe that is fd 1 and on sockets
 * FAULT_AT     number of the call, from 1; absent or 0: none
 * FAULT_WHAT   kill (before the call), short (half of what is to be written), or a number: errno
 * FAULT_LOG    one line for each call that counts: number, name, inode and device, path or kind
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum fate { DO, FAIL, SHORT };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long count, at;
static const char *under, *what;
static int log_fd = -1;

__attribute__((constructor)) static void begin(void) {
  char exe[4096];
  ssize_t size = readlink("/proc/self/exe", exe, sizeof exe - 1);
  if (size < 0) return;
  exe[size] = 0;
  const char *name = strrchr(exe, '/');
  const char *log = getenv("FAULT_LOG");
  if (name == NULL || strcmp(name, "/node") != 0 || log == NULL) return;
  at = getenv("FAULT_AT") ? atol(getenv("FAULT_AT")) : 0;
  under = getenv("FAULT_UNDER");
  what = getenv("FAULT_WHAT");
  log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* A path that counts. */
static int is_ours(const char *path) {
  for (const char *one = under; one != NULL && *one; ) {
    const char *end = strchrnul(one, ':');
    if (end > one && strncmp(path, one, (size_t)(end - one)) == 0) return 1;
    one = *end ? end + 1 : end;
  }
  return 0;
}

/* What becomes of a call on `path`; errno is set where it fails. */
static enum fate fate_of(const char *call, const char *path, const struct stat *stat) {
  char line[8192];
  pthread_mutex_lock(&lock);
  long number = ++count;
  int size = snprintf(line, sizeof line, "%ld %s %lu:%lu %s\n", number, call, stat ? (unsigned long)stat->st_ino : 0, stat ? (unsigned long)stat->st_dev : 0, path);
  if (log_fd >= 0) syscall(SYS_write, log_fd, line, (size_t)size);
  pthread_mutex_unlock(&lock);
  if (number != at || what == NULL) return DO;
  if (strcmp(what, "kill") == 0) syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  if (strcmp(what, "short") == 0) return SHORT;
  errno = atoi(what);
  return FAIL;
}

static enum fate on_path(const char *call, const char *path) {
  int kept = errno;
  if (log_fd < 0 || path == NULL || !is_ours(path)) return DO;
  enum fate fate = fate_of(call, path, NULL);
  if (fate != FAIL) errno = kept;
  return fate;
}

static enum fate on_fd(const char *call, int fd) {
  char name[64], path[4096];
  struct stat stat;
  int kept = errno;
  if (log_fd < 0) return DO;
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(name, path, sizeof path - 1);
  errno = kept;
  if (size < 0) return DO;
  path[size] = 0;
  /* of pipes only the one to the next stage: Node writes to others that are its own */
  if (!is_ours(path) && !(fd == 1 && strncmp(path, "pipe:", 5) == 0) && strncmp(path, "socket:", 7) != 0) return DO;
  if (strchr(path, ':') != NULL && path[0] != '/') *strchr(path, ':') = 0;
  int known = fstat(fd, &stat) == 0;
  errno = kept;
  enum fate fate = fate_of(call, path, known ? &stat : NULL);
  if (fate != FAIL) errno = kept;
  return fate;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t size) {
  enum fate fate = on_fd("write", fd);
  return fate == FAIL ? -1 : REAL(write)(fd, bytes, fate == SHORT ? (size + 1) / 2 : size);
}

#define PWRITE(name, offset_type)                                                       \
  ssize_t name(int fd, const void *bytes, size_t size, offset_type offset) {            \
    enum fate fate = on_fd("pwrite", fd);                                               \
    return fate == FAIL ? -1 : REAL(name)(fd, bytes, fate == SHORT ? (size + 1) / 2 : size, offset); \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define PWRITEV(name, offset_type)                                                      \
  ssize_t name(int fd, const struct iovec *pieces, int pieces_count, offset_type offset) { \
    enum fate fate = on_fd("pwrite", fd);                                               \
    return fate == FAIL ? -1 : REAL(name)(fd, pieces, fate == SHORT ? (pieces_count + 1) / 2 : pieces_count, offset); \
  }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

ssize_t writev(int fd, const struct iovec *pieces, int pieces_count) {
  enum fate fate = on_fd("write", fd);
  return fate == FAIL ? -1 : REAL(writev)(fd, pieces, fate == SHORT ? (pieces_count + 1) / 2 : pieces_count);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags) {
  enum fate fate = on_fd("send", fd);
  return fate == FAIL ? -1 : REAL(send)(fd, bytes, fate == SHORT ? (size + 1) / 2 : size, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  return on_fd("send", fd) == FAIL ? -1 : REAL(sendmsg)(fd, message, flags);
}

int connect(int fd, const struct sockaddr *address, socklen_t size) {
  return on_fd("connect", fd) == FAIL ? -1 : REAL(connect)(fd, address, size);
}

int fsync(int fd) { return on_fd("fsync", fd) == FAIL ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return on_fd("fdatasync", fd) == FAIL ? -1 : REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t size) { return on_fd("ftruncate", fd) == FAIL ? -1 : REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return on_fd("ftruncate", fd) == FAIL ? -1 : REAL(ftruncate64)(fd, size); }
int rename(const char *from, const char *to) { return on_path("rename", to) == FAIL ? -1 : REAL(rename)(from, to); }
int link(const char *from, const char *to) { return on_path("link", to) == FAIL ? -1 : REAL(link)(from, to); }
int unlink(const char *path) { return on_path("unlink", path) == FAIL ? -1 : REAL(unlink)(path); }
int mkdir(const char *path, mode_t mode) { return on_path("mkdir", path) == FAIL ? -1 : REAL(mkdir)(path, mode); }

#define OPEN(name)                                                                      \
  int name(const char *path, int flags, ...) {                                          \
    va_list rest;                                                                       \
    va_start(rest, flags);                                                              \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;             \
    va_end(rest);                                                                       \
    return on_path("open", path) == FAIL ? -1 : REAL(name)(path, flags, mode);          \
  }
OPEN(open)
OPEN(open64)
