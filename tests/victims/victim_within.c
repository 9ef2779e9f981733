/* SPDX-License-Identifier: MIT */
/*
 * A signal stack that lies in the stack itself, above what is interrupted: a handler maps memory,
 * interrupting by turns two functions that are alike. All that differs is a return address below the
 * handler's frames.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

enum { ROUNDS = 20, SIZE = 65536 };

static int failed;

static void handle(int number)
{
	void *at = (void *)(UINT64_C(0x200000000000) + (uint64_t)failed);

	(void)number;
	if (mmap(at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
		failed = 1;
}

static __attribute__((noinline)) void first(void)
{
	raise(SIGUSR1);
	__asm__ volatile("nop");
}

static __attribute__((noinline)) void second(void)
{
	raise(SIGUSR1);
	__asm__ volatile("nop");
}

int main(void)
{
	char within[SIZE];
	const stack_t stack = {.ss_sp = within, .ss_size = sizeof(within)};
	const struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
	void (*volatile raisers[2])(void) = {first, second};

	if (sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL))
		return 1;
	for (int i = 0; i < 2 * ROUNDS; i++)
		raisers[i % 2]();
	printf("mmap %d\n", 2 * ROUNDS);
	return failed;
}
