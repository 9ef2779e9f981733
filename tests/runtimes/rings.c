/* SPDX-License-Identifier: MIT */
/*
 * io_uring by liburing, whose calls are its own instructions: rings that are mapped, a worker of the kernel's
 * (SQPOLL), and a wait with all signals blocked but one, whose handler makes calls. With "madvise", workers
 * change mappings: no instruction in this process calls for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t handled;

static void on_signal(int signal)
{
	(void)signal;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(SYS_munmap), "D"(0), "S"(0) : "rcx", "r11", "memory");
	handled += ret == -EINVAL;
}

static void *send_later(void *thread)
{
	usleep(50000);
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

static void read_by(unsigned int flags)
{
	struct io_uring ring;
	struct io_uring_cqe *done;
	char text[4096];
	int fd = open("/etc/passwd", O_RDONLY), err = io_uring_queue_init(64, &ring, flags), good = 0;

	if (err) {
		printf("no ring: %s\n", strerror(-err));
		return;
	}
	for (int i = 0; i < 100; i++) {
		io_uring_prep_read(io_uring_get_sqe(&ring), fd, text, sizeof(text), 0);
		io_uring_submit_and_wait(&ring, 1);
		io_uring_wait_cqe(&ring, &done);
		good += done->res > 0;
		io_uring_cqe_seen(&ring, done);
	}
	printf("%d of 100\n", good);
	io_uring_queue_exit(&ring);
	close(fd);
}

static void wait_masked(void)
{
	struct io_uring ring;
	struct io_uring_cqe *done;
	struct __kernel_timespec long_time = {5, 0};
	pthread_t self = pthread_self(), sender;
	sigset_t all, one;
	int err;

	if (io_uring_queue_init(8, &ring, 0))
		return;
	signal(SIGUSR1, on_signal);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &one, NULL);
	sigfillset(&all);
	sigdelset(&all, SIGUSR1);
	for (int i = 0; i < 2; i++) {
		pthread_create(&sender, NULL, send_later, &self);
		err = io_uring_wait_cqes(&ring, &done, 1, i ? &long_time : NULL, &all);
		pthread_join(sender, NULL);
		printf("%s, handled %d\n", strerror(-err), handled);
	}
	io_uring_queue_exit(&ring);
}

static void advise(void)
{
	struct io_uring ring;
	struct io_uring_cqe *done;
	char *block = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (io_uring_queue_init(8, &ring, 0))
		return;
	io_uring_prep_madvise(io_uring_get_sqe(&ring), block + 4 * 4096, 4 * 4096, MADV_DONTFORK);
	io_uring_submit_and_wait(&ring, 1);
	io_uring_wait_cqe(&ring, &done);
	printf("advised %d\n", done->res);
	io_uring_cqe_seen(&ring, done);
	munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "madvise")) {
		advise();
		return 0;
	}
	read_by(0);
	read_by(IORING_SETUP_SQPOLL);
	wait_masked();
	return 0;
}
