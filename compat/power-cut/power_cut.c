/* A power cut for an unmodified program: what it wrote and did not sync is gone when it is killed.
 *
 *   cc -shared -fPIC -O1 -o power_cut.so power_cut.c -ldl -lpthread
 *   LD_PRELOAD=power_cut.so POWER_CUT_DIR=/data program
 *
 * Contents. Writes to regular files below POWER_CUT_DIR stay in the memory of the process, page by page, until
 * fsync, fdatasync, sync_file_range or a write with RWF_DSYNC or O_DSYNC pushes those of that file to the disk. The
 * process reads back what it wrote; SIGKILL drops it. With POWER_CUT_TEAR=N about N of 100 written pages reach the disk
 * at once, in whole sectors but not in whole pages, as a disk is free to do.
 *
 * Names. With POWER_CUT_UNDO=folder (empty, on the same file system, outside of POWER_CUT_DIR) every create, rename
 * and unlink that was not followed by an fsync of its folder is listed in `folder/log`, with a hard link to each file
 * that lost its name. Whoever killed the program then undoes the lines from the last to the first:
 *   C <path>               remove path
 *   U <backup> <path>      link backup to path, unless path exists
 *   R <from> <to> <backup> unless `from` exists: rename `to` to `from`, then, unless backup is -, link it to `to`
 * Fields end in a tab, lines in a newline. Without POWER_CUT_UNDO names change at once and for good. A rename across
 * folders counts as a change of the folder renamed to. mkdir, rmdir and link are never undone.
 *
 * Limits. Only calls through the C library are seen: a program that makes system calls itself keeps everything. A
 * file that is mapped into memory is pushed to the disk and from then on left alone; fallocate with a mode other than
 * KEEP_SIZE pushes too. copy_file_range and sendfile are refused below POWER_CUT_DIR, so that callers fall back to read
 * and write. stdio, io_uring, splice, sync and syncfs are not seen. Linux with glibc, 64-bit off_t.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8 && sizeof(struct stat) == sizeof(struct stat64), "64-bit file offsets");

#define PAGE 4096
#define SECTOR 512
#define BUCKETS 8192

struct page {
    struct page *next;
    off_t index;
    char bytes[PAGE];
};

/* What one file holds beyond the disk. */
struct overlay {
    struct overlay *next;
    dev_t dev;
    ino_t ino;
    off_t size;       /* as the process sees it */
    off_t disk_valid; /* bytes of the disk's file that still count; the rest was truncated away */
    int is_through;   /* mapped into memory: left alone */
    struct page *pages[BUCKETS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct overlay *overlays;
static char directory[PATH_MAX], undo_directory[PATH_MAX];
static unsigned tear_percent, tear_state;

/* The C library's own function, behind ours. */
#define REAL(name)                                                           \
    ({                                                                       \
        static void *found;                                                  \
        if (!found && !(found = dlsym(RTLD_NEXT, #name))) abort();           \
        (__typeof__(&name))found;                                            \
    })

__attribute__((constructor)) static void begin(void) {
    const char *wanted = getenv("POWER_CUT_DIR"), *undo = getenv("POWER_CUT_UNDO"), *tear = getenv("POWER_CUT_TEAR");
    if (!wanted || !realpath(wanted, directory)) directory[0] = 0;
    if (!undo || !realpath(undo, undo_directory)) undo_directory[0] = 0;
    tear_percent = tear ? (unsigned)atoi(tear) : 0;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    tear_state = (unsigned)now.tv_nsec ^ (unsigned)getpid();
}

static int is_below(const char *path) {
    size_t length = strlen(directory);
    return length && !strncmp(path, directory, length) && (path[length] == '/' || !path[length]);
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return -1;
    path[length] = 0;
    return 0;
}

static int raw_stat(int fd, struct stat *found) { return REAL(fstat)(fd, found); }

static struct overlay *find(dev_t dev, ino_t ino) {
    struct overlay *each = overlays;
    while (each && (each->dev != dev || each->ino != ino)) each = each->next;
    return each;
}

/* The overlay of a file, made if `create` and the file lies below the directory; NULL if the disk alone counts. */
static struct overlay *overlay_of(int fd, int create) {
    struct stat disk;
    char path[PATH_MAX];
    if (!directory[0] || raw_stat(fd, &disk) || !S_ISREG(disk.st_mode)) return NULL;
    struct overlay *overlay = find(disk.st_dev, disk.st_ino);
    if (overlay) return overlay->is_through ? NULL : overlay;
    if (!create || path_of(fd, path) || !is_below(path)) return NULL;
    if (!(overlay = calloc(1, sizeof *overlay))) abort();
    overlay->dev = disk.st_dev;
    overlay->ino = disk.st_ino;
    overlay->size = overlay->disk_valid = disk.st_size;
    overlay->next = overlays;
    return overlays = overlay;
}

static void drop_pages(struct overlay *overlay, off_t from_index) {
    for (int bucket = 0; bucket < BUCKETS; bucket++)
        for (struct page **at = &overlay->pages[bucket]; *at;) {
            struct page *page = *at;
            if (page->index < from_index) {
                at = &page->next;
                continue;
            }
            *at = page->next;
            free(page);
        }
}

static void drop(struct overlay *overlay) {
    struct overlay **at = &overlays;
    while (*at != overlay) at = &(*at)->next;
    *at = overlay->next;
    drop_pages(overlay, 0);
    free(overlay);
}

/* A descriptor of the same file for plain reads and writes at positions: `fd` itself, or a new one to close. */
static int plain(int fd, int *to_close) {
    int flags = fcntl(fd, F_GETFL);
    *to_close = -1;
    if ((flags & O_ACCMODE) == O_RDWR && !(flags & (O_APPEND | O_DIRECT))) return fd;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int opened = REAL(open)(link, O_RDWR | O_CLOEXEC);
    if (opened < 0) opened = REAL(open)(link, O_RDONLY | O_CLOEXEC);
    return *to_close = opened;
}

/* Bytes of the disk that still count; zeros behind them. */
static int read_disk(struct overlay *overlay, int fd, char *to, size_t length, off_t from) {
    memset(to, 0, length);
    if (from >= overlay->disk_valid) return 0;
    if ((off_t)length > overlay->disk_valid - from) length = overlay->disk_valid - from;
    int to_close, usable = plain(fd, &to_close);
    ssize_t got = REAL(pread)(usable, to, length, from);
    if (to_close >= 0) REAL(close)(to_close);
    return got < 0 ? -1 : 0;
}

static struct page *page_at(struct overlay *overlay, off_t index) {
    struct page *page = overlay->pages[index % BUCKETS];
    while (page && page->index != index) page = page->next;
    return page;
}

static struct page *own_page(struct overlay *overlay, int fd, off_t index, int is_overwritten) {
    struct page *page = page_at(overlay, index);
    if (page) return page;
    if (!(page = calloc(1, sizeof *page))) abort();
    if (!is_overwritten && read_disk(overlay, fd, page->bytes, PAGE, index * PAGE)) {
        free(page);
        return NULL;
    }
    page->index = index;
    page->next = overlay->pages[index % BUCKETS];
    return overlay->pages[index % BUCKETS] = page;
}

static int write_all(int fd, const char *from, size_t length, off_t at) {
    while (length) {
        ssize_t wrote = REAL(pwrite)(fd, from, length, at);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return -1;
        from += wrote, length -= wrote, at += wrote;
    }
    return 0;
}

static unsigned chance(unsigned below) { return (unsigned)rand_r(&tear_state) % below; }

/* Lets some sectors of a page reach the disk, as it may happen to any page at any time. */
static void tear(struct overlay *overlay, int fd, struct page *page) {
    struct stat disk;
    if (chance(100) >= tear_percent || raw_stat(fd, &disk) || overlay->disk_valid < disk.st_size) return;
    unsigned first = chance(PAGE / SECTOR), end = first + 1 + chance(PAGE / SECTOR - first);
    off_t from = page->index * PAGE + first * SECTOR, to = page->index * PAGE + end * SECTOR;
    if (to > overlay->size) to = overlay->size;
    if (from >= to) return;
    int to_close, usable = plain(fd, &to_close);
    if (!write_all(usable, page->bytes + first * SECTOR, to - from, from) && overlay->disk_valid < to)
        overlay->disk_valid = to;
    if (to_close >= 0) REAL(close)(to_close);
}

/* Sets the size as the process sees it; new bytes read as zeros. */
static int resize(struct overlay *overlay, int fd, off_t size) {
    if (size < overlay->size) {
        if (size % PAGE) {
            struct page *last = own_page(overlay, fd, size / PAGE, 0);
            if (!last) return -1;
            memset(last->bytes + size % PAGE, 0, PAGE - size % PAGE);
        }
        drop_pages(overlay, (size + PAGE - 1) / PAGE);
        if (size < overlay->disk_valid) overlay->disk_valid = size;
    }
    overlay->size = size;
    return 0;
}

/* Pushes one file to the disk and forgets its overlay. */
static int push(int fd, struct overlay *overlay) {
    int to_close, failed = 0, usable = plain(fd, &to_close);
    struct stat disk;
    if (raw_stat(fd, &disk)) return -1;
    int is_cut = overlay->disk_valid < disk.st_size;
    if (is_cut) failed = REAL(ftruncate)(usable, overlay->disk_valid);
    if (!failed && (is_cut || overlay->size != disk.st_size)) failed = REAL(ftruncate)(usable, overlay->size);
    for (int bucket = 0; bucket < BUCKETS && !failed; bucket++)
        for (struct page *page = overlay->pages[bucket]; page && !failed; page = page->next) {
            off_t from = page->index * PAGE, length = overlay->size - from;
            if (length > 0) failed = write_all(usable, page->bytes, length < PAGE ? length : PAGE, from);
        }
    int error = errno;
    if (to_close >= 0) REAL(close)(to_close);
    if (!failed) drop(overlay);
    errno = error;
    return failed ? -1 : 0;
}

static int push_if_unsynced(int fd) {
    pthread_mutex_lock(&lock);
    struct overlay *overlay = overlay_of(fd, 0);
    int failed = overlay ? push(fd, overlay) : 0;
    pthread_mutex_unlock(&lock);
    return failed;
}

/* Copies between the process and the overlay. */
static ssize_t put(struct overlay *overlay, int fd, const char *from, size_t length, off_t at) {
    size_t done = 0;
    while (done < length) {
        off_t in_page = (at + done) % PAGE;
        size_t part = length - done < (size_t)(PAGE - in_page) ? length - done : (size_t)(PAGE - in_page);
        struct page *page = own_page(overlay, fd, (at + done) / PAGE, part == PAGE);
        if (!page) return done ? (ssize_t)done : -1;
        memcpy(page->bytes + in_page, from + done, part);
        done += part;
        if (at + (off_t)done > overlay->size) overlay->size = at + done;
        if (tear_percent) tear(overlay, fd, page);
    }
    return done;
}

static ssize_t take(struct overlay *overlay, int fd, char *to, size_t length, off_t at) {
    if (at >= overlay->size) return 0;
    if ((off_t)length > overlay->size - at) length = overlay->size - at;
    for (size_t done = 0; done < length;) {
        off_t in_page = (at + done) % PAGE;
        size_t part = length - done < (size_t)(PAGE - in_page) ? length - done : (size_t)(PAGE - in_page);
        struct page *page = page_at(overlay, (at + done) / PAGE);
        if (page)
            memcpy(to + done, page->bytes + in_page, part);
        else if (read_disk(overlay, fd, to + done, part, at + done))
            return done ? (ssize_t)done : -1;
        done += part;
    }
    return length;
}

/* -2: not ours, ask the system. `at` < 0: at the file's position, which moves. */
static ssize_t move_bytes(int fd, const struct iovec *parts, int count, off_t at, int is_write) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == (is_write ? O_RDONLY : O_WRONLY)) return -2;
    pthread_mutex_lock(&lock);
    struct overlay *overlay = overlay_of(fd, is_write);
    ssize_t total = overlay ? 0 : -2;
    if (overlay) {
        off_t start = at < 0 ? REAL(lseek)(fd, 0, SEEK_CUR) : at;
        if (is_write && flags & O_APPEND) start = overlay->size;
        for (int index = 0; index < count; index++) {
            size_t length = parts[index].iov_len;
            ssize_t moved = is_write ? put(overlay, fd, parts[index].iov_base, length, start + total)
                                     : take(overlay, fd, parts[index].iov_base, length, start + total);
            if (moved < 0 && !total) total = -1;
            if (moved > 0) total += moved;
            if (moved < (ssize_t)length) break;
        }
        if (at < 0 && total > 0) REAL(lseek)(fd, start + total, SEEK_SET);
        if (is_write && flags & O_DSYNC && total > 0 && push(fd, overlay)) total = -1;
    }
    pthread_mutex_unlock(&lock);
    return total;
}

#define MOVE(is_write, at, parts, count, otherwise)                   \
    do {                                                              \
        ssize_t moved = move_bytes(fd, parts, count, at, is_write);   \
        return moved == -2 ? (otherwise) : moved;                     \
    } while (0)
#define ONE(pointer, length) (&(struct iovec){(void *)(pointer), length})

ssize_t write(int fd, const void *from, size_t n) { MOVE(1, -1, ONE(from, n), 1, REAL(write)(fd, from, n)); }
ssize_t read(int fd, void *to, size_t n) { MOVE(0, -1, ONE(to, n), 1, REAL(read)(fd, to, n)); }
ssize_t writev(int fd, const struct iovec *v, int n) { MOVE(1, -1, v, n, REAL(writev)(fd, v, n)); }
ssize_t readv(int fd, const struct iovec *v, int n) { MOVE(0, -1, v, n, REAL(readv)(fd, v, n)); }

#define POSITIONED(pwrite, pread, pwritev, pread_v, pwritev2, preadv2)                                                     \
    ssize_t pwrite(int fd, const void *from, size_t n, off_t at) {                                                         \
        MOVE(1, at, ONE(from, n), 1, REAL(pwrite)(fd, from, n, at));                                                          \
    }                                                                                                                      \
    ssize_t pread(int fd, void *to, size_t n, off_t at) { MOVE(0, at, ONE(to, n), 1, REAL(pread)(fd, to, n, at)); }           \
    ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) { MOVE(1, at, v, n, REAL(pwritev)(fd, v, n, at)); }    \
    ssize_t pread_v(int fd, const struct iovec *v, int n, off_t at) { MOVE(0, at, v, n, REAL(pread_v)(fd, v, n, at)); }    \
    ssize_t preadv2(int fd, const struct iovec *v, int n, off_t at, int flags) {                                           \
        MOVE(0, at, v, n, REAL(preadv2)(fd, v, n, at, flags));                                                             \
    }                                                                                                                      \
    ssize_t pwritev2(int fd, const struct iovec *v, int n, off_t at, int flags) {                                          \
        ssize_t moved = move_bytes(fd, v, n, at, 1);                                                                       \
        if (moved == -2) return REAL(pwritev2)(fd, v, n, at, flags);                                                       \
        return moved > 0 && flags & (RWF_DSYNC | RWF_SYNC) && push_if_unsynced(fd) ? -1 : moved;                           \
    }
POSITIONED(pwrite, pread, pwritev, preadv, pwritev2, preadv2)
POSITIONED(pwrite64, pread64, pwritev64, preadv64, pwritev64v2, preadv64v2)

#define SIZES(ftruncate, fallocate, posix_fallocate, lseek)                                             \
    int ftruncate(int fd, off_t size) {                                                                 \
        int result = change_size(fd, size, 0);                                                          \
        return result == -2 ? REAL(ftruncate)(fd, size) : result;                                       \
    }                                                                                                   \
    int fallocate(int fd, int mode, off_t at, off_t length) {                                           \
        if (mode & FALLOC_FL_KEEP_SIZE && !(mode & ~FALLOC_FL_KEEP_SIZE)) return REAL(fallocate)(fd, mode, at, length); \
        if (mode && push_if_unsynced(fd)) return -1;                                                    \
        int result = mode ? -2 : change_size(fd, at + length, 1);                                       \
        return result == -2 ? REAL(fallocate)(fd, mode, at, length) : result;                           \
    }                                                                                                   \
    int posix_fallocate(int fd, off_t at, off_t length) {                                               \
        int result = change_size(fd, at + length, 1);                                                   \
        return result == -2 ? REAL(posix_fallocate)(fd, at, length) : result ? errno : 0;               \
    }                                                                                                   \
    off_t lseek(int fd, off_t offset, int whence) {                                                     \
        pthread_mutex_lock(&lock);                                                                      \
        struct overlay *overlay = whence == SEEK_END ? overlay_of(fd, 0) : NULL;                        \
        off_t at = overlay ? REAL(lseek)(fd, overlay->size + offset, SEEK_SET) : REAL(lseek)(fd, offset, whence); \
        pthread_mutex_unlock(&lock);                                                                    \
        return at;                                                                                      \
    }

/* -2: not ours. */
static int change_size(int fd, off_t size, int only_grow) {
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY || size < 0) return -2;
    pthread_mutex_lock(&lock);
    struct overlay *overlay = overlay_of(fd, 1);
    int result = !overlay ? -2 : only_grow && size <= overlay->size ? 0 : resize(overlay, fd, size);
    pthread_mutex_unlock(&lock);
    return result;
}
SIZES(ftruncate, fallocate, posix_fallocate, lseek)
SIZES(ftruncate64, fallocate64, posix_fallocate64, lseek64)

static void correct(dev_t dev, ino_t ino, mode_t mode, off_t *size) {
    if (!S_ISREG(mode)) return;
    pthread_mutex_lock(&lock);
    struct overlay *overlay = find(dev, ino);
    if (overlay && !overlay->is_through) *size = overlay->size;
    pthread_mutex_unlock(&lock);
}

#define STATS(type, fstat, stat, lstat, fstatat)                                                               \
    int fstat(int fd, type *to) {                                                                              \
        int result = REAL(fstat)(fd, to);                                                                      \
        if (!result) correct(to->st_dev, to->st_ino, to->st_mode, &to->st_size);                               \
        return result;                                                                                         \
    }                                                                                                          \
    int fstatat(int at, const char *path, type *to, int flags) {                                               \
        int result = REAL(fstatat)(at, path, to, flags);                                                       \
        if (!result) correct(to->st_dev, to->st_ino, to->st_mode, &to->st_size);                               \
        return result;                                                                                         \
    }                                                                                                          \
    int stat(const char *path, type *to) { return fstatat(AT_FDCWD, path, to, 0); }                            \
    int lstat(const char *path, type *to) { return fstatat(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW); }
STATS(struct stat, fstat, stat, lstat, fstatat)
STATS(struct stat64, fstat64, stat64, lstat64, fstatat64)

int statx(int at, const char *path, int flags, unsigned mask, struct statx *to) {
    int result = REAL(statx)(at, path, flags, mask, to);
    off_t size = result ? 0 : (off_t)to->stx_size;
    if (!result) {
        correct(makedev(to->stx_dev_major, to->stx_dev_minor), to->stx_ino, to->stx_mode, &size);
        to->stx_size = size;
    }
    return result;
}

/* Changes of names that no fsync of their folder has made durable, newest first. */
struct change {
    struct change *older;
    char kind, *fields[3], *folder;
};

static struct change *changes;
static unsigned long backups;

static char *copy(const char *text) {
    char *copied = text ? strdup(text) : NULL;
    if (text && (!copied || strpbrk(text, "\t\n"))) abort();
    return copied;
}

static void write_changes(int file, const struct change *newest) {
    if (!newest) return;
    write_changes(file, newest->older);
    dprintf(file, "%c\t", newest->kind);
    for (int field = 0; field < 3 && newest->fields[field]; field++) dprintf(file, "%s\t", newest->fields[field]);
    dprintf(file, "\n");
}

/* Replaces the log, whole, so that a kill finds the old one or the new one. */
static void save_changes(void) {
    char new[PATH_MAX + 16], log[PATH_MAX + 16];
    snprintf(new, sizeof new, "%s/log.new", undo_directory);
    snprintf(log, sizeof log, "%s/log", undo_directory);
    int file = REAL(open)(new, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0) abort();
    write_changes(file, changes);
    if (REAL(close)(file) || REAL(rename)(new, log)) abort();
}

/* The path with its folder resolved; -1 if there is no such folder. */
static int absolute(int at, const char *path, char *full) {
    char joined[2 * PATH_MAX + 2] = "", folder[PATH_MAX];
    if (*path != '/' && (at == AT_FDCWD ? !getcwd(joined, PATH_MAX) : path_of(at, joined))) return -1;
    size_t length = strlen(joined);
    if (snprintf(joined + length, sizeof joined - length, "/%s", path) >= PATH_MAX) return -1;
    char *slash = strrchr(joined, '/');
    *slash = 0;
    if (!realpath(*joined ? joined : "/", folder)) return -1;
    return snprintf(full, PATH_MAX, "%s/%s", folder, slash + 1) >= PATH_MAX ? -1 : 0;
}

/* Notes a change that is about to happen below the directory; false if there is nothing to note. */
static int note(char kind, const char *first, const char *second, const char *third) {
    const char *path = kind == 'C' ? first : second;
    if (!undo_directory[0] || !is_below(path)) return 0;
    struct change *change = calloc(1, sizeof *change);
    if (!change) abort();
    *change = (struct change){changes, kind, {copy(first), copy(second), copy(third)}, copy(path)};
    *strrchr(change->folder, '/') = 0;
    changes = change;
    save_changes();
    return 1;
}

static void forget(struct change **at) {
    struct change *change = *at;
    *at = change->older;
    const char *backup = change->kind == 'U' ? change->fields[0] : change->kind == 'R' ? change->fields[2] : "-";
    if (*backup != '-') REAL(unlink)(backup);
    for (int field = 0; field < 3; field++) free(change->fields[field]);
    free(change->folder);
    free(change);
}

static void forget_last(void) {
    forget(&changes);
    save_changes();
}

/* Keeps a file that is about to lose its name under a second one; false if there is no such file. */
static int back_up(const char *path, char *backup) {
    struct stat found;
    if (!is_below(path) || REAL(fstatat)(AT_FDCWD, path, &found, AT_SYMLINK_NOFOLLOW) || !S_ISREG(found.st_mode)) return 0;
    if (snprintf(backup, PATH_MAX, "%s/%lu", undo_directory, ++backups) >= PATH_MAX || link(path, backup)) abort();
    return 1;
}

/* The names in a folder are durable as they are. */
static void keep_names(const char *folder) {
    int is_changed = 0;
    pthread_mutex_lock(&lock);
    for (struct change **at = &changes; *at;)
        if (strcmp((*at)->folder, folder))
            at = &(*at)->older;
        else
            forget(at), is_changed = 1;
    if (is_changed) save_changes();
    pthread_mutex_unlock(&lock);
}

/* Contents become durable. */

static int sync_file(int fd, int (*sync)(int)) {
    int is_folder = 0;
    struct stat disk;
    char path[PATH_MAX];
    if (directory[0] && !raw_stat(fd, &disk)) is_folder = S_ISDIR(disk.st_mode);
    if (!is_folder && push_if_unsynced(fd)) return -1;
    int result = sync(fd);
    if (!result && is_folder && !path_of(fd, path)) keep_names(path);
    return result;
}

int fsync(int fd) { return sync_file(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_file(fd, REAL(fdatasync)); }

int sync_file_range(int fd, off_t at, off_t length, unsigned flags) {
    return push_if_unsynced(fd) ? -1 : REAL(sync_file_range)(fd, at, length, flags);
}

static void leave_alone(int fd) {
    pthread_mutex_lock(&lock);
    struct overlay *overlay = overlay_of(fd, 0);
    if ((!overlay || !push(fd, overlay)) && (overlay = overlay_of(fd, 1))) overlay->is_through = 1;
    pthread_mutex_unlock(&lock);
}

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    if (!(flags & MAP_ANONYMOUS) && fd >= 0) leave_alone(fd);
    return REAL(mmap)(at, length, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap(at, length, protection, flags, fd, offset);
}

static int is_ours(int fd) {
    char path[PATH_MAX];
    return directory[0] && !path_of(fd, path) && is_below(path);
}

ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t length, unsigned flags) {
    if (is_ours(in) || is_ours(out)) return errno = EXDEV, -1;
    return REAL(copy_file_range)(in, in_at, out, out_at, length, flags);
}

ssize_t sendfile(int out, int in, off_t *at, size_t length) {
    if (is_ours(in) || is_ours(out)) return errno = EINVAL, -1;
    return REAL(sendfile)(out, in, at, length);
}

ssize_t sendfile64(int out, int in, off_t *at, size_t length) { return sendfile(out, in, at, length); }

/* Names. */

static int open_file(int at, const char *path, int flags, mode_t mode) {
    if (!directory[0] || !(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE)
        return REAL(openat)(at, path, flags, mode);
    char full[PATH_MAX];
    struct stat found;
    pthread_mutex_lock(&lock);
    int is_new = REAL(fstatat)(at, path, &found, 0) && errno == ENOENT;
    int is_noted = is_new && !absolute(at, path, full) && note('C', full, NULL, NULL);
    int fd = REAL(openat)(at, path, flags & ~O_TRUNC, mode), error = errno;
    if (fd < 0 && is_noted) forget_last();
    if (fd >= 0 && is_new && !raw_stat(fd, &found)) {
        struct overlay *of_former_file = find(found.st_dev, found.st_ino);
        if (of_former_file) drop(of_former_file);
    }
    if (fd >= 0 && !is_new && flags & O_TRUNC) {
        struct overlay *overlay = overlay_of(fd, 1);
        if (overlay)
            resize(overlay, fd, 0);
        else if (REAL(ftruncate)(fd, 0) && errno != EINVAL)
            abort();
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define OPENS(open, openat, creat)                                      \
    int openat(int at, const char *path, int flags, ...) {              \
        va_list rest;                                                   \
        va_start(rest, flags);                                          \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                   \
        return open_file(at, path, flags, mode);                        \
    }                                                                   \
    int open(const char *path, int flags, ...) {                        \
        va_list rest;                                                   \
        va_start(rest, flags);                                          \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                   \
        return open_file(AT_FDCWD, path, flags, mode);                  \
    }                                                                   \
    int creat(const char *path, mode_t mode) {                          \
        return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); \
    }
OPENS(open, openat, creat)
OPENS(open64, openat64, creat64)

int unlinkat(int at, const char *path, int flags) {
    char full[PATH_MAX], backup[PATH_MAX];
    if (!undo_directory[0] || flags & AT_REMOVEDIR) return REAL(unlinkat)(at, path, flags);
    pthread_mutex_lock(&lock);
    int is_noted = !absolute(at, path, full) && back_up(full, backup) && note('U', backup, full, NULL);
    int result = REAL(unlinkat)(at, path, flags), error = errno;
    if (result && is_noted) forget_last();
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int remove(const char *path) {
    int result = unlink(path);
    return result && (errno == EISDIR || errno == EPERM) ? rmdir(path) : result;
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    char full_from[PATH_MAX], full_to[PATH_MAX], backup[PATH_MAX];
    struct stat found;
    pthread_mutex_lock(&lock);
    int is_noted = undo_directory[0] && !flags && !absolute(from_at, from, full_from) && !absolute(to_at, to, full_to) &&
                   is_below(full_from) && !REAL(fstatat)(AT_FDCWD, full_from, &found, AT_SYMLINK_NOFOLLOW);
    if (is_noted) {
        int has_backup = back_up(full_to, backup);
        is_noted = note('R', full_from, full_to, has_backup ? backup : "-");
    }
    int result = flags ? REAL(renameat2)(from_at, from, to_at, to, flags) : REAL(renameat)(from_at, from, to_at, to);
    int error = errno;
    if (result && is_noted) forget_last();
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int renameat(int from_at, const char *from, int to_at, const char *to) { return renameat2(from_at, from, to_at, to, 0); }
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }
