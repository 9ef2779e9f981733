/* SPDX-License-Identifier: MIT */
/*
 * A timer whose handler maps and unmaps, while the program does the same. With "altstack" the handler runs on 8 KiB of its
 * own, with "jump" it leaves by siglongjmp now and then. Prints how often the handler ran.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

static volatile sig_atomic_t ran, jumping;
static sigjmp_buf back;

static void map_and_unmap(void *at)
{
	void *page = mmap(at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || munmap(page, 4096))
		abort();
}

static void on_alarm(int signal)
{
	(void)signal;
	ran++;
	map_and_unmap((void *)0x210000000000);
	if (jumping && ran % 16 == 0)
		siglongjmp(back, 1);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { { 0, 200 }, { 0, 200 } };
	static char stack[8192];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	volatile int i = 0;

	if (argc > 1 && !strcmp(argv[1], "altstack")) {
		sigaltstack(&alternate, NULL);
		action.sa_flags = SA_ONSTACK;
	}
	jumping = argc > 1 && !strcmp(argv[1], "jump");
	sigaction(SIGALRM, &action, NULL);
	sigsetjmp(back, 1);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (; i < 30000; i++)
		map_and_unmap((void *)0x200000000000);
	timer = (struct itimerval){ { 0, 0 }, { 0, 0 } };
	setitimer(ITIMER_REAL, &timer, NULL);
	printf("%d\n", (int)ran);
	return 0;
}
