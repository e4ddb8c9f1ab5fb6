// What one commit costs by itself: 8 KiB (or argument 2) made durable 2,000 times, by each way that Linux has.
//
//     cc -O2 -o /tmp/ways_to_sync bench/ways_to_sync.c && /tmp/ways_to_sync FOLDER [BYTES]
//
// The file has been written before, as a prepared segment has: no way pays for new blocks. Own CPU is that of this process
// with what the kernel does in its calls; a thread of io_uring's counts too.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { TIMES = 2000, FILE_BYTES = 64 << 20 };

static void must(int ok, const char *what) {
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static double clock_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static double cpu_us(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static int ring_fd;
static unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_mask;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;

static void open_ring(void) {
    struct io_uring_params p = {0};
    ring_fd = syscall(SYS_io_uring_setup, 8, &p);
    must(ring_fd >= 0, "io_uring_setup");
    char *sq = mmap(0, p.sq_off.array + p.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd,
                    IORING_OFF_SQ_RING);
    char *cq = mmap(0, p.cq_off.cqes + p.cq_entries * sizeof(*cqes), PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd,
                    IORING_OFF_CQ_RING);
    sqes = mmap(0, p.sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, IORING_OFF_SQES);
    must(sq != MAP_FAILED && cq != MAP_FAILED && sqes != MAP_FAILED, "mmap");
    sq_tail = (void *)(sq + p.sq_off.tail), sq_mask = (void *)(sq + p.sq_off.ring_mask);
    sq_array = (void *)(sq + p.sq_off.array), cq_head = (void *)(cq + p.cq_off.head);
    cq_mask = (void *)(cq + p.cq_off.ring_mask), cqes = (void *)(cq + p.cq_off.cqes);
}

static struct io_uring_sqe *next_sqe(unsigned *tail) {
    unsigned index = (*tail)++ & *sq_mask;
    sq_array[index] = index;
    return memset(&sqes[index], 0, sizeof(*sqes));
}

// A write and the fsync that is linked to it, in one call.
static void by_ring(int fd, char *data, size_t bytes, off_t at) {
    unsigned tail = *sq_tail;
    struct io_uring_sqe *write = next_sqe(&tail);
    write->opcode = IORING_OP_WRITE, write->fd = fd, write->addr = (unsigned long)data;
    write->len = bytes, write->off = at, write->flags = IOSQE_IO_LINK;
    struct io_uring_sqe *sync = next_sqe(&tail);
    sync->opcode = IORING_OP_FSYNC, sync->fd = fd, sync->fsync_flags = IORING_FSYNC_DATASYNC;
    __atomic_store_n(sq_tail, tail, __ATOMIC_RELEASE);
    must(syscall(SYS_io_uring_enter, ring_fd, 2, 2, IORING_ENTER_GETEVENTS, 0, 0) == 2, "io_uring_enter");
    for (int i = 0; i < 2; i++) {
        unsigned head = *cq_head;
        must(cqes[head & *cq_mask].res >= 0, "io_uring");
        __atomic_store_n(cq_head, head + 1, __ATOMIC_RELEASE);
    }
}

static void by_fdatasync(int fd, char *data, size_t bytes, off_t at) {
    must(pwrite(fd, data, bytes, at) == (ssize_t)bytes && fdatasync(fd) == 0, "pwrite and fdatasync");
}

static void by_dsync(int fd, char *data, size_t bytes, off_t at) {
    struct iovec part = {data, bytes};
    must(pwritev2(fd, &part, 1, at, RWF_DSYNC) == (ssize_t)bytes, "pwritev2");
}

static void measure(const char *what, const char *path, int flags, void (*commit)(int, char *, size_t, off_t), size_t bytes) {
    int fd = open(path, O_RDWR | flags);
    must(fd >= 0, path);
    char *data = aligned_alloc(4096, bytes);
    memset(data, 7, bytes);
    off_t at = 0;
    double began = clock_us(), cpu_began = cpu_us();
    for (int i = 0; i < TIMES; i++) {
        commit(fd, data, bytes, at);
        at = at + 2 * bytes > FILE_BYTES ? 0 : at + bytes;
    }
    printf("%-48s %6.1f us, own CPU %5.1f us\n", what, (clock_us() - began) / TIMES, (cpu_us() - cpu_began) / TIMES);
    free(data);
    close(fd);
}

int main(int count, char **arguments) {
    must(count >= 2, "usage: ways_to_sync FOLDER [BYTES]");
    size_t bytes = count > 2 ? strtoul(arguments[2], 0, 10) / 4096 * 4096 : 8192;
    must(bytes > 0 && bytes <= FILE_BYTES / 2, "BYTES");
    char path[4096];
    snprintf(path, sizeof(path), "%s/ways_to_sync.data", arguments[1]);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0, path);
    static char zeros[1 << 20];
    for (off_t at = 0; at < FILE_BYTES; at += sizeof(zeros)) must(pwrite(fd, zeros, sizeof(zeros), at) > 0, "pwrite");
    must(fsync(fd) == 0, "fsync");
    open_ring();
    for (int round = 0; round < 3; round++) {
        measure("pwrite, fdatasync", path, 0, by_fdatasync, bytes);
        measure("pwritev2 with RWF_DSYNC", path, 0, by_dsync, bytes);
        measure("io_uring: write and a linked fsync", path, 0, by_ring, bytes);
        measure("pwrite past the page cache, fdatasync", path, O_DIRECT, by_fdatasync, bytes);
        measure("pwritev2 with RWF_DSYNC past the page cache", path, O_DIRECT, by_dsync, bytes);
    }
    unlink(path);
    return 0;
}
