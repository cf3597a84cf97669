/* Faults for a running server, on request: loaded in front of the C library (LD_PRELOAD).
 *
 * The file named by TORTURE_FAULTS is mapped, so a script changes what goes wrong by writing
 * into it, and it costs nothing while nothing does. Five fields of 16 bytes, each a text:
 *
 *    0  how long each flush takes longer, in milliseconds
 *   16  the call that fails: fdatasync, fsync, sync_file_range or pwrite; "-" for none
 *   32  the errno that it fails with
 *   48  how far the wall clock is shifted, in seconds; the steady clocks are left alone
 *   64  what the path of the file must have in it for the call to fail; "/" is all files
 *
 * A call that fails has not been made, as with a disk that is gone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { DELAY_MS = 0, CALL = 16, ERRNO = 32, CLOCK_S = 48, PATH = 64, FILE_BYTES = 80 };

static const char *faults;

__attribute__((constructor)) static void map_faults(void) {
  const char *path = getenv("TORTURE_FAULTS");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *map = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, file, 0);
  if (map != MAP_FAILED) faults = map;
  close(file);
}

static long number(int field) { return faults ? strtol(faults + field, NULL, 10) : 0; }

/* Whether this is a file whose calls fail. */
static int is_path(const char *path) {
  char wanted[16] = "";
  memcpy(wanted, faults + PATH, sizeof wanted - 1);
  wanted[strcspn(wanted, " \n")] = 0;
  return strstr(path, wanted) != NULL;
}

static int fails(const char *call, int file) {
  size_t length = strlen(call);
  if (!faults || strncmp(faults + CALL, call, length)) return 0;
  if (faults[CALL + length] > ' ') return 0; /* A longer word. */
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t bytes = readlink(link, path, sizeof path - 1);
  path[bytes < 0 ? 0 : bytes] = 0;
  if (!is_path(path)) return 0;
  errno = (int)number(ERRNO);
  return 1;
}

static void dawdle(void) {
  long delay_ms = number(DELAY_MS);
  if (delay_ms <= 0) return;
  struct timespec delay = {delay_ms / 1000, delay_ms % 1000 * 1000000};
  nanosleep(&delay, NULL);
}

int fdatasync(int file) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  dawdle();
  return fails("fdatasync", file) ? -1 : real(file);
}

int fsync(int file) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  dawdle();
  return fails("fsync", file) ? -1 : real(file);
}

int sync_file_range(int file, off64_t from, off64_t bytes, unsigned flags) {
  static int (*real)(int, off64_t, off64_t, unsigned);
  if (!real) real = (int (*)(int, off64_t, off64_t, unsigned))dlsym(RTLD_NEXT, "sync_file_range");
  return fails("sync_file_range", file) ? -1 : real(file, from, bytes, flags);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
  static ssize_t (*real)(int, const void *, size_t, off_t);
  if (!real) real = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
  return fails("pwrite", file) ? -1 : real(file, bytes, count, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (!real) real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
  return fails("pwrite", file) ? -1 : real(file, bytes, count, at);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int answer = real(clock, time);
  if (answer == 0 && clock == CLOCK_REALTIME) time->tv_sec += number(CLOCK_S);
  return answer;
}
